"""Whose the identifiers are that have had to do with an entity, and so what is that person's.

A card that was linked by mistake has handed its rows over and taken them back; what came by its key
is of whoever it belongs to now. A device is held for a time: an event of it is of the account that
held it when it occurred, as the worker has it (`ccstream.domain.identity.holder_at`); of a time
that tenures are forgotten of, nobody's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from msgspec import Struct

from ccstream.domain.events import Event, IdentifierUnlinked
from ccstream.domain.identifiers import IdentifierRules
from ccstream.domain.identity import NOBODY, Alias, holder_at, is_of_erased, known_from
from ccstream.domain.linking import is_linkable
from ccstream.evidence.trail import Trail
from ccstream.ops.identity_rules import load_identifier_rules
from ccstream.ops.latest_rows import latest_states
from ccstream.ops.settings import Settings

__all__ = ["Belonging", "belonging_of"]

ALIASES: Final = "aliases"


class Belonging(Struct, frozen=True):
    """Whose each of some identifiers is, as far as it is committed.

    ``aliases`` are the rows of those that are somebody's, or were.
    """

    key: str
    rules: IdentifierRules
    aliases: Mapping[str, Alias]

    def is_theirs(self, identifier: str) -> bool:
        """Whether it is the entity's today."""
        alias = self.aliases.get(identifier)
        return identifier == self.key or (alias is not None and alias.root == self.key)

    def is_linked(self, identifier: str) -> bool:
        """Whether links decide whose it is, not log-ins."""
        return is_linkable(identifier, self.rules)

    def had(self, identifier: str, when: int) -> bool:
        """Whether something that came by an identifier then, no event, is the person's."""
        if self.is_linked(identifier):
            return self.is_theirs(identifier)
        if identifier == self.key:
            return self._holder(identifier, when) == NOBODY
        return self.held_at(identifier, when)

    def was_of_erased(self) -> bool:
        """Whether the entity is a device that somebody had who was erased."""
        alias = self.aliases.get(self.key)
        return alias is not None and alias.erased_until > 0

    def held_at(self, device: str, when: int) -> bool:
        """Whether the entity held a device then."""
        return self._holder(device, when) == self.key

    def has(self, entity: str, event: Event) -> bool:
        """Whether an event that was folded for ``entity`` is the person's."""
        for name in {entity, event.subject}:
            if self.is_linked(name):
                if not self.is_theirs(name):
                    return False
            elif name == entity and not self._kept(name, event):
                return False
        return True

    def _kept(self, device: str, event: Event) -> bool:
        """Whether an event that was folded for a device is whose the entity is: it came to the
        account by a log-in, or is the log-out that ended that; of a device itself, it is nobody's,
        and no log-out of who was erased.
        """
        when, ends = event.occurred_at, isinstance(event, IdentifierUnlinked)
        if device != self.key:
            return self.held_at(device, when - ends)
        alias = self.aliases.get(device)
        if ends and alias is not None and is_of_erased(alias, when - 1):
            return False
        return self._holder(device, when) == NOBODY

    def _holder(self, device: str, when: int) -> str | None:
        """Who held a device then, `NOBODY` if nobody did; None where that is not known any more."""
        alias = self.aliases.get(device)
        if alias is None:
            return NOBODY
        if when < known_from(alias):
            return None  # the worker takes it for who is known of then; they may be another
        return holder_at(alias, when)


def belonging_of(settings: Settings, trail: Trail, progress: Callable[[str], None]) -> Belonging:
    """Look up whose the identifiers of a trail are today.

    Raises:
        StateError: a row cannot be read.
    """
    return Belonging(
        trail.key,
        load_identifier_rules(settings.identity.rules),
        _aliases(settings, (trail.key, *trail.handed_over), trail, progress),
    )


def _aliases(
    settings: Settings, keys: Iterable[str], trail: Trail, progress: Callable[[str], None]
) -> dict[str, Alias]:
    wanted = {key.encode(): key for key in keys}
    homes = map(trail.home, wanted.values())
    return latest_states(settings, ALIASES, homes, lambda name, _: name in wanted, progress)
