"""An entity's trail, what it comes to, and whose each of its identifiers is."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct
from msgspec.structs import replace

from ccstream.evidence.belonging import Belonging, belonging_of
from ccstream.evidence.replay import Replay, Replayer, Step, state_ids
from ccstream.evidence.trail import READ_A_PART, Trail, find_trail, follow
from ccstream.ops.entity import Entity
from ccstream.ops.settings import Settings
from ccstream.wire.mail import HOPS_MAX

__all__ = ["Trace", "trace"]


class Trace(Struct, frozen=True):
    """What was found in the log about an entity."""

    trail: Trail
    told: Replay
    belonging: Belonging

    @property
    def now(self) -> tuple[str, ...]:
        """The identifiers that are the entity's today, of those that had to do with it."""
        return tuple(filter(self.belonging.is_theirs, self.trail.handed_over))

    def is_theirs(self, step: Step) -> bool:
        """Whether the event of a step is the person's, and not of who had their card or device."""
        former = step.entity in self.trail.former
        return self.belonging.has(step.event.subject if former else step.entity, step.event)


def trace(
    settings: Settings,
    found: Entity,
    since_ms: int | None,
    progress: Callable[[str], None],
    remedy: str = READ_A_PART,
) -> Trace:
    """Find the records about an entity, and fold them again.

    What an identifier did while it was of another profile was folded for the root of that. It is
    looked for there if the identifier is the entity's by now, or is the entity. If there is too
    much, ``remedy`` says what whoever asks can do.

    Raises:
        TopicMismatchError: the input topics are not there.
        StateError: a row cannot be read, or the key is no one person's.
    """
    linked = [one.key for one in found.identifiers]
    trail = find_trail(settings, found.key, since_ms, progress, linked, remedy)
    belonging = belonging_of(settings, trail, progress)
    replayer = Replayer(settings, state_ids(settings, progress))
    told = replayer.replay(trail)
    for _ in range(HOPS_MAX):
        known = {trail.key, *trail.handed_over, *trail.former}
        roots = {
            to
            for subject, to in told.sent_on
            if to not in known and belonging.is_linked(subject) and belonging.is_theirs(subject)
        }
        if not roots:
            break
        trail = follow(settings, trail, sorted(roots), progress, remedy)
        told = replayer.go_on(told, trail, sorted(roots))
    found_out = Trace(trail, told, belonging)
    steps = (
        one for one in told.steps if one.entity not in trail.former or found_out.is_theirs(one)
    )
    return replace(found_out, told=replace(told, steps=tuple(steps)))
