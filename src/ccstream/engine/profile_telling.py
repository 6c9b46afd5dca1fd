"""What has become of profiles is told, on a topic of facts, in the transaction that made it so.

Each is in the partition of the identifier that it became of: that one's owner alone knows of the
change, and can put the word of it in one transaction with its row. So of one identifier they are in
order; of a profile, they are as its identifiers come to hear of it, over milliseconds.

Its id is made of the change alone. Without transactions a change may be told again by a worker that
does it again after a crash, under the same id.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

from msgspec.structs import replace

from ccstream.domain.events import Event, IdentifiersLinked, IdentifierUnlinked
from ccstream.domain.forest import Conflict
from ccstream.domain.identifiers import IdentifierRules
from ccstream.domain.identity import NOBODY, Alias
from ccstream.domain.identity_events import IdentityConflictFound, conflict, moved
from ccstream.domain.links import Links, counted
from ccstream.engine.aggregates import ALIASES
from ccstream.engine.outlet import Outlet
from ccstream.engine.partition import Partition
from ccstream.engine.source import Source
from ccstream.wire.identity_events import IdentityEvent

__all__ = ["ProfileTelling"]

_ID_BYTES: Final = 16

_LINKS: Final = "links"
"""What decides whose an account, a card or an address is; whose a device is its log-ins do."""


class ProfileTelling:
    """Tells of merges, splits and conflicts.

    Args:
        outlet: where it goes.
        rules: what kind an identifier is.
    """

    def __init__(self, outlet: Outlet, rules: IdentifierRules) -> None:
        self._outlet = outlet
        self._rules = rules

    def moved(
        self,
        partition: Partition,
        identifier: str,
        was: str,
        event: Event,
        source: Source,
        by_facts: int | None = None,
    ) -> None:
        """Tell that an identifier has another root than it had, as its alias says by now.

        Args:
            partition: the identifier's.
            identifier: whose root it is.
            was: the root that it had, `NOBODY` if none.
            event: what it came of.
            source: where that came from.
            by_facts: by how many facts, where links decide; None where log-ins do.
        """
        entry = partition.tables[ALIASES].get(identifier)
        assert entry is not None
        alias: Alias = entry.state
        fact = moved(identifier, was, alias.root, self._rules.is_account)
        by_log_in = by_facts is None
        told = IdentityEvent(
            fact,
            identifier,
            entry.version,
            _id(
                type(fact).__name__,
                identifier,
                was,
                alias.root,
                event.channel,
                event.source,
                event.event_id,
                "" if by_log_in else str(by_facts),
            ),
            source.cause(event, "applied"),
            _reason(event),
            ("log_out" if alias.root == NOBODY else "log_in") if by_log_in else _LINKS,
        )
        self._outlet.tell(partition, told, source.trace)

    def conflicts(
        self,
        partition: Partition,
        coordinator: str,
        version: int,
        found: list[tuple[Conflict, Links]],
        event: Event,
        source: Source,
    ) -> None:
        """Tell of links that are passed over since so many facts are known.

        Args:
            partition: the coordinator's.
            coordinator: where the facts are gathered.
            version: of its row.
            found: each conflict, with what was known when it was found.
            event: what it came of.
            source: where that came from.
        """
        for one, known in found:
            fact = conflict(one, known.facts, self._rules.is_account)
            link = one.link
            names = (link.event_id, link.one, link.other, one.one, one.other, str(counted(known)))
            told = IdentityEvent(
                fact,
                coordinator,
                version,
                _id(IdentityConflictFound.__name__, coordinator, *names),
                source.cause(event, "applied"),
                _reason(event),
            )
            if not self._outlet.fits_identity_event(told):
                told = replace(told, fact=replace(fact, in_the_way=()))
            self._outlet.tell(partition, told, source.trace)


def _reason(event: Event) -> str:
    return event.reason if isinstance(event, IdentifiersLinked | IdentifierUnlinked) else ""


def _id(*parts: str) -> str:
    return blake2b("\0".join(parts).encode(), digest_size=_ID_BYTES).hexdigest()
