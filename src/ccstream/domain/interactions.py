"""The last times that somebody served the customer: calls, chats, e-mails, words at the counter.

A call centre that knows what the chat promised yesterday, and how the visit to the store ended,
need not ask again. Of each interaction its topic, the customer's intent and its outcome are kept.
The latter two are personal: they are what the event has, ciphertext where personal fields are
encrypted.

*Law.* Whatever the order in which distinct events arrive, by whichever key and whenever the
profiles met, the row has the `INTERACTIONS_MAX` latest of all, by ``(occurred_at, event_id)``.
What an identifier takes along when it leaves is what there is by its key; what later interactions
of the others had pushed out by then is gone for both.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from ccstream.domain.effects import Effect, Publish
from ccstream.domain.events import InteractionLogged
from ccstream.domain.limits import INTERACTIONS_MAX
from ccstream.domain.moment import Moment

__all__ = ["Interaction", "Interactions", "merge", "origins", "release", "step"]


class Interaction(Struct, frozen=True, gc=False):
    """One interaction, as its event logged it. ``origin`` is empty for one of the row's own
    subject, else whose key it came by; it leaves with that one.
    """

    event_id: str
    interaction_id: str
    kind: str
    channel: str
    source: str
    occurred_at: int
    topic: str
    intent: str | None = None
    outcome: str | None = None
    origin: str = ""


class Interactions(Struct, frozen=True):
    """The row: the latest interactions, in order of ``(occurred_at, event_id)``."""

    interactions: tuple[Interaction, ...]


_CHANGED: Final[tuple[Effect, ...]] = (Publish(),)


def step(
    state: Interactions | None, event: InteractionLogged, at: Moment
) -> tuple[Interactions | None, tuple[Effect, ...]]:
    """Note an interaction, unless there are as many later ones as are kept.

    Args:
        state: the subject's interactions, None before the first.
        event: the interaction.
        at: by whose key it came; its place in the log decides nothing here.
    """
    logged = Interaction(
        event.event_id,
        event.interaction_id,
        event.kind,
        event.channel,
        event.source,
        event.occurred_at,
        event.topic,
        event.intent,
        event.outcome,
        at.came_by,
    )
    known = () if state is None else state.interactions
    return _changed(state, (*known, logged))


def merge(
    ours: Interactions | None, theirs: Interactions, origin: str = "", into: str = ""
) -> tuple[Interactions | None, tuple[Effect, ...]]:
    """The row of ``into`` with another one taken over.

    Args:
        ours: the row that stays.
        theirs: the row taken over.
        origin: by whose key ``theirs`` came, empty where it never leaves.
        into: whose row ``ours`` is, of whom what is in ``theirs`` is its own.
    """
    known = () if ours is None else ours.interactions
    brought = []
    for one in theirs.interactions:
        key = one.origin or origin
        brought.append(replace(one, origin="" if key == into else key))
    return _changed(ours, (*known, *brought))


def release(
    state: Interactions, origin: str
) -> tuple[Interactions | None, Interactions, tuple[Effect, ...]] | None:
    """What stays, if anything, and what came by the key ``origin``; None if nothing did."""
    goes = tuple(
        replace(one, origin="") for one in state.interactions if origin and one.origin == origin
    )
    if not goes:
        return None
    stays = tuple(one for one in state.interactions if one.origin != origin)
    return (Interactions(stays) if stays else None), Interactions(goes), _CHANGED


def origins(state: Interactions) -> set[str]:
    """By whose keys something came, but for its own subject's."""
    return {one.origin for one in state.interactions if one.origin}


def _changed(
    before: Interactions | None, known: Iterable[Interaction]
) -> tuple[Interactions | None, tuple[Effect, ...]]:
    """The row of these, the first of two of the same event, and whether it is another one."""
    by_event: dict[tuple[int, str, str, str], Interaction] = {}
    for one in known:
        by_event.setdefault((one.occurred_at, one.event_id, one.channel, one.source), one)
    latest = tuple(by_event[key] for key in sorted(by_event)[-INTERACTIONS_MAX:])
    if before is not None and latest == before.interactions:
        return before, ()
    return Interactions(latest), _CHANGED
