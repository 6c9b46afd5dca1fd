"""Links between accounts and personal identifiers, as the engine carries them out.

What an event says of them, and what letters say, is worked out by `ccstream.domain.linking` and
`ccstream.domain.links`; here it is read, kept in the table ``links``, and sent. Where an
identifier's root becomes another one its row in ``aliases`` follows, and is published:

=====================  =========================================================================
from itself to a root  all that it has is handed over, as at a log-in (`handover.py`)
from root to root      the former one is asked for what came by its key (`partings.py`)
back to itself         the same; rows on their way are deleted, for they come back with it
=====================  =========================================================================

Who was erased and has not come back goes on reading letters about links, for those of others
(`erased.py`): nothing of theirs moves by it, and no alias is published for them.

An alias of this kind has one tenure: events of any time go where the identifier belongs now.
Each such change, those by log-ins and log-outs too, and each link that is newly passed over, is
told to others (`profile_telling.py`).

Whatever could have changed an alias, in this history or in one that was lost, publishes it and the
rows that are left, as they are. A letter that comes twice, or again after a crash, changes nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Final

from ccstream.domain import reasons
from ccstream.domain.effects import Reject
from ccstream.domain.events import Event, IdentifiersLinked, IdentifierUnlinked
from ccstream.domain.forest import Conflict, Fact, Link, Unlink
from ccstream.domain.identifiers import IdentifierRules
from ccstream.domain.identity import NOBODY, Alias, Tenure
from ccstream.domain.linking import Post, facts_of, is_linkable, posts_of, take
from ccstream.domain.links import Forget, Gathered, Links
from ccstream.engine.aggregates import ALIASES, LINKS, ORDERS, WINDOWS, Aggregate
from ccstream.engine.chunk_statistics import ChunkStatistics, count
from ccstream.engine.erased import ErasedPeople
from ccstream.engine.going_along import GoingAlong
from ccstream.engine.handover import HandOvers
from ccstream.engine.outlet import Outlet
from ccstream.engine.partition import Partition
from ccstream.engine.profile_telling import ProfileTelling
from ccstream.engine.source import Source
from ccstream.ops.erasure_key import ErasureKey
from ccstream.wire.entry import Entry
from ccstream.wire.link_rows import post_from, post_kind, post_row
from ccstream.wire.mail import LINK, Mail
from ccstream.wire.partition import partition_for
from ccstream.wire.rows import ROW_CODECS

__all__ = ["Linking"]

_SUPPOSED: Final = "verified"
"""How sure links are that an earlier version kept as log-ins: it knew no others."""


class Linking:
    """What of a fold is about links between identifiers.

    Args:
        plans: for every event type the aggregates that it addresses.
        outlet: where letters go.
        hand_overs: hands rows over.
        rules: what kind an identifier is, how sure a link, and how many there may be.
        key: what people are known by who were erased; None where nobody can be.

    Attributes:
        erased: who was erased.
        along: asks who is linked to them to go along.
    """

    def __init__(
        self,
        plans: Mapping[type[Event], tuple[Aggregate, ...]],
        outlet: Outlet,
        hand_overs: HandOvers,
        rules: IdentifierRules,
        key: ErasureKey | None,
    ) -> None:
        self._plans = plans
        self._outlet = outlet
        self._hand_overs = hand_overs
        self._rules = rules
        self.erased = ErasedPeople(key)
        self.along = GoingAlong(outlet, rules, self.erased)
        self._telling = ProfileTelling(outlet, rules)

    def takes(self, entity: str) -> bool:
        """Whether links of this entity are facts of a profile; a device's are log-ins."""
        return is_linkable(entity, self._rules)

    def fold(
        self,
        partition: Partition,
        entity: str,
        event: Event,
        source: Source,
        taken: Entry,
        statistics: ChunkStatistics,
    ) -> Reject | None:
        """Fold what the subject of an event says of itself; why it cannot be, if it cannot.

        ``taken`` is its duplicate window with the event.
        """
        assert isinstance(event, IdentifiersLinked | IdentifierUnlinked)
        facts = facts_of(event, self._rules)
        if isinstance(facts, Reject):
            return facts
        posts = posts_of(entity, facts)
        changed, refusal = self._read(partition, entity, posts, event, source, statistics)
        if refusal is None:
            partition.tables[WINDOWS].put(entity, taken)
            statistics.taken_in(event, "applied" if changed else "no_effect")
        return refusal

    def follow(
        self,
        partition: Partition,
        entity: str,
        event: Event,
        source: Source,
        before: Alias | None,
        statistics: ChunkStatistics,
    ) -> None:
        """Do what follows from a log-in or log-out of a device, which had ``before``."""
        self._hand_overs.follow(partition, entity, event, source, before, statistics)
        entry = partition.tables[ALIASES].get(entity)
        was = NOBODY if before is None else before.root
        if entry is not None and entry.state.root != was:
            self._telling.moved(partition, entity, was, event, source)

    def open(
        self,
        partition: Partition,
        mail: Mail,
        event: Event,
        source: Source,
        statistics: ChunkStatistics,
    ) -> None:
        """Read a letter about links.

        Its hops begin anew: letters about links come to an end by themselves, and what is counted
        is how often a row is sent on.
        """
        row = ROW_CODECS[LINKS].decode_row(mail.row or b"")
        post = post_from(mail.key, mail.to, row.state)
        source.hops = 0
        refusal: Reject | None
        if post is None:
            refusal = Reject(reasons.UNEXPECTED_RECORD, "a letter about links not known here")
        else:
            _, refusal = self._read(partition, mail.to, [post], event, source, statistics)
        if refusal is not None:
            gone = self.erased.is_gone(partition, mail.to)
            to = self.erased.fingerprint(mail.to) if gone else mail.to
            self._outlet.reject(
                partition.number,
                source,
                refusal.reason,
                refusal.detail,
                event=event,
                to=to,
                leads_to_letter=True,
            )
            count(statistics.rejected, refusal.reason)

    def forget(
        self,
        partition: Partition,
        entity: str,
        names: Iterable[str],
        since: int,
        event: Event,
        source: Source,
        statistics: ChunkStatistics,
    ) -> None:
        """These were erased then, whom facts may name that are gathered at the entity."""
        source.hops = 0
        posts = [Forget(entity, name, since) for name in names]
        self._read(partition, entity, posts, event, source, statistics)

    def come_back(
        self,
        partition: Partition,
        entity: str,
        event: Event,
        source: Source,
        statistics: ChunkStatistics,
    ) -> None:
        """Who was erased has come back by an event of their own, perhaps as somebody's alias by a
        link that was stated while they were away.
        """
        links = self.erased.links_of(partition, entity)
        if links is not None and links.root != entity:
            self._move(partition, entity, links, event, source, statistics)

    def _read(
        self,
        partition: Partition,
        entity: str,
        posts: Iterable[Post],
        event: Event,
        source: Source,
        statistics: ChunkStatistics,
    ) -> tuple[bool, Reject | None]:
        """Read letters, and those that the entity writes to itself; whether anything came of it."""
        erased_at = self.erased.erased_at(partition, entity)
        gone = erased_at > 0 and partition.tables[WINDOWS].get(entity) is None
        before = self.erased.links_of(partition, entity)
        unread = deque(posts)
        if before is None and (logged := self._logged(partition, entity)):
            unread.appendleft(Gathered(entity, logged))
        state, written, refusal = before, list[Post](), None
        found: list[tuple[Conflict, Links]] = []
        while unread:
            outcome = take(state, unread.popleft(), self._rules, erased_at)
            state = outcome.links
            refusal = refusal or outcome.refusal
            found += [(one, state) for one in outcome.conflicts]
            for post in outcome.letters:
                (unread if post.to == entity else written).append(post)
        assert state is not None
        version = 0
        if state != before:
            if not self._outlet.fits_row(ROW_CODECS[LINKS].encode_row(Entry(state, 0))):
                return False, Reject(reasons.TOO_BIG, "the profile's links do not fit into a row")
            version = self._keep(partition, entity, state, gone=gone)
        self._send(partition, written, source, statistics, gone=gone)
        for _ in found:
            count(statistics.links, "conflict")
        if found:
            named = self.erased.fingerprint(entity) if gone else entity
            self._telling.conflicts(partition, named, version, found, event, source)
        moved = not gone and self._move(partition, entity, state, event, source, statistics)
        return moved or state != before or bool(written), refusal

    def _keep(self, partition: Partition, entity: str, links: Links, *, gone: bool) -> int:
        if gone:
            return self.erased.keep(partition, entity, links)
        version = partition.next_version()
        partition.tables[LINKS].put(entity, Entry(links, version))
        return version

    def _send(
        self,
        partition: Partition,
        posts: Iterable[Post],
        source: Source,
        statistics: ChunkStatistics,
        *,
        gone: bool,
    ) -> None:
        encode = ROW_CODECS[LINKS].encode_row
        for index, post in enumerate(posts):
            if gone and isinstance(post, Forget):
                # Whom the facts link to somebody who has not come back goes as well.
                suffix = f"/{index}"
                name, since = post.name, post.since
                self.along.ask(partition, post.to, name, since, source, suffix, statistics)
                continue
            home = partition_for(post.to.encode(), partition.scope.partitions)
            kind, row = post_kind(post), encode(Entry(post_row(post), 0))
            suffix = f"/{kind}/{index}"
            self._outlet.mail(home, source, post.to, LINK, suffix, LINKS, kind, row)
            count(statistics.mail, LINK)

    def _move(
        self,
        partition: Partition,
        entity: str,
        links: Links,
        event: Event,
        source: Source,
        statistics: ChunkStatistics,
    ) -> bool:
        """Make the entity the alias of its root, if it is not yet; publish it in any case."""
        aliases = partition.tables[ALIASES]
        entry = aliases.get(entity)
        was = NOBODY if entry is None else entry.state.root
        root = NOBODY if links.root == entity else links.root
        now = _alias(root, links, event)
        changed = root != was
        if entry is not None and links.event_id:
            changed = entry.state != now
        if changed:
            aliases.put(entity, Entry(now, 0 if entry is None else entry.version))
        cause = source.cause(event, "applied" if changed else "no_effect")
        (published,) = self._plans[IdentifiersLinked]
        self._outlet.publish_as_is(published, partition, entity, entity, cause, source.trace)
        if root == was:
            self._hand_overs.publish_rows(partition, entity, event, source)
            return False
        if was == NOBODY:
            # What it has after it was erased is something else, though the event be the same.
            erased_at = self.erased.erased_at(partition, entity)
            number = f"/{links.by_facts}.{erased_at}" if erased_at else f"/{links.by_facts}"
            self._hand_overs.hand_over(
                partition, entity, root, source, statistics, holder=entity, number=number
            )
            count(statistics.links, "merged")
        else:
            self._hand_overs.partings.ask(partition, entity, was, source, statistics)
            count(statistics.links, "split" if root == NOBODY else "moved")
        if root == NOBODY:
            # An order that comes back is the one that is here, and one that was not taken stays.
            self._hand_overs.delete_rows(partition, entity, source, but=ORDERS)
        self._telling.moved(partition, entity, was, event, source, links.by_facts)
        self._hand_overs.publish_rows(partition, entity, event, source)
        return True

    def _logged(self, partition: Partition, entity: str) -> frozenset[Fact]:
        """What an identifier is known by that was linked before there were such facts."""
        entry = partition.tables[ALIASES].get(entity)
        if entry is None:
            return frozenset()
        alias: Alias = entry.state
        latest = Tenure(alias.root, alias.since, alias.event_id)
        return frozenset(
            Link(tenure.event_id, tenure.since, entity, tenure.root, _SUPPOSED)
            if tenure.root
            else Unlink(tenure.event_id, tenure.since, entity, None)
            for tenure in (*alias.earlier, latest)
        )


def _alias(root: str, links: Links, event: Event) -> Alias:
    """The row of an identifier of this root by what it knows.

    Since when it is an alias is for the facts to say: the event by which they came together depends
    on the order of arrival. What is on its own, or what an earlier version wrote, has that alone.
    """
    if root == NOBODY or not links.event_id:
        return Alias(root, event.occurred_at, event.event_id)
    return Alias(root, links.since, links.event_id)
