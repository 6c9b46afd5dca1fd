"""Two files that overlap and contradict each other end as one set of profiles.

By the worker's fold, with partitions and mail in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from ccstream.client.contact_points import ContactPoints
from ccstream.domain.events import Event, IdentifiersLinked
from ccstream.domain.moment import Scope
from ccstream.domain.window import WindowLimits
from ccstream.engine.aggregates import Rules, make_plans
from ccstream.engine.fold import Folder
from ccstream.engine.outlet import Outlet
from ccstream.engine.partition import Partition
from ccstream.engine.store import Table
from ccstream.imports.staging import Claim, Staging
from ccstream.ops.settings import Settings
from ccstream.wire.catalogue import MAIL_TOPIC, REJECTED_TOPIC, TABLES, input_topic
from ccstream.wire.headers import BY_HAND
from ccstream.wire.partition import partition_for
from ccstream.wire.rejected import decode_rejected
from ccstream.wire.rows import ROW_CODECS
from tests.engine.world import CODEC, RecordingDelivery
from tests.imports import overlap
from tests.imports.conftest import NOW, RULES, Stage, Staged
from tests.imports.customer_files import CRM_MAP, LOYALTY_MAP, Truth, write_files
from tests.properties import reference_links as plain
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
            identifiers=RULES,
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


def by_spanning_forest(some: Iterable[Event]) -> dict[str, str]:
    """The root of each identifier that has another, by nothing but the links that are stated."""
    said = {
        plain.Link(event.event_id, event.occurred_at, event.subject, account, "observed")
        for event in some
        if isinstance(event, IdentifiersLinked)
        for account in event.identifiers
    }
    roots, _ = plain.roots_of(said, lambda key: key.startswith("customer:"))
    return {name: root for name, root in roots.items() if name != root}


def learning(fold: Fold) -> Callable[[Staging], None]:
    """As `learn_accounts` does from the topic of aliases."""

    def learn(staging: Staging) -> None:
        for one in fold.partitions:
            aliases = one.tables["aliases"]
            for key in sorted(aliases.keys()):
                entry = aliases.get(key)
                if entry is not None and staging.names(key) and entry.state.root:
                    staging.know(key, Claim(entry.state.root, entry.state.since))

    return learn


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
    second = stage(loyalty, LOYALTY_MAP, learning(fold))
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
    again = stage(loyalty, LOYALTY_MAP, learning(fold))
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
    again = stage(loyalty, LOYALTY_MAP, learning(fold))
    fold.take(events(again))  # now the cards that had an address alone are found
    end_as_one_set(fold, truth)


@pytest.mark.parametrize(
    ("seed", "shared"),
    [
        (1, 0.05),
        # Cards of two accounts' addresses.
        (3, 0.05),
        # An address that is the neighbour's for a moment, while what is known of both is gathered.
        (7, 0.3),
    ],
)
def test_whatever_two_files_say_of_each_other_s_customers_ends_as_all_of_it_together_says(
    stage: Stage, tmp_path: Path, points: ContactPoints, seed: int, shared: float
) -> None:
    files = overlap.write_files(tmp_path, 600, seed, shared=shared)
    wanted = overlap.expected(files, points)
    fold = Fold()
    crm = stage(files.crm, CRM_MAP)
    fold.take(events(crm))
    loyalty = stage(files.loyalty, LOYALTY_MAP, learning(fold))
    fold.take(events(loyalty))
    for path, mapping in ((files.crm, CRM_MAP), (files.loyalty, LOYALTY_MAP)):
        fold.take(events(stage(path, mapping, learning(fold))))  # again: nothing changes
    roots = {key: fold.state("aliases", key).root for key in fold.keys("aliases")}  # type: ignore[attr-defined]
    assert roots == wanted.roots
    assert roots == by_spanning_forest((*events(crm), *events(loyalty)))
    traits = {
        key: {name: kept[0].value for name, kept in fold.state("profiles", key).values().items()}  # type: ignore[attr-defined]
        for key in fold.keys("profiles")
    }
    assert traits == wanted.traits
    assert crm.report.conflicts.identifiers > 0
    assert not fold.rejected


def test_a_row_finds_its_account_by_one_that_has_found_it(stage: Stage, tmp_path: Path) -> None:
    head = "card,customer,email,town,size,changed\n"
    rows = (
        "k1,7,a@example.org,,,2020-01-03",
        "k2,,a@example.org,,,2020-01-02",
        "k2,,b@example.org,,,2020-01-01",
        "k3,,b@example.org,,,2020-01-04",
        "k4,,c@example.org,,,2020-01-05",
    )
    done = stage(head + "\n".join(rows) + "\n", LOYALTY_MAP)
    assert (done.report.named, done.report.found, done.report.unmatched) == (1, 3, 1)
    whose = {facts.number: done.plan.account_of(facts) for facts in done.facts}
    assert whose == dict.fromkeys((2, 3, 4, 5), "customer:7") | {6: None}


def test_a_card_of_two_addresses_goes_to_the_first_one_s_account_and_again_changes_nothing(
    stage: Stage,
) -> None:
    head = "card,customer,email,town,size,changed\n"
    rows = (
        "k1,7,a@example.org,,,2020-01-01",
        "k2,8,b@example.org,,,2020-01-09",
        "k9,,b@example.org,,,2020-01-05",
        "k9,,a@example.org,,,2020-01-04",
    )
    fold = Fold()

    def roots() -> dict[str, str]:
        return {key: fold.state("aliases", key).root for key in fold.keys("aliases")}  # type: ignore[attr-defined]

    done = stage(head + "\n".join(rows) + "\n", LOYALTY_MAP)
    fold.take(events(done))
    first = roots()
    assert first["loyalty:k9"] == "customer:7"
    assert {done.plan.account_of(facts) for facts in done.facts if facts.account is None} == {
        "customer:7"
    }
    again = stage(head + "\n".join(rows) + "\n", LOYALTY_MAP, learning(fold))
    assert [*events(again)] == [*events(done)], "the very same events"
    fold.take(events(again))
    assert roots() == first


def test_of_two_accounts_a_card_s_first_claim_counts_and_a_device_s_last(stage: Stage) -> None:
    mapping = LOYALTY_MAP + '[[identifier]]\nnamespace = "app"\ncolumn = "app"\n'
    head = "card,customer,email,town,size,changed,app\n"
    rows = (
        "k1,7,a@example.org,,,2020-01-01,x1",
        "k2,8,a@example.org,,,2020-01-02,x1",
        "k3,,a@example.org,,,2020-01-03,",
        ",,,,,2020-01-04,x1",
    )
    done = stage(
        head + "\n".join(rows) + "\n",
        mapping.replace('key = "card"', 'key = "changed"'),
    )
    whose = {facts.number: done.plan.account_of(facts) for facts in done.facts}
    assert (whose[4], whose[5]) == ("customer:7", "customer:8")
