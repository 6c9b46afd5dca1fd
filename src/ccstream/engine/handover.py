"""Rows that change hands at a log-in.

The subject of a log-in becomes an alias, and all that it had of its own goes to the account by
mail, one row a letter, within the transaction of the log-in. Its rows stay as they are, and are
still published, until the account acknowledges each; then they are deleted, with tombstones on
the sync topics: so a screen that shows the subject goes over to the account without a gap. The
account merges each row once (`ccstream.domain.handover`), whatever its own rows are by then, and
publishes it.

Mail of one sender arrives in order, so what the alias sends on after the log-in finds the account
with all that was before. At a log-out rows that are still there are deleted at once.

A row that the account refuses (with what it has, it would be too big; an order of the same id) is
rejected aloud and not acknowledged, so it stays with the alias until a log-out.

What goes back when an identifier leaves a profile is in `partings.py`; here it is let in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from ccstream.domain import reasons
from ccstream.domain.cart_state import Absorbed
from ccstream.domain.effects import Effect, Reject
from ccstream.domain.events import Event
from ccstream.domain.handover import Bringing, merge_windows
from ccstream.domain.identifiers import IdentifierRules
from ccstream.domain.identity import NOBODY, Alias, began
from ccstream.domain.window import WindowLimits, admit_letter, latest
from ccstream.engine.aggregates import ALIASES, ORDERS, WINDOWS, Aggregate
from ccstream.engine.chunk_statistics import ChunkStatistics, count
from ccstream.engine.firing import Firing
from ccstream.engine.outlet import Outlet
from ccstream.engine.partings import Partings
from ccstream.engine.partition import Partition
from ccstream.engine.row_letters import RowLetters
from ccstream.engine.source import Source
from ccstream.engine.taking import take_in
from ccstream.wire.entry import Entry
from ccstream.wire.mail import (
    ACKNOWLEDGE,
    GIVE_BACK,
    HAND_BACK,
    HAND_OVER,
    HAND_OVER_AGAIN,
    Mail,
)
from ccstream.wire.partition import partition_for
from ccstream.wire.rows import ROW_CODECS

__all__ = ["LINK_BYTES_MAX", "HandOvers"]

LINK_BYTES_MAX: Final = 48 * 1024
"""Of a log-in: it travels with each row, in the room that a letter has beside one. Its texts and
fifty identifiers, all as long as they may be, have less."""


class HandOvers:
    """What of a fold is about rows that change hands.

    Args:
        plans: for every event type the aggregates that it addresses.
        outlet: where letters and sync events go.
        window_limits: bounds of the duplicate windows.
        firing: sets the timers of rows that are merged, and drops those of rows that go.
        rules: which identifiers may leave a profile that they are in.
    """

    def __init__(
        self,
        plans: Mapping[type[Event], tuple[Aggregate, ...]],
        outlet: Outlet,
        window_limits: WindowLimits,
        firing: Firing,
        rules: IdentifierRules,
    ) -> None:
        self._firing = firing
        self._aggregates = {
            aggregate.table: aggregate
            for plan in plans.values()
            for aggregate in plan
            if aggregate.merge is not None
        }
        self._outlet = outlet
        self._window_limits = window_limits
        self.partings = Partings(self._aggregates, outlet, firing, rules, outlet.told)
        self._letters = RowLetters(self._aggregates, outlet, self.partings, outlet.told)

    @staticmethod
    def refusal(entity: str, event: Event, source: Source) -> Reject | None:
        """Why a log-in or log-out cannot be folded for an entity, whatever is known of that."""
        if entity != event.subject:
            return Reject(reasons.KEY_MISMATCH, "a log-in is its subject's alone")
        if len(source.value or b"") > LINK_BYTES_MAX:
            return Reject(reasons.TOO_BIG, f"a log-in has at most {LINK_BYTES_MAX:,} bytes")
        return None

    def follow(
        self,
        partition: Partition,
        entity: str,
        event: Event,
        source: Source,
        before: Alias | None,
        statistics: ChunkStatistics,
    ) -> None:
        """Do what follows from a log-in or log-out of ``entity``, which had ``before``.

        Rows that stay are published as they are: a history that was lost may have shown them
        deleted.
        """
        entry = partition.tables[ALIASES].get(entity)
        after: Alias | None = None if entry is None else entry.state
        was = NOBODY if before is None else before.root
        changes = after is not None and after.root != was
        if changes and was:
            self.delete_rows(partition, entity, source)
            return
        if changes and after is not None:
            since = began(after)
            self.hand_over(partition, entity, after.root, source, statistics, since=since)
        self.publish_rows(partition, entity, event, source)

    def delete_rows(
        self, partition: Partition, entity: str, source: Source, *, but: str = ""
    ) -> None:
        """Delete what an entity has of its own, but in one table, with tombstones."""
        for aggregate, key in list(self._rows(partition, entity)):
            if aggregate.table != but:
                self._delete(partition, entity, aggregate, key, source)

    def publish_rows(self, partition: Partition, entity: str, event: Event, source: Source) -> None:
        """Publish what an entity has of its own, as it is."""
        cause = source.cause(event, "no_effect")
        for aggregate, key in self._rows(partition, entity):
            if aggregate.encode_synced is None:
                continue
            self._outlet.publish_as_is(aggregate, partition, entity, key, cause, source.trace)

    def open(
        self,
        partition: Partition,
        topic: int,
        mail: Mail,
        event: Event,
        source: Source,
        offset: int,
        appended_at: int,
        statistics: ChunkStatistics,
    ) -> None:
        """Do what a letter asks for that is not about an event but about a row.

        Args:
            partition: the addressee's.
            topic: the number of the mail topic.
            mail: the letter.
            event: the log-in.
            source: where the log-in came from.
            offset: the letter's.
            appended_at: when the letter was appended.
            statistics: where to count.
        """
        if mail.kind == ACKNOWLEDGE:
            self._acknowledged(partition, mail, event, source)
            return
        if mail.kind == GIVE_BACK:
            self.partings.give(partition, mail, event, source, statistics)
            return
        if mail.kind == HAND_OVER_AGAIN and mail.table in self._aggregates:
            self._letters.again(partition, mail, event, source, statistics)
            return
        goes_back = mail.kind == HAND_BACK and self.partings.knows(mail.table)
        if not goes_back and (
            mail.kind != HAND_OVER or (mail.table != WINDOWS and mail.table not in self._aggregates)
        ):
            self._letters.reject(
                partition,
                mail,
                event,
                source,
                Reject(reasons.UNEXPECTED_RECORD, "a letter of a kind or table not known here"),
                statistics,
            )
            return
        alias = partition.tables[ALIASES].get(mail.to)
        if alias is not None and alias.state.root != NOBODY:
            self._letters.send_on(partition, mail, event, source, alias.state.root, statistics)
            return
        windows = partition.tables[WINDOWS]
        known = windows.get(mail.to)
        window = None if known is None else known.state
        now = latest(window, appended_at)
        letter_id = f"{event.channel}/{event.source}/{event.event_id}/{mail.table}/{mail.key}"
        if goes_back:
            letter_id = mail.mail_id
        elif mail.holder:
            letter_id = f"{mail.mail_id}/{mail.holder}"
        verdict, admitted = admit_letter(window, letter_id, now, self._window_limits)
        fresh = verdict == "fresh"
        if mail.table == WINDOWS:
            if fresh:
                theirs = ROW_CODECS[WINDOWS].decode_row(mail.row or b"").state
                admitted = merge_windows(admitted, theirs, self._window_limits)
        else:
            mark = (partition.number, topic, offset)
            take = self.partings.take if goes_back else self._merge
            refusal = take(partition, mail, event, source, mark, fresh=fresh)
            if refusal is not None:
                self._letters.reject(partition, mail, event, source, refusal, statistics)
                return
            if not goes_back:
                self._acknowledge(partition, mail, event, source, statistics)
        if fresh:
            windows.put(mail.to, Entry(admitted, partition.next_version()))

    def _rows(self, partition: Partition, entity: str) -> Iterator[tuple[Aggregate, str]]:
        """All rows of an entity that are published."""
        for aggregate in self._aggregates.values():
            table = partition.tables[aggregate.table]
            if aggregate.table == ORDERS:
                for key in table.keys_of(entity):
                    yield aggregate, key
            elif table.get(entity) is not None:
                yield aggregate, entity

    def hand_over(
        self,
        partition: Partition,
        entity: str,
        root: str,
        source: Source,
        statistics: ChunkStatistics,
        *,
        since: int = 0,
        holder: str = "",
        number: str = "",
    ) -> None:
        """Send all that an entity has of its own to its root.

        Args:
            partition: the entity's.
            entity: whose rows go.
            root: who takes them over.
            source: the event that it comes of.
            statistics: where to count.
            since: when they were begun.
            holder: the entity, unless it is the subject of the event.
            number: what makes these letters others than those of the same event and holder.
        """
        letters: list[tuple[str, str, bytes | None]] = []
        absent = {a.table for a in self._aggregates.values() if a.marks_absence}
        brought: set[str] = set()
        for aggregate, key in self._rows(partition, entity):
            entry = partition.tables[aggregate.table].get(key)
            if entry is not None:
                letters.append((aggregate.table, key, aggregate.encode_row(entry)))
                if holder and aggregate.parting is not None:
                    brought.update(aggregate.parting.origins(entry.state))
                absent.discard(aggregate.table)
        letters += [(table, entity, None) for table in sorted(absent)]
        window = partition.tables[WINDOWS].get(entity)
        if window is not None:
            letters.append((WINDOWS, entity, ROW_CODECS[WINDOWS].encode_row(window)))
        home = partition_for(root.encode(), partition.scope.partitions)
        for index, (table, key, row) in enumerate(letters):
            suffix = f"{number}/{index}"
            self._outlet.mail(home, source, root, HAND_OVER, suffix, table, key, row, since, holder)
            count(statistics.mail, HAND_OVER)
        self.partings.note(partition, entity, brought)

    def _merge(
        self,
        partition: Partition,
        mail: Mail,
        event: Event,
        source: Source,
        mark: tuple[int, int, int],
        *,
        fresh: bool,
    ) -> Reject | None:
        """Take a row in, unless that was done before, and publish what is there now."""
        aggregate = self._aggregates[mail.table]
        holder = mail.holder or event.subject
        marker = Absorbed(
            _marker_id(mail, event, holder), event.occurred_at, holder, since=mail.since
        )
        by = Bringing(self.partings.origin(holder), mail.to)

        def merged(ours: Any) -> tuple[Any, tuple[Effect, ...]]:
            assert aggregate.merge is not None
            theirs = None if mail.row is None else ROW_CODECS[mail.table].decode_row(mail.row).state
            return aggregate.merge(ours, theirs, marker, mark, by)

        return take_in(
            partition,
            aggregate,
            mail.to,
            mail.to + mail.key.removeprefix(holder),
            merged if fresh else None,
            event,
            source,
            "merged",
            outlet=self._outlet,
            firing=self._firing,
        )

    def _acknowledge(
        self,
        partition: Partition,
        mail: Mail,
        event: Event,
        source: Source,
        statistics: ChunkStatistics,
    ) -> None:
        holder = mail.holder or event.subject
        home = partition_for(holder.encode(), partition.scope.partitions)
        number = mail.mail_id.rpartition("/")[2]
        self._outlet.mail(
            home, source, holder, ACKNOWLEDGE, f"/{number}/taken", mail.table, mail.key
        )
        count(statistics.mail, ACKNOWLEDGE)

    def _acknowledged(self, partition: Partition, mail: Mail, event: Event, source: Source) -> None:
        """The account has the row. Since a log-out there may be another one, that it has not."""
        alias = partition.tables[ALIASES].get(mail.to)
        aggregate = self._aggregates.get(mail.table)
        if aggregate is None or partition.tables[mail.table].get(mail.key) is None:
            return
        if alias is None or alias.state.root == NOBODY:
            if aggregate.encode_synced is None:
                return
            cause = source.cause(event, "no_effect")
            self._outlet.publish_as_is(aggregate, partition, mail.to, mail.key, cause, source.trace)
        else:
            self._delete(partition, mail.to, aggregate, mail.key, source)

    def _delete(
        self, partition: Partition, entity: str, aggregate: Aggregate, key: str, source: Source
    ) -> None:
        version = partition.next_version()
        self._firing.drop(partition, entity, aggregate.table, key)
        partition.tables[aggregate.table].put(key, Entry(None, version))
        if aggregate.encode_synced is not None:
            self._outlet.publish(
                aggregate, partition, key, version, None, source.appended_at, source.trace
            )


def _marker_id(mail: Mail, event: Event, holder: str) -> str:
    """Of a merge. By links an identifier may be handed over, be on its own and be handed over
    again, all because of one event, so that the hand-over's number is part of it.
    """
    number = f"/{mail.mail_id.rsplit('/', 2)[-2]}" if mail.holder else ""
    return f"{event.event_id}/{holder}{number}"
