"""What goes back when an identifier leaves a profile: a wrong link undone, or a surer one known.

Each row says by whose key that came which is not the entity's own. An identifier whose root is
another one than before asks the one before, by mail, to *give back* what came by its key. That one
parts its rows, and sends what leaves to the identifier itself, one row a letter (a part of a row
fits where the row did). The identifier takes it, or sends it on to the root that it has by then.

All of an identifier's goes by way of the identifier, in order of mail: what it sends to a root is
there before the letter that asks for it back, and what comes back meets the root of that moment. So
in the end all of it is where the last root is, whatever was told meanwhile. One that is absorbed
together with what others brought it remembers those others (`Links.carried`), and asks for theirs
with its own; from them it finds its way.

A letter that comes twice finds nothing more to give, or what it finds comes back. A row that cannot
be taken (an order of the same id is there, or it would be too big) is rejected aloud, and goes
back to who gave it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec.structs import replace

from ccstream.domain.cart_state import Position
from ccstream.domain.effects import Effect, Publish, Reject
from ccstream.domain.events import Event
from ccstream.domain.identifiers import IdentifierRules
from ccstream.domain.identity import NOBODY
from ccstream.domain.linking import is_linkable
from ccstream.domain.links import Links
from ccstream.engine.aggregates import ALIASES, LINKS, ORDERS, Aggregate
from ccstream.engine.chunk_statistics import ChunkStatistics, count
from ccstream.engine.firing import Asked, Firing
from ccstream.engine.outlet import Outlet
from ccstream.engine.partition import Partition
from ccstream.engine.rejection_log import RejectionLog
from ccstream.engine.source import Source
from ccstream.engine.taking import take_in
from ccstream.wire.entry import Entry
from ccstream.wire.mail import GIVE_BACK, HAND_BACK, Mail, bringer_of, is_asked_again
from ccstream.wire.partition import partition_for
from ccstream.wire.rows import ROW_CODECS

__all__ = ["Partings"]


class Partings:
    """What of a fold is about rows that are parted.

    Args:
        aggregates: those whose rows change hands, by table.
        outlet: where letters and sync events go.
        firing: sets and drops the timers of rows that change.
        rules: which identifiers are linked by facts, and so may leave.
        told: is told of what is asked for again and not sent.
    """

    def __init__(
        self,
        aggregates: Mapping[str, Aggregate],
        outlet: Outlet,
        firing: Firing,
        rules: IdentifierRules,
        told: RejectionLog | None,
    ) -> None:
        self._aggregates = {
            name: (aggregate, aggregate.parting)
            for name, aggregate in aggregates.items()
            if aggregate.parting is not None
        }
        self._outlet = outlet
        self._firing = firing
        self._rules = rules
        self._told = told

    def knows(self, table: str) -> bool:
        """Whether rows of this table are parted."""
        return table in self._aggregates

    def origin(self, key: str) -> str:
        """By whose key something is to be known to have come; a device's stays with its holder."""
        return key if is_linkable(key, self._rules) else ""

    def note(self, partition: Partition, entity: str, others: Iterable[str]) -> None:
        """Something of others goes on from an alias to its root."""
        table = partition.tables[LINKS]
        entry = table.get(entity)
        if entry is None:
            return
        links: Links = entry.state
        carried = tuple(sorted({*links.carried, *others} - {entity, ""}))
        if carried != links.carried:
            table.put(entity, Entry(replace(links, carried=carried), partition.next_version()))

    def brought_by(self, mail: Mail, event: Event) -> set[str]:
        """Whose things are in a row that is sent on."""
        bringer = bringer_of(mail, event)
        if mail.kind == HAND_BACK:
            return {bringer}
        holder = self.origin(bringer)
        known = self._aggregates.get(mail.table)
        if known is None or mail.row is None:
            return {holder}
        return {holder, *known[1].origins(ROW_CODECS[mail.table].decode_row(mail.row).state)}

    def ask(
        self,
        partition: Partition,
        entity: str,
        was: str,
        source: Source,
        statistics: ChunkStatistics,
    ) -> None:
        """Ask the root that an identifier had for what came by its key, and what it carried."""
        table = partition.tables[LINKS]
        entry = table.get(entity)
        assert entry is not None
        links: Links = entry.state
        home = partition_for(was.encode(), partition.scope.partitions)
        for name in (entity, *links.carried):
            suffix = f"/{entity}/{links.by_facts}/{name}"
            self._outlet.mail(home, source, was, GIVE_BACK, suffix, key=name, holder=entity)
            count(statistics.mail, GIVE_BACK)
        if links.carried:
            table.put(entity, Entry(replace(links, carried=()), partition.next_version()))

    def give(
        self,
        partition: Partition,
        mail: Mail,
        event: Event,
        source: Source,
        statistics: ChunkStatistics,
    ) -> None:
        """Give back what came by the key that a letter names.

        Letters of this kind do not count hops: roots only ever give way to smaller ones, so they
        come to an end by themselves. Of one by which somebody asks again the log has it if there
        is nothing to give.
        """
        root, name = mail.to, mail.key
        alias = partition.tables[ALIASES].get(root)
        if alias is not None and alias.state.root != NOBODY:
            to = alias.state.root
            home = partition_for(to.encode(), partition.scope.partitions)
            self._outlet.send_on(home, source, mail, to)
            count(statistics.mail, GIVE_BACK)
            return
        source.hops = 0
        gives = False
        for aggregate, parting in self._aggregates.values():
            table = partition.tables[aggregate.table]
            keys = table.keys_of(root) if aggregate.table == ORDERS else (root,)
            for key in list(keys):
                entry = table.get(key)
                if entry is None:
                    continue
                if name != root and (parted := parting.release(entry.state, name)) is not None:
                    kept, part, effects = parted
                    if part is not None:
                        gives = True
                        self._send(partition, mail, aggregate, key, part, source, statistics)
                    self._keep(partition, root, aggregate, key, kept, effects, event, source)
                elif aggregate.table != ORDERS and aggregate.encode_synced is not None:
                    cause = source.cause(event, "no_effect")
                    self._outlet.publish_as_is(aggregate, partition, root, key, cause, source.trace)
        if not gives and self._told is not None and is_asked_again(mail):
            self._told.tell_not_sent(source, "", "nothing that came by that key is here any more")

    def take(
        self,
        partition: Partition,
        mail: Mail,
        event: Event,
        source: Source,
        mark: Position,
        *,
        fresh: bool,
    ) -> Reject | None:
        """Take what came back, for the identifier or for its root; why not, if it cannot be."""
        aggregate, parting = self._aggregates[mail.table]
        name = bringer_of(mail, event)
        origin = "" if name == mail.to else name

        def rejoined(ours: Any) -> tuple[Any, tuple[Effect, ...]]:
            part = ROW_CODECS[mail.table].decode_row(mail.row or b"").state
            return parting.rejoin(ours, part, origin, mark)

        return take_in(
            partition,
            aggregate,
            mail.to,
            mail.to + mail.key.removeprefix(name),
            rejoined if fresh else None,
            event,
            source,
            "split",
            outlet=self._outlet,
            firing=self._firing,
        )

    def return_to_giver(
        self, partition: Partition, mail: Mail, source: Source, statistics: ChunkStatistics
    ) -> None:
        """What could not be taken stays with the root that had it; once, for it fitted there."""
        if not mail.holder:
            return
        home = partition_for(mail.holder.encode(), partition.scope.partitions)
        suffix = f"{_tail(mail)}/returned"
        self._outlet.mail(
            home, source, mail.holder, HAND_BACK, suffix, mail.table, mail.key, mail.row
        )
        count(statistics.mail, HAND_BACK)

    def _send(
        self,
        partition: Partition,
        mail: Mail,
        aggregate: Aggregate,
        key: str,
        part: Any,
        source: Source,
        statistics: ChunkStatistics,
    ) -> None:
        name = mail.key
        home = partition_for(name.encode(), partition.scope.partitions)
        rest = key.removeprefix(mail.to)
        row = aggregate.encode_row(Entry(part, 0))
        suffix = f"{_tail(mail)}/{aggregate.table}{rest}"
        table = aggregate.table
        self._outlet.mail(
            home, source, name, HAND_BACK, suffix, table, name + rest, row, holder=mail.to
        )
        count(statistics.mail, HAND_BACK)

    def _keep(
        self,
        partition: Partition,
        entity: str,
        aggregate: Aggregate,
        key: str,
        kept: Any,
        effects: Iterable[Effect],
        event: Event,
        source: Source,
    ) -> None:
        """Put what stays in the row's place; it is smaller, so it fits."""
        table = partition.tables[aggregate.table]
        entry = table.get(key)
        after = Entry(kept, partition.next_version())
        value = delta = None
        asked: list[Asked] = []
        for effect in effects:
            if isinstance(effect, Publish):
                delta = effect.delta
            elif not isinstance(effect, Reject):
                asked.append((aggregate.table, key, effect))
        if kept is None:
            self._firing.drop(partition, entity, aggregate.table, key)
        elif aggregate.encode_synced is not None:
            base = 0 if entry is None else entry.version
            cause = source.cause(event, "split")
            value = aggregate.synced(partition, entity, after, base, cause, delta)
        table.put(key, after)
        if asked:
            self._firing.arm(partition, entity, asked)
        if aggregate.encode_synced is not None:
            self._outlet.publish(
                aggregate, partition, key, after.version, value, source.appended_at, source.trace
            )


def _tail(mail: Mail) -> str:
    """What makes a letter another one than those of the same place in the log, which is all that
    comes before it; no topic has a slash in its name.
    """
    return "/" + mail.mail_id.split("/", 4)[4]
