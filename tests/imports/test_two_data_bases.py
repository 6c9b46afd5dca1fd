"""Two files that overlap and contradict each other end as one set of profiles.

By the worker's fold, with partitions and mail in memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from ccstream.domain.events import Event
from ccstream.domain.moment import Scope
from ccstream.domain.window import WindowLimits
from ccstream.engine.aggregates import Rules, make_plans
from ccstream.engine.fold import Folder
from ccstream.engine.outlet import Outlet
from ccstream.engine.partition import Partition
from ccstream.engine.store import Table
from ccstream.imports.staging import Claim
from ccstream.ops.settings import Settings
from ccstream.wire.catalogue import MAIL_TOPIC, REJECTED_TOPIC, TABLES, input_topic
from ccstream.wire.headers import BY_HAND
from ccstream.wire.partition import partition_for
from ccstream.wire.rejected import decode_rejected
from ccstream.wire.rows import ROW_CODECS
from tests.engine.world import CODEC, RecordingDelivery
from tests.imports.conftest import NOW, Stage, Staged
from tests.imports.customer_files import CRM_MAP, LOYALTY_MAP, Truth, write_files
from tests.simulation.broker import LogRecord

PARTITIONS = 4
CHANNELS = ("call_centre", "store", None)
TOPICS = (input_topic("call_centre"), input_topic("store"), MAIL_TOPIC)


class Fold:
    """All partitions, and the letters between them."""

    def __init__(self) -> None:
        self.delivery = RecordingDelivery()
        self.folder = Folder(
            decode=CODEC.decode_event,
            topics=TOPICS,
            channels=CHANNELS,
            plans=make_plans(Rules.of(Settings.load())),
            outlet=Outlet(self.delivery, "app", 1_000_000),
            window_limits=WindowLimits(),
            append_time=True,
        )
        self.partitions = []
        for number in range(PARTITIONS):
            tables = {name: Table(name, ROW_CODECS[name], 10_000) for name in TABLES}
            one = Partition(Scope(b"stateid8", number, PARTITIONS), tables, [-1] * len(TOPICS))
            one.begin_epoch(1)
            self.partitions.append(one)
        self.offset = 0
        self.rejected: list[str] = []

    def take(self, events: Iterable[Event]) -> None:
        for event in events:
            headers = [(BY_HAND, b"")]
            key = event.subject.encode()
            self._fold(CHANNELS.index(event.channel), key, CODEC.encode_event(event), headers)
            while self.delivery.sent:
                sent, self.delivery.sent = self.delivery.sent, []
                for one in sent:
                    if one.topic == MAIL_TOPIC:
                        to = one.key.encode() if isinstance(one.key, str) else one.key
                        self._fold(2, to, one.value, one.headers)
                    elif one.topic == REJECTED_TOPIC:
                        self.rejected.append(decode_rejected(one.value).reason)

    def _fold(self, topic: int, key: bytes, value: bytes | None, headers: object) -> None:
        self.offset += 1
        home = partition_for(key, PARTITIONS)
        place = (TOPICS[topic], home)
        record = LogRecord(place, self.offset, NOW, key, value, headers, None)  # type: ignore[arg-type]
        self.folder.fold(self.partitions[home], topic, record)
        if self.offset % 5_000 == 0:
            for partition in self.partitions:
                list(partition.drain())

    def state(self, table: str, key: str) -> object:
        entry = self.partitions[partition_for(key.encode(), PARTITIONS)].tables[table].get(key)
        return None if entry is None else entry.state

    def keys(self, table: str) -> set[str]:
        return set().union(*(one.tables[table].keys() for one in self.partitions))

    def trait(self, key: str, name: str) -> str | None:
        profile = self.state("profiles", key)
        kept = {} if profile is None else profile.values()  # type: ignore[attr-defined]
        return kept[name][0].value if name in kept else None


def events(staged: Staged) -> Iterator[Event]:
    return (event for _, some in staged.plan.rows() for event in some)


def learn(staged: Staged, fold: Fold) -> None:
    """As `learn_accounts` does from the topic of aliases."""
    for one in fold.partitions:
        aliases = one.tables["aliases"]
        for key in sorted(aliases.keys()):
            entry = aliases.get(key)
            if entry is not None and staged.staging.names(key) and entry.state.root:
                staged.staging.know(key, Claim(entry.state.root, entry.state.since))


def end_as_one_set(fold: Fold, truth: Truth) -> None:
    wrong = {a: c for a, c in truth.city.items() if fold.trait(a, "city") != c}
    assert not wrong
    assert not {a: s for a, s in truth.size.items() if fold.trait(a, "shoe_size") != s}
    for card, account in truth.cards.items():
        alias = fold.state("aliases", card)
        assert alias is not None and alias.root == account  # type: ignore[attr-defined]
    strangers = {key for key in fold.keys("profiles") if not key.startswith("customer:")}
    assert not {key for key in strangers if key in truth.cards}
    assert not fold.rejected


def both(stage: Stage, folder: Path, rows: int) -> tuple[Fold, Truth, Staged, Staged]:
    crm, loyalty, truth = write_files(folder, rows)
    fold = Fold()
    first = stage(crm, CRM_MAP)
    fold.take(events(first))
    second = stage(loyalty, LOYALTY_MAP)
    learn(second, fold)
    fold.take(events(second))
    return fold, truth, first, second


def test_both_files_end_as_one_set_of_profiles_and_again_change_nothing(
    stage: Stage, tmp_path: Path
) -> None:
    fold, truth, first, second = both(stage, tmp_path, 1_000)
    end_as_one_set(fold, truth)
    before = {
        (table, key): fold.state(table, key)
        for table in ("profiles", "consents", "aliases")
        for key in fold.keys(table)
    }
    fold.take(events(first))
    fold.take(events(second))
    after = {
        (table, key): fold.state(table, key)
        for table in ("profiles", "consents", "aliases")
        for key in fold.keys(table)
    }
    assert after == before
    assert not fold.rejected


@pytest.mark.long
@pytest.mark.timeout(300)
def test_five_thousand_rows_end_as_one_set_of_profiles(stage: Stage, tmp_path: Path) -> None:
    fold, truth, *_ = both(stage, tmp_path, 5_000)
    end_as_one_set(fold, truth)


def test_a_card_without_a_number_finds_its_account_by_its_address(
    stage: Stage, tmp_path: Path
) -> None:
    crm, loyalty, truth = write_files(tmp_path, 200)
    second = stage(loyalty, LOYALTY_MAP)
    unmatched = second.report.unmatched
    assert unmatched > 20  # nothing is known yet but what the file itself says
    fold = Fold()
    fold.take(events(stage(crm, CRM_MAP)))
    again = stage(loyalty, LOYALTY_MAP)
    learn(again, fold)
    found = {again.plan.account_of(facts) for facts in again.facts if facts.account is None}
    assert found - {None} <= set(truth.cards.values())
    assert len(found - {None}) >= unmatched - 5


def test_the_order_of_the_files_makes_no_difference_where_rows_name_their_account(
    stage: Stage, tmp_path: Path
) -> None:
    crm, loyalty, truth = write_files(tmp_path, 400)
    fold = Fold()
    fold.take(events(stage(loyalty, LOYALTY_MAP)))
    fold.take(events(stage(crm, CRM_MAP)))
    again = stage(loyalty, LOYALTY_MAP)
    learn(again, fold)
    fold.take(events(again))  # now the cards that had an address alone are found
    end_as_one_set(fold, truth)
