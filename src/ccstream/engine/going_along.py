"""Who goes along when somebody is erased: identifiers that the request names, and linked ones.

Those that are named are told at once. Whoever else is linked to the account by facts is known where
these are gathered, at their coordinator (`ccstream.domain.links`): if that is the account itself,
they are told in the same transaction, before its facts are forgotten; else a letter asks the
coordinator to tell them, and then to forget, along the same pointers as a fact. A coordinator that
is linked to the account itself goes first.

A fact that comes to a coordinator after that letter is not missed: the coordinator tells all whom
it knows of their roots, so it tells the erased one, too, who answers with one more such letter.
Who goes asks on behalf of the account as well as of itself: of the two letters to the coordinator,
the account's and its own, its own may be the first, and would take away what links others.

Another coordinator tells those, too, that the request has named. They may have become the account's
since, or not known it yet, and have let the first letter pass; who has gone lets the second pass.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from msgspec.structs import replace

from ccstream.domain.forest import members_of, names_of
from ccstream.domain.identifiers import IdentifierRules
from ccstream.domain.links import Links
from ccstream.engine.aggregates import LINKS
from ccstream.engine.chunk_statistics import ChunkStatistics, count
from ccstream.engine.erased import ErasedPeople
from ccstream.engine.outlet import Outlet
from ccstream.engine.partition import Partition
from ccstream.engine.source import Source
from ccstream.wire.mail import ERASE, ERASE_LINKED, Mail
from ccstream.wire.partition import partition_for
from ccstream.wire.rows import ROW_CODECS

__all__ = ["GoingAlong"]

_BRING_FACTS: Final = frozenset({"told", "proposed", "gathered"})
"""Kinds of letters about links in which there are facts."""


class GoingAlong:
    """Tells identifiers to go.

    Args:
        outlet: where letters go.
        rules: which identifiers are accounts.
        erased: who was erased.
    """

    def __init__(self, outlet: Outlet, rules: IdentifierRules, erased: ErasedPeople) -> None:
        self._outlet = outlet
        self._rules = rules
        self._erased = erased

    def is_account(self, key: str) -> bool:
        """Whether it is an account, which goes along with nobody."""
        return self._rules.is_account(key)

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
            self.ask(partition, links.coordinator, account, erased_at, source, "", statistics)
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
        me, at = mail.to, mail.since
        if links is None:
            return
        for gone in (mail.key, me):
            if links.coordinator == me:
                self.tell_others(partition, me, links, gone, at, source, statistics)
            else:
                self.ask(partition, links.coordinator, gone, at, source, "", statistics)

    def tells(
        self,
        partition: Partition,
        mail: Mail,
        links: Links | None,
        source: Source,
        statistics: ChunkStatistics,
    ) -> bool:
        """A letter asks to tell who is linked to the account ``mail.key``, by these ``links`` of
        the addressee: whether it coordinates them, and has told them.
        """
        me, account, at = mail.to, mail.key, mail.since
        if links is None:
            return False
        if links.coordinator != me:
            self.ask(partition, links.coordinator, account, at, source, "", statistics)
            return False
        self.tell_others(partition, me, links, account, at, source, statistics)
        return True

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
        """Tell those whose root an account was when it was erased, by the facts that are gathered
        at one identifier, without it and those who have been told.
        """
        if links is None or links.coordinator != me:
            return
        told = {me, *told}
        before = [
            fact for fact in links.facts if fact.at <= erased_at or account not in names_of(fact)
        ]
        for one in members_of(before, account, self._rules.is_account):
            if one not in told:
                suffix = f"/{me}/erase/{one}"
                self.tell(partition, one, account, erased_at, source, suffix, statistics)

    def answer(
        self,
        partition: Partition,
        mail: Mail,
        told: str,
        erased_at: int,
        source: Source,
        statistics: ChunkStatistics,
    ) -> None:
        """Facts have come to who was erased, and those among them from before it are forgotten:
        whom they link to the addressee is told to go, but for one who has been ``told``.
        """
        me, links = mail.to, self._erased.links_of(partition, mail.to)
        if mail.key not in _BRING_FACTS or (links is not None and links.coordinator != me):
            return
        said: Links = ROW_CODECS[LINKS].decode_row(mail.row or b"").state
        known = said.facts if links is None else said.facts | links.facts
        by_these = replace(said, coordinator=me, facts=known)
        self.tell_others(partition, me, by_these, me, erased_at, source, statistics, (told,))

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

    def ask(
        self,
        partition: Partition,
        coordinator: str,
        account: str,
        erased_at: int,
        source: Source,
        suffix: str,
        statistics: ChunkStatistics,
    ) -> None:
        """Ask a coordinator to tell whom its facts link to an account, and to forget these."""
        home = partition_for(coordinator.encode(), partition.scope.partitions)
        self._outlet.mail(
            home,
            source,
            coordinator,
            ERASE_LINKED,
            f"{suffix}/linked/{account}",
            key=account,
            since=erased_at,
        )
        count(statistics.mail, ERASE_LINKED)
