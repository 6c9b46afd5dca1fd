"""Erasing a person, and keeping them erased.

In the transaction of the request, all rows of the person go: carts, profile, touches, consents, the
duplicate window, timers, and the keys of their personal fields, with tombstones on the sync topics.
Orders stay, under a fingerprint instead of the person's key. The identifiers that the request
names, and those that are linked to the account (`going_along.py`), are told by mail to go, too,
each of which does so if it is an alias of the account.

What is left is a row under the fingerprint that says when. It is looked at where an event finds no
window: what occurred before the erasure is rejected, whoever brings it; what occurred after, by the
person's own key, is a person who comes back. What goes back to an identifier that was erased, from
a profile that it had left (`partings.py`), goes the way of all that it had. A device that nobody
named shows itself by what it sends on or hands over, and is told to go then. Who is not erased pays
nothing for it, but for a look at a table that is mostly empty when they are seen for the first
time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec.structs import replace

from ccstream.domain import reasons
from ccstream.domain.effects import Reject, SetTimer
from ccstream.domain.erasure import (
    RECEIPT_TIMER,
    ROLL_TIMER,
    Erasure,
    Verdict,
    blank,
    erased,
    requested,
    with_hold,
)
from ccstream.domain.events import ErasureRequested, Event, IdentifiersLinked, LegalHoldChanged
from ccstream.domain.identifiers import IdentifierRules
from ccstream.domain.identity import NOBODY
from ccstream.domain.timers import Timer
from ccstream.domain.window import Window
from ccstream.engine.aggregates import ALIASES, ERASURES, LINKS, ORDERS, WINDOWS, Aggregate
from ccstream.engine.chunk_statistics import ChunkStatistics, count
from ccstream.engine.firing import Asked, Firing
from ccstream.engine.going_along import GoingAlong
from ccstream.engine.outlet import Outlet
from ccstream.engine.partition import Partition
from ccstream.engine.person_rows import PersonRows
from ccstream.engine.source import Source, is_by_hand
from ccstream.errors import StateError
from ccstream.ops.erasure_key import ErasureKey
from ccstream.wire.cause import Cause
from ccstream.wire.entry import Entry
from ccstream.wire.mail import (
    ACKNOWLEDGE,
    ERASE,
    ERASE_LINKED,
    GIVE_BACK,
    HAND_BACK,
    HAND_OVER,
    LINK,
    Mail,
    bringer_of,
)
from ccstream.wire.partition import partition_for
from ccstream.wire.rows import ROW_CODECS

__all__ = ["Erasing"]

_NOT_CONFIGURED: Final = Reject(
    reasons.ERASURE_NOT_CONFIGURED, "workers have no privacy.erasure_key; set it and retry this"
)


class Erasing:
    """What of a fold is about people who are erased.

    Args:
        plans: for every event type the aggregates that it addresses.
        outlet: where tombstones and letters go.
        firing: sets the timer of the receipt.
        key: what fingerprints are made with; None where nobody can be erased.
        rules: which identifiers are accounts.
    """

    def __init__(
        self,
        plans: Mapping[type[Event], tuple[Aggregate, ...]],
        outlet: Outlet,
        firing: Firing,
        key: ErasureKey | None,
        rules: IdentifierRules,
    ) -> None:
        self._plans = plans
        self._rows = PersonRows(plans, outlet)
        self._outlet = outlet
        self._firing = firing
        self._key = key
        self._along = GoingAlong(outlet, rules)
        self._checked: dict[int, int] = {}
        firing.after = self._fired

    def erased_at(self, partition: Partition, entity: str) -> int:
        """When the entity was erased, 0 if it was not."""
        table = partition.tables[ERASURES]
        if not len(table):
            return 0
        self._check(partition)
        assert self._key is not None
        entry = table.get(self._key.fingerprint(entity))
        erased_at: int = 0 if entry is None else entry.state.erased_at
        return erased_at

    def meet(
        self,
        partition: Partition,
        entity: str,
        event: Event,
        source: Source,
        statistics: ChunkStatistics,
    ) -> tuple[Reject | None, Window | None]:
        """For an event of whom there is no window: why it is not folded, or a window to begin with.

        Who sends on what is not folded, an alias that nobody knew of, is told to go as well.
        """
        erased_at = self.erased_at(partition, entity)
        if not erased_at or not self._plans[type(event)]:
            return None, None
        sent_on = entity != event.subject
        if event.occurred_at > erased_at and not sent_on:
            return None, self._begin_anew(partition, entity, erased_at)
        if sent_on:
            self._along.tell(
                partition, event.subject, entity, erased_at, source, "/erase", statistics
            )
        count(statistics.erasures, "late")
        return Reject(reasons.ERASED, "its person was erased after it occurred"), None

    def by_hand(self, partition: Partition, entity: str, event: Event, source: Source) -> bool:
        """Whether a late event is to be applied by hand: who was erased is not brought back so."""
        if not is_by_hand(source.record):
            return False
        return event.occurred_at > self.erased_at(partition, entity)

    def ask(
        self,
        partition: Partition,
        entity: str,
        event: Event,
        source: Source,
        taken: Entry,
        now: int,
        statistics: ChunkStatistics,
    ) -> Reject | None:
        """Fold a request or a legal hold; why it is rejected, if it is."""
        if self._key is None:
            return _NOT_CONFIGURED
        fingerprint = self._key.fingerprint(entity)
        windows, table = partition.tables[WINDOWS], partition.tables[ERASURES]
        self._check(partition)
        entry = table.get(fingerprint)
        before: Erasure = blank(self._key.id) if entry is None else entry.state
        verdict: Verdict
        if isinstance(event, ErasureRequested):
            named = dict.fromkeys((*event.identifiers, event.subject))
            event = replace(event, identifiers=tuple(one for one in named if one != entity))
            present = windows.get(entity) is not None
            after, verdict = requested(before, event, now, present=present)
        else:
            assert isinstance(event, LegalHoldChanged)
            after, verdict = with_hold(before, event)
        if verdict == "erase":
            self._erase_account(partition, entity, fingerprint, after, source, now, statistics)
            count(statistics.erasures, "erased")
            return None
        if isinstance(event, ErasureRequested):
            count(statistics.erasures, "held" if verdict == "noted" else "repeated")
        if verdict == "noted":
            self._keep(partition, fingerprint, after if after.state else None)
            if windows.get(entity) is not None:
                windows.put(entity, taken)
        elif isinstance(event, ErasureRequested) and event.event_id != before.request_id:
            # The account is gone, and has been linked to since without a row coming with it.
            self._along.tell_all(
                partition, entity, None, event.identifiers, now, source, statistics
            )
        self._rows.publish(partition, entity, source.cause(event, "no_effect"), source)
        return None

    def publish_rows(self, partition: Partition, entity: str, cause: Cause, source: Source) -> None:
        """Publish all that an entity has, which is what a request is about."""
        self._rows.publish(partition, entity, cause, source)

    def takes(
        self,
        partition: Partition,
        mail: Mail,
        event: Event,
        source: Source,
        statistics: ChunkStatistics,
    ) -> bool:
        """Whether a letter, which is about no event, was one for this module."""
        if mail.kind == ERASE:
            self._erase_member(partition, mail, source, statistics)
            return True
        if mail.kind == ERASE_LINKED:
            erased_at = self.erased_at(partition, mail.to)
            self._along.read(partition, mail, erased_at, source, statistics)
            return True
        brings_nothing = mail.kind in {ACKNOWLEDGE, GIVE_BACK}
        erased_at = 0 if brings_nothing else self.erased_at(partition, mail.to)
        if not erased_at:
            return False
        if event.occurred_at > erased_at:  # a log-in after it: the person comes back
            if partition.tables[WINDOWS].get(mail.to) is None:
                self._begin_anew(partition, mail.to, erased_at)
            return False
        holder = bringer_of(mail, event)
        suffix = f"/{mail.kind}/{mail.mail_id.rpartition('/')[2]}"
        was_linked = mail.kind == LINK and mail.to in _linked_by(event)
        table = LINKS if was_linked else ""
        if holder != mail.to:
            told_as = f"{suffix}/erase"
            self._along.tell(
                partition, holder, mail.to, erased_at, source, told_as, statistics, table
            )
        self._along.answer(partition, mail, holder, erased_at, source, suffix, statistics)
        if mail.kind == HAND_OVER and mail.table != WINDOWS:
            self._end_row(partition, mail, holder, event, source, suffix)
            count(statistics.mail, ACKNOWLEDGE)
        if mail.kind == HAND_BACK and mail.table == ORDERS:
            self._keep_order(partition, mail, event, source, statistics)
        return True

    def _end_row(
        self,
        partition: Partition,
        mail: Mail,
        holder: str,
        event: Event,
        source: Source,
        suffix: str,
    ) -> None:
        """A row that was handed over to who is erased goes with them.

        It does so at its holder, too, who may be another account's alias by now and so is not
        erased. A history that was lost may have shown an order of it as taken in.
        """
        home = partition_for(holder.encode(), partition.scope.partitions)
        self._outlet.mail(
            home, source, holder, ACKNOWLEDGE, f"{suffix}/taken", mail.table, mail.key
        )
        if mail.table == ORDERS:
            key = mail.to + mail.key.removeprefix(holder)
            self._rows.publish_order(partition, mail.to, key, event, source)

    def _keep_order(
        self,
        partition: Partition,
        mail: Mail,
        event: Event,
        source: Source,
        statistics: ChunkStatistics,
    ) -> None:
        """An order that goes back to who is erased is kept as those are that were there."""
        assert self._key is not None
        order_id = mail.key.removeprefix(bringer_of(mail, event))
        self._rows.publish_order(partition, mail.to, mail.to + order_id, event, source)
        order = ROW_CODECS[ORDERS].decode_row(mail.row or b"").state
        fingerprint = self._key.fingerprint(mail.to)
        key = fingerprint + order_id
        refusal = self._rows.keep_order(partition, fingerprint, key, order, source)
        if refusal is not None:
            self._outlet.reject(
                partition.number, source, refusal.reason, refusal.detail, event=event, to=mail.to
            )
            count(statistics.rejected, refusal.reason)

    @staticmethod
    def _begin_anew(partition: Partition, entity: str, erased_at: int) -> Window:
        """A window in which nothing is fresh that occurred before the erasure."""
        window = Window({}, erased_at)
        partition.tables[WINDOWS].put(entity, Entry(window, partition.next_version()))
        return window

    def _erase_account(
        self,
        partition: Partition,
        entity: str,
        fingerprint: str,
        asked: Erasure,
        source: Source,
        now: int,
        statistics: ChunkStatistics,
    ) -> None:
        assert self._key is not None
        links = self._along.links_of(partition, entity)
        rows, orders = self._rows.delete(partition, entity, fingerprint, source)
        after = erased(
            asked,
            now,
            rows_deleted=rows,
            orders_kept=orders,
            identifiers_erased=len(asked.identifiers),
        )
        self._keep(partition, fingerprint, after)
        roll = SetTimer(ROLL_TIMER, now + self._key.roll_ms, "wall")
        due = SetTimer(RECEIPT_TIMER, now + self._key.deadline_ms, "wall")
        asked_for: list[Asked] = [(ERASURES, fingerprint, one) for one in (roll, due)]
        self._firing.arm(partition, fingerprint, asked_for)
        named, at = asked.identifiers, after.erased_at
        self._along.tell_all(partition, entity, links, named, at, source, statistics)

    @staticmethod
    def _keep(partition: Partition, fingerprint: str, erasure: Erasure | None) -> None:
        """This is what is known of somebody from now on."""
        partition.tables[ERASURES].put(fingerprint, Entry(erasure, partition.next_version()))
        partition.unfinished.note(fingerprint, erasure)

    def _fired(self, partition: Partition, timer: Timer, statistics: ChunkStatistics) -> None:
        """A timer has been told to a row of erasures."""
        if timer.name == ROLL_TIMER:
            self._rows.roll(partition, timer)
            return
        entry = partition.tables[ERASURES].get(timer.key)
        if entry is not None:
            done: Erasure = entry.state
            partition.unfinished.note(timer.key, done)
            count(statistics.erasures, "completed")
            statistics.receipts_after.append(done.completed_at - done.requested_at)

    def _erase_member(
        self, partition: Partition, mail: Mail, source: Source, statistics: ChunkStatistics
    ) -> None:
        """An identifier goes with the account ``mail.key`` if it is that account's alias, or is
        nobody's and a link to it, from before it was erased, has arrived too late to be read.
        """
        if self._key is None:
            raise StateError(
                "a letter asks to erase an identifier, and this worker has no "
                "privacy.erasure_key: it is to be the same for all workers"
            )
        entry = partition.tables[ALIASES].get(mail.to)
        belongs_to = NOBODY if entry is None else entry.state.root
        if belongs_to != mail.key and (belongs_to != NOBODY or mail.table != LINKS):
            if entry is not None:
                self._rows.forget_tenures(partition, mail.to, mail.key, entry)
            return
        links = self._along.links_of(partition, mail.to)
        fingerprint = self._key.fingerprint(mail.to)
        rows, orders = self._rows.delete(partition, mail.to, fingerprint, source)
        known = partition.tables[ERASURES].get(fingerprint)
        before: Erasure = blank(self._key.id) if known is None else known.state
        gone = erased(
            before, mail.since, rows_deleted=rows, orders_kept=orders, identifiers_erased=0
        )
        left = replace(gone, part_of=self._key.fingerprint(mail.key))
        if before.receipt:  # of an erasure before, of it alone
            left = replace(
                left,
                state="completed",
                completed_at=before.completed_at,
                receipt=before.receipt,
                signature=before.signature,
            )
        self._keep(partition, fingerprint, left)
        self._along.goes(partition, mail, links, source, statistics)
        count(statistics.erasures, "identifier")

    def _check(self, partition: Partition) -> None:
        """Once in each epoch: with another key nobody who was erased would be known."""
        if self._checked.get(partition.number) == partition.epoch:
            return
        table = partition.tables[ERASURES]
        fingerprint = next(iter(table.keys()), None)
        entry = None if fingerprint is None else table.peek(fingerprint)
        used = None if entry is None else entry.state.key_id
        if fingerprint is not None and (self._key is None or used != self._key.id):
            found = "not set" if self._key is None else self._key.id
            raise StateError(
                f"partition {partition.number}: people were erased under the erasure key {used}, "
                f"and privacy.erasure_key is {found}: set the one that was used, or what is late "
                "would bring them back"
            )
        self._checked[partition.number] = partition.epoch


def _linked_by(event: Event) -> tuple[str, ...]:
    """Whom an event says that its subject is one with."""
    return event.identifiers if isinstance(event, IdentifiersLinked) else ()
