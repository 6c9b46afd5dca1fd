"""Letters with rows that are not taken where they arrive: sent on, rejected, asked for again.

A row for one that has been absorbed itself is its root's. One that cannot be taken is rejected
aloud, and stays with who has it or goes back to who gave it. Its dead letter leads to the letter,
of which `ccstream.ops.letters_again` makes one that asks for the row again once the cause is gone.
That goes to who has the row, since only there is known whether it still is to go. It has no more of
the row than a fingerprint; and the row goes by the id that it had, so that it is taken once however
often it is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from ccstream.domain import reasons
from ccstream.domain.effects import Reject
from ccstream.domain.events import Event
from ccstream.domain.identity import NOBODY
from ccstream.engine.aggregates import ALIASES, Aggregate
from ccstream.engine.chunk_statistics import ChunkStatistics, count
from ccstream.engine.outlet import Outlet
from ccstream.engine.partings import Partings
from ccstream.engine.partition import Partition
from ccstream.engine.rejection_log import RejectionLog
from ccstream.engine.source import Source
from ccstream.wire.mail import HAND_BACK, HAND_OVER, HOPS_MAX, Mail
from ccstream.wire.partition import partition_for
from ccstream.wire.rows import row_fingerprint

__all__ = ["RowLetters"]


class RowLetters:
    """Deals with them.

    Args:
        aggregates: those whose rows change hands, by table.
        outlet: where letters and dead letters go.
        partings: what came back goes back by them.
        told: is told of rows that are asked for again and not sent.
    """

    def __init__(
        self,
        aggregates: Mapping[str, Aggregate],
        outlet: Outlet,
        partings: Partings,
        told: RejectionLog | None,
    ) -> None:
        self._aggregates = aggregates
        self._outlet = outlet
        self._partings = partings
        self._told = told

    def send_on(
        self,
        partition: Partition,
        mail: Mail,
        event: Event,
        source: Source,
        root: str,
        statistics: ChunkStatistics,
    ) -> None:
        """A row for one that has been absorbed itself is its root's."""
        if mail.hops >= HOPS_MAX:
            refusal = Reject(reasons.TOO_MANY_HOPS, f"sent on {mail.hops} times already")
            self.reject(partition, mail, event, source, refusal, statistics)
            return
        home = partition_for(root.encode(), partition.scope.partitions)
        self._outlet.send_on(home, source, mail, root)
        count(statistics.mail, mail.kind)
        self._partings.note(partition, mail.to, self._partings.brought_by(mail, event))

    def again(
        self,
        partition: Partition,
        mail: Mail,
        event: Event,
        source: Source,
        statistics: ChunkStatistics,
    ) -> None:
        """Send a letter again that was rejected, if its row still is here for that. It is not if
        the root has taken it since, or a log-out, a split or an erasure has deleted it. Whoever
        asked was told that this is sent: the log has why it came to nothing.
        """
        aggregate = self._aggregates[mail.table]
        alias = partition.tables[ALIASES].get(mail.to)
        entry = partition.tables[mail.table].get(mail.key)
        if entry is None:
            why = "it is not here any more"
        elif alias is None or alias.state.root == NOBODY:
            why = "its holder is on its own"
        elif row_fingerprint(mail.table, row := aggregate.encode_row(entry)) != mail.row:
            why = "it is another row, or who asked is of another version than this worker"
        else:
            letter = replace(mail, kind=HAND_OVER, row=row)
            self.send_on(partition, letter, event, source, alias.state.root, statistics)
            return
        if self._told is not None:
            self._told.tell_not_sent(source, mail.table, why)

    def reject(
        self,
        partition: Partition,
        mail: Mail,
        event: Event,
        source: Source,
        refusal: Reject,
        statistics: ChunkStatistics,
    ) -> None:
        """Say why a letter is not taken; once, of one that goes back to who gave it, and then of
        its way back: that row is lost.
        """
        self._outlet.reject(
            partition.number,
            source,
            refusal.reason,
            refusal.detail,
            event=event,
            to=mail.to,
            leads_to_letter=mail.kind != HAND_BACK or bool(mail.holder),
        )
        count(statistics.rejected, refusal.reason)
        if mail.kind == HAND_BACK:
            self._partings.return_to_giver(partition, mail, source, statistics)
