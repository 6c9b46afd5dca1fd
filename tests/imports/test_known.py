"""An import that goes on decides by what was known when it began, not by what is being folded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Producer

from ccstream.domain.identity import Alias
from ccstream.imports.facts import Facts
from ccstream.imports.known import learn_accounts
from ccstream.imports.staging import Staging
from ccstream.ops.settings import Settings
from ccstream.wire.catalogue import SYNC_TOPICS
from ccstream.wire.entry import Entry
from ccstream.wire.sync import SYNC_CODECS
from tests.support.topics import make_topic
from tests.wire.test_sync import a_cause


class Aliases:
    """The topic of aliases, as a worker writes it."""

    def __init__(self, bootstrap: str) -> None:
        make_topic(bootstrap, SYNC_TOPICS["aliases"])
        self._producer = Producer({"bootstrap.servers": bootstrap})
        self._versions: dict[str, int] = {}

    def publish(self, key: str, root: str, since: int, *, base: int | None = None) -> None:
        """A word of an identifier; ``base`` if its first ones are not in the log any more."""
        before = self._versions.get(key, 0) if base is None else base
        self._versions[key] = before + 1
        entry = Entry(Alias(root, since, "e"), before + 1)
        said = SYNC_CODECS["aliases"].encode_synced(key, entry, before, a_cause(), None, b"")
        self._producer.produce(SYNC_TOPICS["aliases"], said, key)
        self._producer.flush(10)


@pytest.fixture
def aliases(embedded_kafka: str) -> Aliases:
    return Aliases(embedded_kafka)


@pytest.fixture
def stagings(tmp_path: Path, unique: str) -> Iterator[tuple[Staging, Staging]]:
    """Of the import as it began, and as it goes on: both have rows of the same identifiers."""
    (tmp_path / "1").mkdir()
    (tmp_path / "2").mkdir()
    identifiers = tuple(f"loyalty:{unique}-{name}" for name in ("old", "new", "gone", "compacted"))
    with Staging(tmp_path / "1") as began, Staging(tmp_path / "2") as goes_on:
        for staging in (began, goes_on):
            staging.add(Facts(1, "k", "d", 5, None, identifiers[0], identifiers, (), ()))
        yield began, goes_on


def test_what_was_folded_meanwhile_decides_nothing_in_an_import_that_goes_on(
    embedded_kafka: str, aliases: Aliases, stagings: tuple[Staging, Staging], unique: str
) -> None:
    settings = Settings.load(kafka__bootstrap=embedded_kafka)
    old, new, gone, compacted = (
        f"loyalty:{unique}-{name}" for name in ("old", "new", "gone", "compacted")
    )
    aliases.publish(old, "customer:1", 10)
    aliases.publish(gone, "customer:1", 10)
    aliases.publish(gone, "", 11)
    began, goes_on = stagings
    known_to = learn_accounts(settings, began, lambda _: None, {})
    assert began.holder(old, first=True) == "customer:1"
    aliases.publish(old, "customer:2", 8)
    aliases.publish(new, "customer:2", 8)
    aliases.publish(new, "customer:3", 7)
    aliases.publish(gone, "customer:2", 8)
    aliases.publish(compacted, "customer:4", 6, base=3)
    assert learn_accounts(settings, goes_on, lambda _: None, known_to) == known_to
    for identifier in (old, new, gone):
        found = goes_on.holder(identifier, first=True)
        assert found == began.holder(identifier, first=True), identifier
    assert goes_on.holder(compacted, first=True) == "customer:4", "its earlier word is gone"
    assert goes_on.linked_already(old, "customer:1")
    assert goes_on.conflicts(1).identifiers == 0
