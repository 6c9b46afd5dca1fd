"""What is on its way to somebody who was erased, and arrives.

Rows from before the erasure are not taken in: they go at whoever sent them, too. Orders that come
back are kept as those are that were there. Letters about links are read, for others (`erased.py`);
who is linked to the erased one by what they bring is told to go.
"""

from __future__ import annotations

from ccstream.domain.events import Event, IdentifiersLinked, IdentifierUnlinked
from ccstream.engine.aggregates import LINKS, ORDERS, WINDOWS
from ccstream.engine.chunk_statistics import ChunkStatistics, count
from ccstream.engine.erased import ErasedPeople
from ccstream.engine.going_along import GoingAlong
from ccstream.engine.outlet import Outlet
from ccstream.engine.partition import Partition
from ccstream.engine.person_rows import PersonRows
from ccstream.engine.source import Source
from ccstream.wire.mail import (
    ACKNOWLEDGE,
    GIVE_BACK,
    HAND_BACK,
    HAND_OVER,
    HAND_OVER_AGAIN,
    LINK,
    Mail,
    bringer_of,
)
from ccstream.wire.partition import partition_for
from ccstream.wire.rows import ROW_CODECS

__all__ = ["LateLetters"]


class LateLetters:
    """Reads them.

    Args:
        rows: keeps orders.
        outlet: where letters go.
        erased: who was erased.
        along: tells others to go.
    """

    def __init__(
        self, rows: PersonRows, outlet: Outlet, erased: ErasedPeople, along: GoingAlong
    ) -> None:
        self._rows = rows
        self._outlet = outlet
        self._erased = erased
        self._along = along

    def reads(
        self,
        partition: Partition,
        mail: Mail,
        event: Event,
        source: Source,
        statistics: ChunkStatistics,
    ) -> bool:
        """Whether nothing else is to be done with a letter."""
        brings_nothing = mail.kind in {ACKNOWLEDGE, GIVE_BACK, HAND_OVER_AGAIN}
        erased_at = 0 if brings_nothing else self._erased.erased_at(partition, mail.to)
        if not erased_at:
            return False
        if mail.kind == LINK:
            self._linked(partition, mail, event, erased_at, source, statistics)
            return False
        if event.occurred_at > erased_at:  # a log-in after it: the person comes back
            if partition.tables[WINDOWS].get(mail.to) is None:
                self._erased.begin_anew(partition, mail.to, erased_at)
            return False
        holder = bringer_of(mail, event)
        suffix = f"/{mail.kind}/{mail.mail_id.rpartition('/')[2]}"
        if holder != mail.to:
            told_as = f"{suffix}/erase"
            self._along.tell(partition, holder, mail.to, erased_at, source, told_as, statistics)
        if mail.kind == HAND_OVER and mail.table != WINDOWS:
            self._end_row(partition, mail, holder, event, source, suffix)
            count(statistics.mail, ACKNOWLEDGE)
        if mail.kind == HAND_BACK and mail.table == ORDERS:
            self._keep_order(partition, mail, event, source, statistics)
        return True

    def _linked(
        self,
        partition: Partition,
        mail: Mail,
        event: Event,
        erased_at: int,
        source: Source,
        statistics: ChunkStatistics,
    ) -> None:
        """A letter about links is for who was erased, who reads it, for others, in any case.

        What an event says of them that occurred afterwards brings them back. Of one from before it
        the subject is told to go, unless it is an account, which is erased by a request alone.
        """
        named = _named_by(event)
        is_from_before = event.occurred_at <= erased_at
        if not is_from_before and mail.to in named and self._erased.is_gone(partition, mail.to):
            self._erased.begin_anew(partition, mail.to, erased_at)
        told = ""
        is_account = self._along.is_account(event.subject)
        if is_from_before and named and event.subject != mail.to and not is_account:
            told = event.subject
            suffix = f"/link/{mail.key}/{mail.mail_id.rpartition('/')[2]}/erase"
            was_linked = isinstance(event, IdentifiersLinked) and mail.to in named
            table = LINKS if was_linked else ""
            self._along.tell(partition, told, mail.to, erased_at, source, suffix, statistics, table)
        if self._erased.is_gone(partition, mail.to):
            self._along.answer(partition, mail, told, erased_at, source, statistics)

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
        order_id = mail.key.removeprefix(bringer_of(mail, event))
        self._rows.publish_order(partition, mail.to, mail.to + order_id, event, source)
        order = ROW_CODECS[ORDERS].decode_row(mail.row or b"").state
        fingerprint = self._erased.fingerprint(mail.to)
        key = fingerprint + order_id
        refusal = self._rows.keep_order(partition, fingerprint, key, order, source)
        if refusal is not None:
            self._outlet.reject(
                partition.number, source, refusal.reason, refusal.detail, event=event, to=mail.to
            )
            count(statistics.rejected, refusal.reason)


def _named_by(event: Event) -> tuple[str, ...]:
    """Whom an event about links names; nobody if it is about something else."""
    if isinstance(event, IdentifiersLinked | IdentifierUnlinked):
        return (event.subject, *event.identifiers)
    return ()
