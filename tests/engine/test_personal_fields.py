"""Where personal fields are to be ciphertext, a worker lets no plain one in, nor keeps it."""

from __future__ import annotations

from typing import Any

import pytest

from ccstream.domain import reasons
from ccstream.domain.events import (
    IdentifiersLinked,
    InteractionLogged,
    PersonalKeyProvided,
    ProfileUpdated,
    Trait,
)
from ccstream.domain.limits import LINES_MAX
from ccstream.domain.profile import Policies
from ccstream.domain.touch import TouchLimits
from ccstream.domain.window import WindowLimits
from ccstream.engine.aggregates import Rules, make_plans
from ccstream.engine.fold import Folder
from ccstream.engine.outlet import Outlet
from ccstream.wire.mail import encode_mail
from ccstream.wire.personal import ciphertext_of
from tests.engine.world import CHANNELS, CODEC, INPUTS, NOW, World, key_living_at

ADA = key_living_at(0)
VISITOR = key_living_at(0, "visitor")
SEALED = ciphertext_of("k" * 22, "c" * 24)
DAY_MS = 86_400_000


class Strict(World):
    """A partition of an application that asks for ciphertext."""

    def __init__(self) -> None:
        rules = Rules(LINES_MAX, TouchLimits(), Policies(), ciphertext_only=True)
        super().__init__(plans=make_plans(rules))
        self.folder = Folder(
            decode=CODEC.decode_event,
            topics=INPUTS,
            channels=CHANNELS,
            plans=make_plans(rules),
            outlet=Outlet(self.delivery, "app", 1_000_000, ciphertext_only=True),
            window_limits=WindowLimits(),
            append_time=True,
        )


def meta(name: str = "e", at: int = NOW, subject: str = ADA) -> dict[str, Any]:
    return {
        "event_id": name,
        "occurred_at": at,
        "channel": "web",
        "source": "shop",
        "subject": subject,
    }


def stated(value: str, **more: Any) -> ProfileUpdated:
    return ProfileUpdated(**meta(**more), traits=(Trait("name", value),))


def key(name: str = "key", subject: str = ADA, **more: Any) -> PersonalKeyProvided:
    return PersonalKeyProvided(
        **meta(name, subject=subject, **more), key_id="k" * 22, master_id="m", wrapped="w" * 40
    )


PLAIN = (
    stated("Ada Lovelace"),
    InteractionLogged(**meta(), interaction_id="i", kind="call", topic="t", outcome="Ada Lovelace"),
)


@pytest.mark.parametrize("event", PLAIN, ids=["trait", "outcome"])
def test_a_plain_value_is_rejected_and_not_repeated(event: Any) -> None:
    world = Strict()
    sent = world.fold(event)
    (letter,) = world.rejected
    assert letter.reason == reasons.PLAIN_PERSONAL_VALUE
    assert letter.value is None and letter.value_bytes > 0
    assert not any(b"Lovelace" in (one.value or b"") for one in sent)
    assert world.state("profiles", ADA) is None


@pytest.mark.parametrize("event", PLAIN, ids=["trait", "outcome"])
def test_where_plain_ones_are_let_in_it_is_taken(event: Any) -> None:
    world = World()
    world.fold(event)
    assert world.rejected == []


def test_a_plain_value_is_not_repeated_either_where_something_else_was_wrong() -> None:
    world = Strict()
    world.fold(stated("Ada Lovelace", at=NOW - 60 * DAY_MS))
    world.fold_bytes(ADA.encode(), b"Ada Lovelace")
    assert [one.reason for one in world.rejected] == [reasons.TOO_LATE, reasons.NOT_AVRO]
    assert [one.value for one in world.rejected] == [None, None]


def test_ciphertext_is_taken_and_a_rejected_one_is_kept() -> None:
    world = Strict()
    world.fold(key(), stated(SEALED))
    assert world.rejected == []
    assert world.state("profiles", ADA).traits["name"][0].value == SEALED
    world.fold(stated(SEALED, name="late", at=NOW - 60 * DAY_MS))
    assert world.rejected[0].value is not None


@pytest.mark.parametrize("world", [World(), Strict()], ids=["plain", "ciphertext"])
def test_a_key_is_in_no_dead_letter(world: World) -> None:
    world.fold(key(at=NOW - 60 * DAY_MS))
    (letter,) = world.rejected
    assert letter.reason == reasons.TOO_LATE and letter.value is None


def test_at_a_log_in_the_account_takes_the_visitor_s_keys_over() -> None:
    world = Strict()
    world.fold(key(subject=VISITOR), stated(SEALED, subject=VISITOR))
    world.fold(IdentifiersLinked(**meta("in", subject=VISITOR), identifiers=(ADA,)))
    delivered = 0
    while delivered < len(world.letters):
        mail = world.letters[delivered][1]
        delivered += 1
        world.fold_bytes(mail.to.encode(), encode_mail(mail), topic=2)
    assert [one.entity for one in world.state("keys", ADA).keys] == [VISITOR]
    assert world.state("keys", VISITOR) is None
    assert not any("keys" in one.topic for one in world.delivery.sent)
