"""What has to have become of people whose cards were split off, and of those who were erased.

Said once more than in the checker's comparison of tables, which has nobody in it who was erased:

* No row of any table is under a key of theirs, nor of a card that no request named. Each order is
  kept under one fingerprint, unless it came too late.
* Of each there is one receipt, made once, whichever worker died at it.
* What came by the key of a card that was split off is in the card's cart, and what came by the
  account's in the account's, each once. So are the touches of both: their first, and their last of
  each channel.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from tests.chaos.author import Record
from tests.chaos.logs import Stored, last_values
from tests.chaos.people import PERHAPS
from tests.chaos.records import decode
from tests.chaos.reference import account_of, touches_of

__all__ = ["ERASED", "ERASURE", "check_people", "receipts_in"]

ERASED = "erased:"
"""How the keys begin of what is left of people."""

ERASURE = "ErasureRequested"
ORDERS = "sync.orders.v1"
REJECTED = "ccstream.rejected.v1"


def receipts_in(erasures: Iterable[Stored]) -> int:
    """How many people have one."""
    rows = last_values(erasures).values()
    return sum(bool(decode(row.value or b"")[1]["receipt"]) for row in rows)


def check_people(
    changelogs: Mapping[str, list[Stored]],
    outputs: Mapping[str, list[Stored]],
    published: Sequence[tuple[Stored, Record]],
) -> list[str]:
    """What is wrong, in words."""
    records = [record for _, record in published]
    return [
        *_split_wrongly(changelogs, records),
        *_left_of_the_erased(changelogs, records),
        *_orders_lost(changelogs, outputs, published),
        *_receipts(changelogs, records),
    ]


def _split_wrongly(
    changelogs: Mapping[str, list[Stored]], records: Sequence[Record]
) -> Iterator[str]:
    carts, touches = last_values(changelogs["carts"]), last_values(changelogs["touches"])
    for end in {r.event_id: r for r in records if r.kind == "IdentifierUnlinked"}.values():
        card, account = end.entity, account_of(end)
        found = {key: _dots(carts.get(key)) for key in (card, account)}
        said: dict[str, set[str]] = defaultdict(set)
        for one in records:
            if one.kind == "CartItemAdded":
                said[one.event["subject"]].add(one.event_id)
        for key, has in found.items():
            if has != Counter(said[key]):
                apart = f"{card}, split off from {account}"
                yield f"{apart}: the cart of {key} has {dict(has)}, not {said[key]}"
            shown, meant = _first_and_last(touches.get(key)), touches_of(records, key)
            if shown != meant:
                yield f"{card}, split off from {account}: touches of {key}: {shown}, not {meant}"


def _dots(row: Stored | None) -> Counter[str]:
    if row is None:
        return Counter()
    lines = decode(row.value or b"")[1]["lines"]
    return Counter(dot["event_id"] for line in lines for dot in line["dots"])


def _first_and_last(row: Stored | None) -> tuple[str, dict[str, str]] | None:
    if row is None:
        return None
    said = decode(row.value or b"")[1]
    last = {touch["channel"]: touch["event_id"] for touch in said["last_by_channel"]}
    return said["first"]["event_id"], last


def _left_of_the_erased(
    changelogs: Mapping[str, list[Stored]], records: Iterable[Record]
) -> Iterator[str]:
    gone: set[str] = set()
    for one in records:
        if one.kind == ERASURE:
            card = "loyalty:" + one.entity.partition(":")[2]  # whether the request names it or not
            gone |= {one.entity, *one.event["identifiers"], card}
    for table, stored in changelogs.items():
        for key, row in last_values(stored).items():
            if key.partition("#")[0] in gone:
                yield f"{key} was erased, and has a row in {table}"
            elif table == "links":
                named = [one for one in sorted(gone) if one.encode() in (row.value or b"")]
                yield from (f"{one} was erased, and the links of {key} name it" for one in named)


def _orders_lost(
    changelogs: Mapping[str, list[Stored]],
    outputs: Mapping[str, list[Stored]],
    published: Iterable[tuple[Stored, Record]],
) -> Iterator[str]:
    late = set()
    for letter in outputs[REJECTED]:
        said = decode(letter.value or b"")[1]
        late.add((said["topic"], said["partition"], said["offset"]))
    wanted = {
        record.event_id
        for at, record in published
        if record.kind == "OrderPlaced"
        and record.fate == PERHAPS
        and (at.topic, at.partition, at.offset) not in late
    }
    for where, stored in (("the table", changelogs["orders"]), ("facts", outputs[ORDERS])):
        kept = Counter(
            decode(row.value or b"")[1]["event_id"]
            for key, row in last_values(stored).items()
            if key.startswith(ERASED)
        )
        if kept != Counter(wanted):
            yield f"orders kept of the erased, in {where}: {dict(kept)}, not {wanted}"


def _receipts(changelogs: Mapping[str, list[Stored]], records: Iterable[Record]) -> Iterator[str]:
    asked = {one.entity for one in records if one.kind == ERASURE}
    made: dict[str, set[str]] = defaultdict(set)
    for stored in changelogs.get("erasures", ()):
        receipt = decode(stored.value)[1]["receipt"] if stored.value else ""
        if receipt:
            made[stored.key.decode()].add(receipt)
    if len(made) != len(asked) or any(len(receipts) > 1 for receipts in made.values()):
        yield f"{len(asked)} people were erased, and there are these receipts: {dict(made)}"
