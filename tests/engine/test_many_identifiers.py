"""An account of a thousand devices, and ten thousand links to one card, cost each event no more.

The clock is the thread's processor time, and a share of events is compared with another, so that a
busy machine says the same as an idle one. As in a worker, Python's collector is off: all that other
tests have left behind would take it a quarter of a second.
"""

from __future__ import annotations

import gc
import time
from collections import deque
from collections.abc import Iterator

import pytest

from ccstream.domain.events import Event, IdentifiersLinked
from ccstream.ops.identity_rules import load_identifier_rules
from ccstream.wire.partition import partition_for
from ccstream.wire.rows import ROW_CODECS
from tests.engine.world import INPUTS, NOW, PARTITIONS, Sent, World, added, key_living_at

RULES = load_identifier_rules(None)
MAIL = INPUTS.index("ccstream.mail.v1")
ACCOUNT = key_living_at(0)
HUB = key_living_at(0, "loyalty")

DEVICES = 1_000
LINKS = 10_000
STEP_MS_MAX = 250
"""Of processor time that one record may take: a pause that nobody sees on a screen. The longest
takes some 20 ms, interpreted; what grew with the links would take seconds."""
TIMES_MAX = 4
"""What the last tenth of the links may take, to the first; it is about one."""
BYTES_MAX = 1_024
"""By which the rows of the card may differ: what is kept of it is full by then."""


@pytest.fixture(autouse=True)
def collector_off() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


class Row:
    """All partitions and the mail between them, in order, timed; what is put out is forgotten."""

    def __init__(self) -> None:
        self._worlds = [World(identifiers=RULES, number=number) for number in range(PARTITIONS)]
        self._mail: deque[Sent] = deque()
        self.rejected = 0
        self.longest_ms = 0.0
        self.folded = 0

    def home(self, key: str) -> World:
        return self._worlds[partition_for(key.encode(), PARTITIONS)]

    def bytes_of(self, key: str) -> int:
        """Of all rows of an entity, as their changelogs have them."""
        tables = self.home(key).partition.tables
        rows = ((name, table.get(key)) for name, table in tables.items())
        return sum(len(ROW_CODECS[name].encode_row(row)) for name, row in rows if row is not None)

    def fold(self, event: Event) -> float:
        """Fold an event and all that it leads to; seconds of processor time."""
        begun = time.thread_time()
        self._timed(self.home(event.subject), event)
        while self._mail:
            letter = self._mail.popleft()
            self._timed(self._worlds[letter.partition], letter)
        return time.thread_time() - begun

    def _timed(self, world: World, work: Event | Sent) -> None:
        begun = time.thread_time()
        if isinstance(work, Sent):
            assert isinstance(work.key, str)
            world.fold_bytes(work.key.encode(), work.value, topic=MAIL)
        else:
            world.fold(work)
        self.longest_ms = max(self.longest_ms, (time.thread_time() - begun) * 1_000)
        self.folded += 1
        if self.folded % 1_000 == 0:
            list(world.partition.drain())
        self._mail.extend(one for one in world.delivery.sent if one.topic == INPUTS[MAIL])
        self.rejected += sum(one.topic == "ccstream.rejected.v1" for one in world.delivery.sent)
        world.delivery.sent.clear()


def link(number: int, subject: str, other: str) -> IdentifiersLinked:
    return IdentifiersLinked(
        event_id=f"l{number}",
        occurred_at=NOW + number,
        channel="web",
        source="shop-1",
        subject=subject,
        identifiers=(other,),
        reason="told",
    )


def test_an_account_of_a_thousand_devices_answers_each_of_them_as_quickly_as_the_first() -> None:
    row = Row()
    costs = []
    for number in range(DEVICES):
        device = f"visitor:v{number}"
        cost = row.fold(link(number, device, ACCOUNT))
        cost += row.fold(added(event_id=f"a{number}", subject=device, occurred_at=NOW + number))
        costs.append(cost)
    tenth = DEVICES // 10
    assert sum(costs[-tenth:]) < TIMES_MAX * sum(costs[:tenth])
    assert row.longest_ms < STEP_MS_MAX
    assert row.rejected == 0
    assert row.home(ACCOUNT).quantity(ACCOUNT) == DEVICES


@pytest.mark.long
@pytest.mark.timeout(240)
def test_ten_thousand_links_to_one_card_neither_stall_its_partition_nor_grow() -> None:
    row = Row()
    tenth = LINKS // 10
    costs = [row.fold(link(n, f"email:{n + 1:064x}", HUB)) for n in range(tenth)]
    before = row.bytes_of(HUB)
    costs += [row.fold(link(n, f"email:{n + 1:064x}", HUB)) for n in range(tenth, LINKS)]
    assert sum(costs[-tenth:]) < TIMES_MAX * sum(costs[:tenth])
    assert row.longest_ms < STEP_MS_MAX
    assert row.rejected >= LINKS - RULES.identifiers_max
    assert row.bytes_of(HUB) <= before + BYTES_MAX
