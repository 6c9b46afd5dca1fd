"""What leaves has ciphertext in its personal fields, and its key goes before it."""

from __future__ import annotations

from typing import Any, cast

import pytest

from ccstream.client import sealer as sealing
from ccstream.client.event_writer import EventWriter
from ccstream.client.known_keys import KnownKeys
from ccstream.client.sealer import NewKey, Sealer
from ccstream.domain.events import CartItemAdded, PersonalKeyProvided, ProfileUpdated, Trait
from ccstream.domain.personal_keys import PersonalKey
from ccstream.errors import InvalidEventError, PersonalKeyError
from ccstream.ops.vault import SecretMasterKey, Vault
from ccstream.wire.codec import Codec
from ccstream.wire.personal import is_ciphertext, key_id_of

ADA = "customer:42"
VAULT = Vault(SecretMasterKey("m" * 40))


class Log:
    """What a publisher would have read of the log."""

    def __init__(self) -> None:
        self.keys: list[PersonalKey] = []
        self.gone = 0

    def of(self, entity: str) -> tuple[PersonalKey, ...]:
        return tuple(key for key in self.keys if key.entity == entity)

    def take(self, new: NewKey, entity: str = ADA) -> None:
        self.keys.append(PersonalKey(new.key_id, entity, new.master_id, new.wrapped, 0, "e"))


@pytest.fixture
def log() -> Log:
    return Log()


def sealer(log: Log, vault: Vault = VAULT) -> Sealer:
    return Sealer(vault, cast(KnownKeys, log))


def stated(*values: str | None, subject: str = ADA) -> ProfileUpdated:
    return ProfileUpdated(
        event_id="e",
        occurred_at=1,
        channel="web",
        source="shop",
        subject=subject,
        traits=tuple(Trait("name", value) for value in values),
    )


def test_the_first_event_of_a_person_brings_a_key_and_later_ones_use_it(log: Log) -> None:
    one = sealer(log)
    first, new = one.seal(stated("Ada", None))
    again, nothing = one.seal(stated("Ada"))
    assert new is not None and nothing is None
    value = first.traits[0].value
    assert value is not None and is_ciphertext(value) and key_id_of(value) == new.key_id
    assert first.traits[1].value is None
    assert again.traits[0].value == value


def test_an_event_without_personal_values_brings_none(log: Log) -> None:
    one = sealer(log)
    for event in (stated(None), stated("ccx1." + "k" * 22 + "." + "c" * 24)):
        assert one.seal(event) == (event, None)


def test_the_key_in_the_log_is_used_whoever_made_it(log: Log) -> None:
    here, there = sealer(log), sealer(log)
    _, ours = here.seal(stated("Ada"))
    _, theirs = there.seal(stated("Ada"))
    assert ours is not None and theirs is not None and ours.key_id != theirs.key_id
    log.take(theirs)
    log.take(ours)
    for one in (here, there, sealer(log)):
        sealed, new = one.seal(stated("Ada"))
        assert new is None
        assert key_id_of(sealed.traits[0].value or "") == theirs.key_id


def test_a_key_that_the_log_does_not_show_is_published_again(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = sealer(log)
    _, new = one.seal(stated("Ada"))
    monkeypatch.setattr(sealing, "AGAIN_S", 0.0)
    assert one.seal(stated("Ada"))[1] == new


def test_a_destroyed_key_is_not_used_again(log: Log) -> None:
    one = sealer(log)
    _, new = one.seal(stated("Ada"))
    assert new is not None
    log.take(new)
    assert one.seal(stated("Ada"))[1] is None
    log.keys.clear()
    log.gone += 1
    _, another = one.seal(stated("Ada"))
    assert another is not None and another.key_id != new.key_id


def test_without_the_master_key_nothing_is_encrypted_with_another(log: Log) -> None:
    _, new = sealer(log).seal(stated("Ada"))
    assert new is not None
    log.take(new)
    with pytest.raises(PersonalKeyError, match="lest half of a person"):
        sealer(log, Vault(SecretMasterKey("n" * 40))).seal(stated("Ada"))


def test_unwrapped_keys_are_bounded(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "CACHED_MAX", 2)
    one = sealer(log)
    for number in range(9):
        one.seal(stated("Ada", subject=f"customer:{number}"))
    assert len(one._held) == 2


def written(log: Log, event: Any) -> tuple[EventWriter, Any]:
    writer = EventWriter("web", "shop", "t", 0, Codec(), 1_000_000, sealer=sealer(log))
    return writer, writer.write(event)


def test_the_writer_has_the_key_s_record_to_go_first(log: Log) -> None:
    writer, record = written(log, stated("Ada"))
    (before,) = writer.take_keys()
    key = Codec().decode_event(before.value)
    assert isinstance(key, PersonalKeyProvided)
    assert (before.topic, before.key) == (record.topic, record.key)
    assert b"Ada" not in record.value and b"Ada" not in before.value
    assert writer.take_keys() == []


def test_the_rules_are_checked_before_anything_is_encrypted(log: Log) -> None:
    with pytest.raises(InvalidEventError, match="longer than"):
        written(log, stated("x" * 1_001))
    writer, _ = written(
        log,
        CartItemAdded(
            event_id="e",
            occurred_at=1,
            channel="web",
            source="s",
            subject=ADA,
            sku="tea",
            quantity=1,
        ),
    )
    assert writer.take_keys() == []
