"""Whether a run kept its promises, judged by what the broker stores and by what readers saw.

It shares no code with the engine. What was published is what the input logs hold; the writers'
own log says what has to be there and what each record has to lead to. How often an event took
effect, whatever its hops and however many workers died, is counted in the committed outputs:
every event but a log-in publishes its touch row with its id and outcome, or a dead letter.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from tests.chaos.author import TAKEN, Record
from tests.chaos.following_people import ERASED, check_people
from tests.chaos.logs import Stored, last_values
from tests.chaos.people import PERHAPS
from tests.chaos.records import decode
from tests.chaos.reference import ABOUT_ALL, Line, Truth, truth_of
from tests.chaos.writers import Sent

__all__ = [
    "SYNC_TOPICS",
    "Evidence",
    "Seen",
    "Violation",
    "check",
    "check_bootstrap",
    "check_readers",
    "published_in",
]

SYNC_TOPICS = {
    "carts": "sync.carts.v1",
    "touches": "sync.touches.v1",
    "orders": "sync.orders.v1",
}
MAIL = "ccstream.mail.v1"
REJECTED = "ccstream.rejected.v1"

SHOWN_MAX = 5
"""Differences named in a violation; there may be thousands."""

TAKING = {"applied", "no_effect"}

_NOT_TOUCHING = {"IdentifiersLinked", "IdentifierUnlinked", *ABOUT_ALL}
"""Events that publish a row of touches as it is, if at all."""


class Violation(AssertionError):  # noqa: N818 - the word of the simulation
    """A promise was broken."""


@dataclass
class Seen:
    """What one reader of the SDK saw: versions by table and key, in the order they came."""

    name: str
    versions: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    carts: dict[str, dict[str, int]] = field(default_factory=dict)
    orders: dict[str, str] = field(default_factory=dict)
    touches: dict[str, tuple[str, str, dict[str, str]]] = field(default_factory=dict)
    stale: int = 0


@dataclass
class Evidence:
    """All that a run left behind. Logs by topic; ``live`` are the sync topics uncommitted."""

    sent: list[Sent]
    inputs: Mapping[str, list[Stored]]
    outputs: Mapping[str, list[Stored]]
    changelogs: Mapping[str, list[Stored]]
    live: Mapping[str, list[Stored]]


def check(evidence: Evidence) -> Counter[str]:
    """Compare everything; how often each outcome occurred.

    Raises:
        Violation: a promise was broken; the first that is found.
    """
    published = published_in(evidence)
    counts = _check_endings(evidence, published)
    _check_letters_once(evidence.outputs[MAIL])
    truth = truth_of(record for _, record in published)
    _check_tables(evidence.changelogs, truth)
    _check_facts(evidence.outputs, truth)
    wrong = check_people(evidence.changelogs, evidence.outputs, published)
    if wrong:
        raise Violation(f"{len(wrong)} of people: {_some(wrong)}")
    for topic in SYNC_TOPICS.values():
        _check_versions(f"{topic}, committed", evidence.outputs[topic])
        _check_versions(f"{topic}, live", _by_the_readers_rule(evidence.live[topic]))
    return counts


def check_readers(readers: Iterable[Seen], truth: Truth) -> None:
    """What readers hold is what the tables have to hold, and no version went back for them."""
    for seen in readers:
        check_bootstrap(seen, truth)
        _check_seen_versions(seen)


def published_in(evidence: Evidence) -> list[tuple[Stored, Record]]:
    """Every record of the input logs, with what its author says of it."""
    places = {(s.record.topic, s.partition, s.offset): s for s in evidence.sent if s.offset >= 0}
    by_value = {(s.record.topic, s.record.value): s.record for s in evidence.sent}
    found = []
    for topic, records in evidence.inputs.items():
        for stored in records:
            sent = places.pop((topic, stored.partition, stored.offset), None)
            record = by_value.get((topic, stored.value or b""))
            if record is None:
                raise Violation(f"nobody published {_place(stored)}")
            if sent is not None and sent.record.value != stored.value:
                raise Violation(f"{_place(stored)} is not what was acknowledged there")
            found.append((stored, record))
    if places:
        raise Violation(f"acknowledged but not in the log: {_some(sorted(places))}")
    return found


def _check_endings(evidence: Evidence, published: list[tuple[Stored, Record]]) -> Counter[str]:
    """Applied, duplicate, too late and rejected add up to what was published, event by event."""
    endings: dict[str, Counter[str]] = defaultdict(Counter)
    for stored in evidence.outputs[SYNC_TOPICS["touches"]]:
        if stored.value is not None:
            cause = decode(stored.value)[1]["cause"]
            if cause["outcome"] in {*TAKING, "duplicate"}:
                endings[cause["event_id"]][cause["outcome"]] += 1
    letters: dict[tuple[str, int, int], list[str]] = defaultdict(list)
    for stored in evidence.outputs[REJECTED]:
        letter = decode(stored.value or b"")[1]
        letters[letter["topic"], letter["partition"], letter["offset"]].append(letter["reason"])
    times: Counter[str] = Counter()
    perhaps: set[str] = set()
    kinds = {record.event_id: record.kind for _, record in published}
    counts: Counter[str] = Counter(published=0)
    wrong = []
    records = {}
    for stored, record in published:
        counts["published"] += 1
        reasons = letters.pop((stored.topic, stored.partition, stored.offset), [])
        wanted = [] if record.fate == TAKEN else [record.fate]
        if record.fate == PERHAPS:
            if not reasons:
                perhaps.add(record.event_id)
                counts["perhaps erased"] += 1
            elif len(reasons) == 1 and reasons[0] in {"erased", "too_late"}:
                counts["erased"] += 1
            else:
                wrong.append(f"{_place(stored)} {record.event_id}: rejected {reasons}")
        elif reasons != wanted:
            wrong.append(f"{_place(stored)} {record.event_id}: rejected {reasons}, not {wanted}")
        elif record.fate == TAKEN:
            times[record.event_id] += 1
            records[record.event_id] = record
        else:
            counts["too_late" if record.fate == "too_late" else "rejected"] += 1
    wrong += [f"{place}: rejected, but it is not in the log" for place in letters]
    for event_id in perhaps:
        ended = endings.pop(event_id, Counter())
        taken = sum(ended[one] for one in TAKING)
        if taken > 1 and kinds[event_id] not in _NOT_TOUCHING:
            wrong.append(f"{event_id} of somebody erased took effect {taken} times")
    for event_id, number in times.items():
        if records[event_id].kind in _NOT_TOUCHING:  # publishes rows as they are; see aliases
            counts["linked"] += number
            changed = endings.pop(event_id, Counter()).keys() - {"no_effect", "duplicate"}
            if changed:
                wrong.append(f"{event_id}, a log-in, took effect on touches: {sorted(changed)}")
            continue
        ending = endings.pop(event_id, Counter())
        if records[event_id].entity != records[event_id].event["subject"]:
            # An alias has no row that could say so; that none took effect twice is what counts.
            ending["duplicate"] = number - 1
        taken = sum(ending[one] for one in TAKING)
        if taken != 1 or ending["duplicate"] != number - 1:
            wrong.append(
                f"{event_id} {records[event_id].kind} was published {number} times: {dict(ending)}"
            )
        counts.update(ending)
    wrong += [f"{event_id} took effect, but nobody published it" for event_id in endings]
    if wrong:
        raise Violation(f"{len(wrong)} events did not end once: {_some(wrong)}")
    total = sum(counts.values()) - counts["published"]
    if total != counts["published"]:
        raise Violation(f"{counts['published']} were published, {total} ended: {dict(counts)}")
    return counts


def _check_letters_once(mail: list[Stored]) -> None:
    ids: Counter[tuple[Any, ...]] = Counter()
    for stored in mail:
        letter = decode(stored.value or b"")[1]
        ids[tuple(letter[name] for name in ("mail_id", "to", "kind", "holder"))] += 1
    twice = [one for one, number in ids.items() if number > 1]
    if twice:
        raise Violation(f"letters sent twice: {_some(twice)}")


def _check_tables(changelogs: Mapping[str, list[Stored]], truth: Truth) -> None:
    carts = {
        key: {line["sku"]: _row_line(line) for line in row["lines"]}
        for key, row in _rows(changelogs["carts"]).items()
    }
    _same("the table carts", _filled(_sure(carts, truth)), _filled(truth.carts))
    orders = {key: row["event_id"] for key, row in _rows(changelogs["orders"]).items()}
    orders = {key: one for key, one in orders.items() if not key.startswith(ERASED)}
    _same("the table orders", orders, {k: o["event_id"] for k, o in truth.orders.items()})
    rows = _rows(changelogs["aliases"])
    aliases = {key: row["root"] for key, row in rows.items() if row["root"]}
    _same("the table aliases", aliases, truth.aliases)


def _row_line(line: Mapping[str, Any]) -> Line:
    adds = tuple(sorted(dot["event_id"] for dot in line["dots"]))
    sets = tuple(dot["event_id"] for dot in line["sets"])
    quantity = sum(dot["quantity"] for dot in (*line["dots"], *line["sets"][-1:]))
    return Line(adds, sets, quantity)


def _check_facts(outputs: Mapping[str, list[Stored]], truth: Truth) -> None:
    """The last committed word on each key."""
    seen = Seen("the committed sync topics")
    for key, row in _rows(outputs[SYNC_TOPICS["carts"]]).items():
        seen.carts[key] = {line["sku"]: line["quantity"] for line in row["lines"]}
    for key, row in _rows(outputs[SYNC_TOPICS["orders"]]).items():
        seen.orders[key] = row["event_id"]
    for key, row in _rows(outputs[SYNC_TOPICS["touches"]]).items():
        last = {touch["channel"]: touch["event_id"] for touch in row["by_channel"]}
        seen.touches[key] = (row["first"]["event_id"], row["last"]["event_id"], last)
    check_bootstrap(seen, truth)


def check_bootstrap(seen: Seen, truth: Truth) -> None:
    """What a reader holds is what the tables have to hold."""
    carts = {
        key: {sku: line.quantity for sku, line in lines.items() if line.quantity}
        for key, lines in truth.carts.items()
    }
    _same(f"carts, {seen.name}", _filled(_sure(seen.carts, truth)), _filled(carts))
    orders = {key: order["event_id"] for key, order in truth.orders.items()}
    found = {key: one for key, one in seen.orders.items() if not key.startswith(ERASED)}
    _same(f"orders, {seen.name}", found, orders)
    _same(f"touches, {seen.name}", _sure(seen.touches, truth), truth.touches)


def _by_the_readers_rule(records: list[Stored]) -> Iterable[Stored]:
    """Per partition, without those of a lower epoch than the highest before them."""
    highest: dict[int, int] = {}
    for record in records:
        highest[record.partition] = max(highest.get(record.partition, 0), record.epoch)
        if record.epoch == highest[record.partition]:
            yield record


def _check_versions(where: str, records: Iterable[Stored]) -> None:
    held: dict[bytes, int] = {}
    for record in records:
        version = int(record.headers["ce_id"].partition(b"-")[2])
        if version <= held.get(record.key, 0):
            raise Violation(
                f"{where}: at {_place(record)} the version of a key went from "
                f"{held[record.key]} to {version}"
            )
        held[record.key] = version


def _check_seen_versions(seen: Seen) -> None:
    for (table, key), versions in seen.versions.items():
        for before, after in pairwise(versions):
            if after <= before:
                raise Violation(f"{seen.name}: {table} {key} went from version {before} to {after}")
    if seen.stale:
        raise Violation(f"{seen.name} was given {seen.stale} records older than what it held")


def _rows(records: Iterable[Stored]) -> dict[str, dict[str, Any]]:
    return {k: decode(r.value or b"")[1] for k, r in last_values(records).items()}


def _sure(by_key: Mapping[str, Any], truth: Truth) -> dict[str, Any]:
    """Without those of whom it is said elsewhere what has to be."""
    return {key: one for key, one in by_key.items() if key not in truth.loose}


def _filled(carts: Mapping[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {key: lines for key, lines in carts.items() if lines}


def _same(what: str, found: Mapping[Any, Any], wanted: Mapping[Any, Any]) -> None:
    wrong = [
        f"{key}: {found.get(key)}, not {wanted.get(key)}"
        for key in sorted({*found, *wanted}, key=str)
        if found.get(key) != wanted.get(key)
    ]
    if wrong:
        raise Violation(f"{what}: {len(wrong)} differ: {_some(wrong)}")


def _place(stored: Stored) -> str:
    return f"{stored.topic}[{stored.partition}]@{stored.offset}"


def _some(all_of_them: list[Any]) -> str:
    more = len(all_of_them) - SHOWN_MAX
    named = "; ".join(map(str, all_of_them[:SHOWN_MAX]))
    return f"{named}; and {more} more" if more > 0 else named
