"""Erasing a person, and keeping them erased.

In the transaction of the request, all rows of the person go: carts, profile, touches, consents, the
duplicate window, timers, and the keys of their personal fields, with tombstones on the sync topics.
Orders stay, under a fingerprint instead of the person's key. The identifiers that the request
names, and those that are linked to the account (`going_along.py`), are told by mail to go, too,
each of which does so if it is an alias of the account.

What is left is a row under the fingerprint that says when, and what they knew of links of others
(`erased.py`); facts that name them are forgotten wherever they are gathered. The row is looked at
where an event finds no window: what occurred before the erasure is rejected, whoever brings it;
what occurred after, by the person's own key, is a person who comes back. What is on its way to them
is read in `late_letters.py`. A device that nobody named shows itself by what it sends on or hands
over, and is told to go then. Who is not erased pays nothing for it, but for a look at a table that
is mostly empty when they are seen for the first time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec.structs import replace

from ccstream.domain import reasons
from ccstream.domain.effects import Reject, SetTimer
from ccstream.domain.erasure import (
    RECEIPT_TIMER,
    Erasure,
    Verdict,
    blank,
    erased,
    requested,
    with_hold,
)
from ccstream.domain.events import (
    ErasureRequested,
    Event,
    LegalHoldChanged,
)
from ccstream.domain.identity import NOBODY, is_of_erased
from ccstream.domain.links import Links
from ccstream.domain.timers import Timer
from ccstream.domain.window import Window
from ccstream.engine.aggregates import ALIASES, ERASURES, LINKS, WINDOWS, Aggregate
from ccstream.engine.chunk_statistics import ChunkStatistics, count
from ccstream.engine.firing import Firing
from ccstream.engine.late_letters import LateLetters
from ccstream.engine.linking import Linking
from ccstream.engine.outlet import Outlet
from ccstream.engine.partition import Partition
from ccstream.engine.person_rows import PersonRows
from ccstream.engine.source import Source, is_by_hand
from ccstream.errors import StateError
from ccstream.ops.erasure_key import ErasureKey
from ccstream.wire.cause import Cause
from ccstream.wire.entry import Entry
from ccstream.wire.mail import (
    ERASE,
    ERASE_LINKED,
    Mail,
)

__all__ = ["Erasing"]

_LATE: Final = Reject(reasons.ERASED, "its person was erased after it occurred")
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
        linking: has links forgotten.
    """

    def __init__(
        self,
        plans: Mapping[type[Event], tuple[Aggregate, ...]],
        outlet: Outlet,
        firing: Firing,
        key: ErasureKey | None,
        linking: Linking,
    ) -> None:
        self._plans = plans
        self._rows = PersonRows(plans, outlet)
        self._outlet = outlet
        self._firing = firing
        self._key = key
        self._linking = linking
        self._erased = linking.erased
        self._along = linking.along
        self._late = LateLetters(self._rows, outlet, self._erased, self._along)
        firing.after = self._fired

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
        erased_at = self._erased.erased_at(partition, entity)
        if not erased_at or not self._plans[type(event)]:
            return None, None
        sent_on = entity != event.subject
        if event.occurred_at > erased_at and not sent_on:
            window = self._erased.begin_anew(partition, entity, erased_at)
            self._linking.come_back(partition, entity, event, source, statistics)
            return None, window
        if sent_on:
            self._along.tell(
                partition, event.subject, entity, erased_at, source, "/erase", statistics
            )
        count(statistics.erasures, "late")
        return _LATE, None

    def erased_at(self, partition: Partition, entity: str) -> int:
        """When the entity was erased, 0 if it was not."""
        return self._erased.erased_at(partition, entity)

    @staticmethod
    def late(alias: Entry, event: Event, statistics: ChunkStatistics) -> Reject | None:
        """Why an event of an identifier with this alias is not folded, if it may be of one of its
        former holders who was erased.
        """
        if not is_of_erased(alias.state, event.occurred_at):
            return None
        count(statistics.erasures, "late")
        return _LATE

    def by_hand(self, partition: Partition, entity: str, event: Event, source: Source) -> bool:
        """Whether a late event is to be applied by hand: who was erased is not brought back so."""
        if not is_by_hand(source.record):
            return False
        return event.occurred_at > self._erased.erased_at(partition, entity)

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
        self._erased.check(partition)
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
            self._erase_account(
                partition, entity, fingerprint, after, event, source, now, statistics
            )
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
            self._erase_member(partition, mail, event, source, statistics)
            return True
        if mail.kind == ERASE_LINKED:
            self._erase_linked(partition, mail, event, source, statistics)
            return True
        return self._late.reads(partition, mail, event, source, statistics)

    def _erase_linked(
        self,
        partition: Partition,
        mail: Mail,
        event: Event,
        source: Source,
        statistics: ChunkStatistics,
    ) -> None:
        """A coordinator tells those to go who are linked to an account, and forgets that they are.

        One that is linked itself goes first: afterwards nobody would know that it is to.
        """
        links, me = self._erased.links_of(partition, mail.to), mail.to
        goes = links is not None and (links.coordinator, links.root) == (me, mail.key)
        if goes and self._erase_member(partition, mail, event, source, statistics):
            return
        if self._along.tells(partition, mail, links, source, statistics):
            self._linking.forget(
                partition, mail.to, [mail.key], mail.since, event, source, statistics
            )

    def _erase_account(
        self,
        partition: Partition,
        entity: str,
        fingerprint: str,
        asked: Erasure,
        event: Event,
        source: Source,
        now: int,
        statistics: ChunkStatistics,
    ) -> None:
        assert self._key is not None
        links = self._erased.links_of(partition, entity)
        rows, orders = self._rows.delete(partition, entity, fingerprint, source)
        after = erased(
            asked,
            now,
            rows_deleted=rows,
            orders_kept=orders,
            identifiers_erased=len(asked.identifiers),
        )
        self._keep(partition, fingerprint, after)
        due = SetTimer(RECEIPT_TIMER, now + self._key.deadline_ms, "wall")
        self._firing.arm(partition, fingerprint, [(ERASURES, fingerprint, due)])
        named, at = asked.identifiers, after.erased_at
        self._along.tell_all(partition, entity, links, named, at, source, statistics)
        self._forget(partition, entity, [entity], links, at, event, source, statistics)

    def _forget(
        self,
        partition: Partition,
        entity: str,
        names: list[str],
        links: Links | None,
        erased_at: int,
        event: Event,
        source: Source,
        statistics: ChunkStatistics,
    ) -> None:
        """Who was erased keeps what they knew of others' links, and forgets those of their own.

        They are on their own at once, unless by a link from afterwards: who comes back before the
        coordinator has heard of it is not to come back as an alias of the account that was erased
        with them. ``names`` are forgotten in one step, or the first would assign by facts about the
        second.
        """
        if links is None:
            return
        if links.since <= erased_at:
            links = replace(links, root=entity, since=0, event_id="")
        self._erased.keep(partition, entity, links)
        if links.coordinator == entity:
            self._linking.forget(partition, entity, names, erased_at, event, source, statistics)

    @staticmethod
    def _keep(partition: Partition, fingerprint: str, erasure: Erasure | None) -> None:
        """This is what is known of somebody from now on."""
        partition.tables[ERASURES].put(fingerprint, Entry(erasure, partition.next_version()))
        partition.unfinished.note(fingerprint, erasure)

    def _fired(self, partition: Partition, timer: Timer, statistics: ChunkStatistics) -> None:
        """A timer has been told to a row of erasures."""
        if timer.name != RECEIPT_TIMER:
            return  # earlier versions had another
        entry = partition.tables[ERASURES].get(timer.key)
        if entry is not None:
            done: Erasure = entry.state
            partition.unfinished.note(timer.key, done)
            count(statistics.erasures, "completed")
            statistics.receipts_after.append(done.completed_at - done.requested_at)

    def _erase_member(
        self,
        partition: Partition,
        mail: Mail,
        event: Event,
        source: Source,
        statistics: ChunkStatistics,
    ) -> bool:
        """An identifier goes with the account ``mail.key`` if it is that account's alias, or is
        nobody's and a link to it, from before it was erased, has arrived too late; whether it does.
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
            return False
        links = self._erased.links_of(partition, mail.to)
        fingerprint = self._key.fingerprint(mail.to)
        rows, orders = self._rows.delete(partition, mail.to, fingerprint, source)
        noted = partition.tables[ERASURES].get(fingerprint)
        before: Erasure = blank(self._key.id) if noted is None else noted.state
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
        names = [mail.key, mail.to]
        self._forget(partition, mail.to, names, links, left.erased_at, event, source, statistics)
        count(statistics.erasures, "identifier")
        return True
