"""Who goes along when somebody is erased: identifiers that the request names, and linked ones.

Those that are named are told at once. Whoever else is linked to the account by facts is known where
these are gathered, at their coordinator (`ccstream.domain.links`): if that is the account itself,
they are told in the same transaction, before its facts go; else a letter asks the coordinator to
tell them, along the same pointers as a fact. A coordinator that is erased as one of them tells the
others as it goes.

A fact that comes to a coordinator after that letter is not missed: the coordinator tells all whom
it knows of their roots, so it tells the erased one, too, who answers with one more such letter.

Another coordinator tells those, too, that the request has named. They may have become the account's
since, or not known it yet, and have let the first letter pass; who has gone lets the second pass.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from ccstream.domain.identifiers import IdentifierRules
from ccstream.domain.links import Links, forest, members_of
from ccstream.engine.aggregates import LINKS, WINDOWS
from ccstream.engine.chunk_statistics import ChunkStatistics, count
from ccstream.engine.outlet import Outlet
from ccstream.engine.partition import Partition
from ccstream.engine.source import Source
from ccstream.wire.mail import ERASE, ERASE_LINKED, LINK, Mail
from ccstream.wire.partition import partition_for
from ccstream.wire.rows import ROW_CODECS

__all__ = ["GoingAlong"]


class GoingAlong:
    """Tells identifiers to go.

    Args:
        outlet: where letters go.
        rules: which identifiers are accounts.
    """

    def __init__(self, outlet: Outlet, rules: IdentifierRules) -> None:
        self._outlet = outlet
        self._rules = rules

    def links_of(self, partition: Partition, entity: str) -> Links | None:
        """What an identifier knows of its links; to be read before its rows are deleted."""
        entry = partition.tables[LINKS].get(entity)
        links: Links | None = None if entry is None else entry.state
        return links

    def tell_all(
        self,
        partition: Partition,
        account: str,
        links: Links | None,
        named: tuple[str, ...],
        erased_at: int,
        source: Source,
        statistics: ChunkStatistics,
    ) -> None:
        """An account has been erased that knew these ``links``, by a request that names these."""
        if links is not None and links.coordinator != account:
            # Before the others: one of them may be on the way to the coordinator, or be it.
            self._ask(partition, links.coordinator, account, erased_at, source, "", statistics)
        for index, one in enumerate(named):
            suffix = f"/erase/{index}"
            self.tell(partition, one, account, erased_at, source, suffix, statistics)
        self.tell_others(partition, account, links, account, erased_at, source, statistics, named)

    def goes(
        self,
        partition: Partition,
        mail: Mail,
        links: Links | None,
        source: Source,
        statistics: ChunkStatistics,
    ) -> None:
        """An identifier that knew these ``links`` goes, as a letter has told it to."""
        me, account, at = mail.to, mail.key, mail.since
        if links is None:
            return
        self.tell_others(partition, me, links, account, at, source, statistics)
        if links.coordinator == me:
            self.tell_others(partition, me, links, me, at, source, statistics)
        elif links.root == me:  # it was of no account yet
            self._ask(partition, links.coordinator, me, at, source, "", statistics)

    def read(
        self,
        partition: Partition,
        mail: Mail,
        erased_at: int,
        source: Source,
        statistics: ChunkStatistics,
    ) -> None:
        """A letter asks to tell who is linked to the account ``mail.key``, by the facts that are
        here, or, if the addressee was erased itself at ``erased_at``, by those in the letter.
        """
        me, account = mail.to, mail.key
        if mail.row is not None:
            if erased_at and partition.tables[WINDOWS].get(me) is None:
                said: Links = ROW_CODECS[LINKS].decode_row(mail.row).state
                by_these = replace(said, coordinator=me)
                self.tell_others(partition, me, by_these, me, erased_at, source, statistics)
            return
        links = self.links_of(partition, me)
        if links is None:
            return
        if links.coordinator != me:
            self._ask(partition, links.coordinator, account, mail.since, source, "", statistics)
        elif links.root != account:
            self.tell_others(partition, me, links, account, mail.since, source, statistics)
        else:  # and it tells the others as it goes
            suffix = f"/{me}/erase"
            self.tell(partition, me, account, mail.since, source, suffix, statistics)

    def tell_others(
        self,
        partition: Partition,
        me: str,
        links: Links | None,
        account: str,
        erased_at: int,
        source: Source,
        statistics: ChunkStatistics,
        told: Iterable[str] = (),
    ) -> None:
        """Tell those whose root an account is by the facts that are gathered at one identifier,
        without it and those who have been told.
        """
        if links is None or links.coordinator != me:
            return
        told = {me, *told}
        for one in members_of(links.facts, account, self._rules.is_account):
            if one not in told:
                suffix = f"/{me}/erase/{one}"
                self.tell(partition, one, account, erased_at, source, suffix, statistics)

    def answer(
        self,
        partition: Partition,
        mail: Mail,
        holder: str,
        erased_at: int,
        source: Source,
        suffix: str,
        statistics: ChunkStatistics,
    ) -> None:
        """A letter has come too late to be read: whom it links to the addressee is told to go.

        That is by the facts in it, if it has any, or by those of whoever says that the addressee is
        the root of something. ``holder`` has been told.
        """
        if mail.kind != LINK or partition.tables[WINDOWS].get(mail.to) is not None:
            return  # who has come back keeps what is theirs by now
        me = mail.to
        said: Links = ROW_CODECS[LINKS].decode_row(mail.row or b"").state
        if not said.facts:
            if said.root == me and said.coordinator != me:
                self._ask(partition, said.coordinator, me, erased_at, source, suffix, statistics)
            return
        by_these = replace(said, coordinator=me)
        self.tell_others(partition, me, by_these, me, erased_at, source, statistics, (holder,))
        roots = set(forest(said.facts, self._rules.is_account).roots.values()) - {me}
        for root in sorted(roots):
            # Linked to the addressee by other facts; who is linked to that one is known here alone.
            if root != holder:
                told_as = f"{suffix}/{root}/erase"
                self.tell(partition, root, me, erased_at, source, told_as, statistics)
            self._ask(partition, root, root, erased_at, source, suffix, statistics, mail.row)

    def tell(
        self,
        partition: Partition,
        identifier: str,
        account: str,
        erased_at: int,
        source: Source,
        suffix: str,
        statistics: ChunkStatistics,
        table: str = "",
    ) -> None:
        """Ask an identifier to go with the account; with ``table`` it was linked to it before."""
        home = partition_for(identifier.encode(), partition.scope.partitions)
        self._outlet.mail(
            home, source, identifier, ERASE, suffix, table, key=account, since=erased_at
        )
        count(statistics.mail, ERASE)

    def _ask(
        self,
        partition: Partition,
        coordinator: str,
        account: str,
        erased_at: int,
        source: Source,
        suffix: str,
        statistics: ChunkStatistics,
        row: bytes | None = None,
    ) -> None:
        home = partition_for(coordinator.encode(), partition.scope.partitions)
        self._outlet.mail(
            home,
            source,
            coordinator,
            ERASE_LINKED,
            f"{suffix}/linked/{account}",
            LINKS if row else "",
            account,
            row,
            erased_at,
        )
        count(statistics.mail, ERASE_LINKED)
