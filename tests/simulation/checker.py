"""Whether a history kept its promises: what the broker stores, against the plain truth.

* Every event that the broker acknowledged had its effect once, wherever it travelled, and every
  output that is a fact follows from it: none missing, none twice, none of a lost history.
* The last fact on a sync topic is the row, and the rows in the changelogs are the rows.
* A live reader, who reads uncommitted and drops what is of a lower epoch than the highest it
  has seen, ends with the rows, and no version goes back for it on the way.

It shares no code with the engine.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from msgspec import structs

from ccstream.domain.merge import lines_view
from ccstream.domain.observed import Observed
from ccstream.domain.timers import Timer
from ccstream.ops.erasure_key import is_signed
from ccstream.wire.catalogue import (
    ERASED_NAMESPACE,
    MAIL_TOPIC,
    OWNERS_TOPIC,
    REJECTED_TOPIC,
    SIGNALS_TOPIC,
    SYNC_TOPICS,
)
from ccstream.wire.headers import time_text
from ccstream.wire.mail import decode_mail
from ccstream.wire.rejected import decode_rejected
from ccstream.wire.rows import ROW_CODECS, Entry
from ccstream.wire.sync import SYNC_CODECS
from tests.properties.reference_links import roots_of
from tests.simulation import timed
from tests.simulation.author import Published
from tests.simulation.broker import FakeBroker, LogRecord
from tests.simulation.erased import Erased
from tests.simulation.lineage import Lineage, LineageError
from tests.simulation.process import APP, CODEC, ERASURE_KEY
from tests.simulation.simulation import Simulation, Violation, is_roll
from tests.simulation.told_profiles import check_told_profiles, is_account, plain_of
from tests.simulation.truth import (
    Ending,
    Letter,
    Origin,
    Rejection,
    Synced,
    Truth,
    Watch,
    letter_of,
    timer_id,
)

__all__ = ["check"]


def check(simulation: Simulation) -> Counter[str]:
    """Compare everything; how often each outcome occurred.

    Raises:
        Violation: a promise was broken; the first that is found.
    """
    broker = simulation.broker
    partitions = simulation.history.partitions
    truths = _truths(broker, simulation.lineage, partitions)
    for number, truth in truths.items():
        _check_rows(broker, number, truth)
        check_told_profiles(broker, number, truth.profiles.told)
        for table, topic in SYNC_TOPICS.items():
            expected = [synced for synced in truth.synced if synced.table == table]
            _SyncTopic(broker, table, topic, number, truth).check(expected)
        _check_rejected(broker, number, truth.rejected)
        _check_timers(broker, number, truth)
        _check_signals(broker, number, truth.watches)
        _check_erasures(broker, number, truth)
    _check_mail(broker, partitions, truths)
    _check_linked(truths)
    return _check_endings(simulation.author.published, truths)


def _truths(broker: FakeBroker, lineage: Lineage, partitions: int) -> dict[int, Truth]:
    owners = [CODEC.decode(r.value())[1] for r in broker.logs[OWNERS_TOPIC, 0].committed(0)]
    states = {row["partition"]: row["state_id"] for row in owners}
    try:
        folded = lineage.of(range(partitions))
    except LineageError as error:
        raise Violation(str(error)) from error
    truths = {}
    for number, records in folded.items():
        truths[number] = Truth(number, partitions, states.get(number, b""))
        truths[number].fold(records)
    return truths


def _check_rows(broker: FakeBroker, number: int, truth: Truth) -> None:
    for table, expected in truth.rows.items():
        stored = _last_values(broker, f"{APP}-{table}-changelog", number)
        rows = {k: ROW_CODECS[table].decode_row(value).state for k, value in stored.items()}
        _same(f"the rows of {table}, partition {number}", rows, expected)
    stored = _last_values(broker, f"{APP}-windows-changelog", number)
    sizes = {
        key: Counter({source: len(w) for source, w in _window(value).sources.items()})
        for key, value in stored.items()
        if _window(value).sources
    }
    wanted = {
        key: Counter(source for source, _ in ids) for key, ids in truth.windows.items() if ids
    }
    _same(f"the windows of partition {number}", sizes, wanted)


def _window(value: bytes) -> Any:
    return ROW_CODECS["windows"].decode_row(value).state


def _last_values(broker: FakeBroker, topic: str, number: int) -> dict[str, bytes]:
    last: dict[str, bytes] = {}
    for record in broker.logs[topic, number].committed(0):
        key, value = (record.key() or b"").decode(), record.value()
        if value is None:
            last.pop(key, None)
        else:
            last[key] = value
    return last


class _SyncTopic:
    """One partition of a sync topic."""

    def __init__(
        self, broker: FakeBroker, table: str, topic: str, number: int, truth: Truth
    ) -> None:
        self._broker = broker
        self._at = (topic, number)
        self._log = broker.logs[self._at]
        self._table = table
        self._where = f"{topic}[{number}]"
        self._truth = truth

    def check(self, expected: list[Synced]) -> None:
        facts = [one for one in self._log.committed(0) if not is_roll(one)]
        told = [(record.key() or b"").decode() for record in facts]
        _same(f"the keys published on {self._where}", told, [synced.key for synced in expected])
        bases: dict[str, list[int]] = {}
        for record, synced in zip(facts, expected, strict=True):
            self._check_fact(record, synced, bases)
        last = {(r.key() or b"").decode(): r for r in facts}
        self._check_live(last)
        # A reader that comes late finds the log compacted.
        self._broker.compact(self._at, tombstones=True)
        self._check_live(last)

    def _check_fact(self, record: LogRecord, synced: Synced, bases: dict[str, list[int]]) -> None:
        """One committed record, to the byte; of its base only that it was published before."""
        value, version = record.value(), _version(record)
        known = bases.setdefault(synced.key, [0])
        if synced.state is None:
            _same(f"a tombstone on {self._where}", value, None)
            known.append(version)
            return
        entry = Entry(synced.state, version)
        token = b""
        if self._table == "carts":
            token = Observed.encode(self._truth._scope, synced.folded)
        for base in reversed(known):
            made = SYNC_CODECS[self._table].encode_synced(
                synced.entity, entry, base, synced.cause, synced.delta, token
            )
            if made == value:
                known.append(version)
                return
        raise Violation(
            f"{record} on {self._where} is not what follows from {synced}:\n"
            f"  {value and CODEC.decode(value)}"
        )

    def _check_live(self, facts: dict[str, LogRecord]) -> None:
        # Orders that are kept of people who were erased are for readers of facts.
        facts = {key: r for key, r in facts.items() if not key.startswith(ERASED_NAMESPACE)}
        highest = 0
        versions: dict[str, int] = {}
        view: dict[str, LogRecord] = {}
        for record in self._log.uncommitted(0):
            epoch = int(dict(record.headers() or ())["ccstream-epoch"])
            if epoch < highest:
                continue
            highest = epoch
            key = (record.key() or b"").decode()
            if key.startswith(ERASED_NAMESPACE):
                continue
            version = _version(record)
            if version >> 32 != epoch:
                raise Violation(f"{record} on {self._where}: version {version} in epoch {epoch}")
            if version <= versions.get(key, 0):
                raise Violation(f"{record} on {self._where}: versions go back for a live reader")
            versions[key] = version
            view[key] = record
        for key, record in view.items():
            fact = facts.get(key)
            if record is not fact and _shown(record) != (fact and _shown(fact)):
                raise Violation(
                    f"on {self._where} a live reader ends with {record}: {_shown(record)}, "
                    f"and the truth is {fact and _shown(fact)}"
                )


def _version(record: LogRecord) -> int:
    return int(dict(record.headers() or ())["ce_id"].split(b"-")[1])


def _shown(record: LogRecord) -> Any:
    """What of a snapshot a screen shows."""
    value = record.value()
    if value is None:
        return None
    _, fields = CODEC.decode(value)
    passing = ("version", "base_version", "cause", "observed", "upserted", "removed", "changed")
    more = ("conflicts", "closed_order")
    return {k: v for k, v in fields.items() if k not in passing and k not in more}


def _check_rejected(broker: FakeBroker, number: int, expected: list[Rejection]) -> None:
    stored = []
    for record in broker.logs[REJECTED_TOPIC, number].committed(0):
        letter = decode_rejected(record.value())
        origin = Origin(letter.topic, letter.partition, letter.offset, letter.appended_at)
        stored.append(Rejection(letter.reason, origin, letter.key, letter.value))
    _same(f"the dead letters of partition {number}", stored, expected)


def _check_timers(broker: FakeBroker, number: int, truth: Truth) -> None:
    """Those that wait for a record of their entity are left, and no other."""
    stored = _last_values(broker, f"{APP}-timers-changelog", number)
    left = {
        (entity, one.name, one.due_ms, one.clock)
        for entity, value in stored.items()
        for one in ROW_CODECS["timers"].decode_row(value).state.timers
    }
    expected = {
        (entity, name, due, clock)
        for entity, timers in truth.timers.items()
        for name, (due, clock, _) in timers.items()
    }
    _same(f"the timers left in partition {number}", left, expected)


def _check_signals(broker: FakeBroker, number: int, watches: list[Watch]) -> None:
    """Each cart that lasted is signalled once, when it was due; none that did not last is.

    A cart that something happened to before its time, as its records tell the time, may have
    been signalled all the same: the wall clock may have been there before they were folded.
    """
    where = f"{SIGNALS_TOPIC}[{number}]"
    expected: dict[str, list[Watch]] = {}
    for watch in watches:  # several of one id: changes of one cart within a millisecond
        expected.setdefault(_signal_id(watch), []).append(watch)
    signalled: Counter[str] = Counter()
    for record in broker.logs[SIGNALS_TOPIC, number].committed(0):
        _, fields = CODEC.decode(record.value())
        event_id = fields["event_id"]
        signalled[event_id] += 1
        if signalled[event_id] > len(expected.get(event_id, ())):
            raise Violation(f"{record} on {where}: signalled {signalled[event_id]} times")
        shown = [(x["sku"], x["quantity"]) for x in fields["lines"]]
        told = (fields["subject"], fields["occurred_at"], fields["idle_since"], shown)
        if told not in map(_told, expected[event_id]):
            raise Violation(f"{record} on {where}: {told}, and that was never so")
        if record.timestamp()[1] < fields["occurred_at"]:
            raise Violation(f"{record} on {where}: signalled before it was due")
    must = {event_id for event_id, some in expected.items() if any(one.must for one in some)}
    _same(f"what is missing on {where}", must - signalled.keys(), set())


def _told(watch: Watch) -> tuple[Any, ...]:
    lines = [(line.key.sku, line.quantity) for line in lines_view(watch.cart)]
    return (watch.entity, watch.due, watch.cart.last_now, lines)


def _signal_id(watch: Watch) -> str:
    timer = Timer("carts", watch.entity, timed.ABANDONED, watch.due, "wall")
    return timer_id(timer)


def _check_mail(broker: FakeBroker, partitions: int, truths: dict[int, Truth]) -> None:
    """Letters of several senders interleave as they like; of one they are in order."""
    expected = Counter(letter for truth in truths.values() for letter in truth.letters)
    stored: Counter[Letter] = Counter()
    for number in range(partitions):
        for record in broker.logs[MAIL_TOPIC, number].committed(0):
            stored[letter_of(decode_mail(record.value()), number)] += 1
    _same("the letters sent", stored, expected)


def _check_endings(published: list[Published], truths: dict[int, Truth]) -> Counter[str]:
    """Each record appended met one end, and no event was applied twice, to whomever."""
    endings = [ending for truth in truths.values() for ending in truth.endings]
    ends = Counter((e.origin.topic, e.origin.partition, e.origin.offset) for e in endings)
    appended = Counter((r.topic(), r.partition(), r.offset()) for r, _ in published)
    _same("what became of each event", ends, appended)
    taken: dict[tuple[str, ...], list[Ending]] = {}
    for e in endings:
        if e.event is not None and e.outcome in ("applied", "no_effect"):
            name = (e.event.subject, e.event.channel, e.event.source, e.event.event_id)
            taken.setdefault(name, []).append(e)
    twice = [name for name, some in taken.items() if not _are_apart(some, truths)]
    if twice:
        raise Violation(f"events were applied more than once: {twice}")
    return Counter(ending.outcome for ending in endings)


def _are_apart(endings: list[Ending], truths: dict[int, Truth]) -> bool:
    """Whether an event was applied once; or anew, after an erasure that its clock was ahead of."""
    if len(endings) == 1:
        return True
    if len({(e.entity, e.life) for e in endings}) < len(endings):
        return False
    event = endings[0].event
    assert event is not None
    erased = [
        t.erasures.at(who) for t in truths.values() for who in (event.subject, *_whose(endings))
    ]
    return any(0 < at < event.occurred_at for at in erased)


def _whose(endings: list[Ending]) -> set[str]:
    return {ending.entity for ending in endings}


def _check_erasures(broker: FakeBroker, number: int, truth: Truth) -> None:
    """Of each that was erased there is what guards against them, and one receipt.

    Beside what the truth says step by step, it is said here once more in the words of whoever
    asks: no row names the person but those of what they did afterwards.
    """
    where = f"the erasures of partition {number}"
    stored = _last_values(broker, f"{APP}-erasures-changelog", number)
    rows = {key: ROW_CODECS["erasures"].decode_row(value).state for key, value in stored.items()}
    _same(where, set(rows), set(truth.erasures.known))
    for key, row in rows.items():
        known = truth.erasures.known[key]
        found = (row.held, row.erased_at, row.request_id, row.identifiers, row.part_of)
        _same(
            f"{key} among {where}",
            found,
            (known.held, known.at, known.request, known.named, known.part_of),
        )
        if known.at:
            counted = (row.orders_kept, row.identifiers_erased, row.rows_deleted)
            spare = known.spare and row.rows_deleted > known.rows
            wanted = (known.orders, known.told, known.rows + spare)
            _same(f"what was deleted of {key} among {where}", counted, wanted)
        _check_receipt(where, key, row, known)


def _check_receipt(where: str, key: str, row: Any, known: Erased) -> None:
    if not known.times:
        if row.receipt:
            raise Violation(f"{where}: {key} has a receipt that nobody asked for")
        return
    if not is_signed(row.receipt, row.signature, ERASURE_KEY.public_key):
        raise Violation(f"{where}: {key} has no receipt: {row}")
    if known.as_member:  # since then its counts are others
        return
    said = json.loads(row.receipt)
    shown = (said["person"], said["rows_deleted"], said["orders_kept"], said["completed_at"])
    wanted = (key, row.rows_deleted, known.orders, time_text(known.due))
    _same(f"the receipt of {key} among {where}", shown, wanted)


def _check_linked(truths: dict[int, Truth]) -> None:
    """No account or card belongs to somebody who was erased and has not come back; and no row of
    links names them, but in what was said of them afterwards, as whom it points to, or as whose
    things it had sent on.
    """
    erased = {
        key: truth.erasures.at(key)
        for truth in truths.values()
        for key in truth.erasures.names
        if truth.erasures.is_gone(key)
    }
    for truth in truths.values():
        for key, alias in truth.rows["aliases"].items():
            if alias.root in erased and not key.startswith("visitor:"):
                raise Violation(f"{key} is an alias of {alias.root}, who was erased")
        for key, links in truth.rows["links"].items():
            for name, at in erased.items():
                known = (*links.facts, *links.repetitions)
                facts = {f for f in known if f.at <= at or name not in (f.one, f.other)}
                rest = {"coordinator": "", "carried": (), "repetitions": ()}
                said = str(structs.replace(links, facts=facts, **rest))
                if name in said or name == key:
                    raise Violation(f"{name} was erased, and {key} has {said}")
    _check_roots(truths, {*erased})


def _check_roots(truths: dict[int, Truth], gone: set[str]) -> None:
    """Everybody else has the root that all facts together give them, and each is known once."""
    rows = [links for truth in truths.values() for links in truth.rows["links"].values()]
    known = [fact for links in rows for fact in (*links.facts, *links.repetitions)]
    facts = [plain_of(fact) for fact in known]
    _same("facts", Counter(facts), Counter({*facts}))
    roots, _ = roots_of(facts, is_account)
    for truth in truths.values():
        for key in truth.rows["links"]:
            if key in gone or key.startswith("erased:"):
                continue
            alias = truth.rows["aliases"].get(key)
            _same(f"the root of {key}", (alias and alias.root) or key, roots.get(key, key))


def _same(what: str, found: Any, expected: Any) -> None:
    if found != expected:
        if isinstance(found, Counter) and isinstance(expected, Counter):
            found, expected = found - expected, expected - found
        raise Violation(f"{what}:\n  found    {_short(found)}\n  expected {_short(expected)}")


def _short(value: Any) -> str:
    text = str(dict(value)) if isinstance(value, Counter) else str(value)
    return text if len(text) < 3_000 else f"{text[:3_000]} ..."
