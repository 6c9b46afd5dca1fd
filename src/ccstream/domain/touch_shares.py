"""Touches that came by the keys of others, kept apart as shares so that they can leave again.

A row has a share for each account or personal identifier by whose key something came, the row's
own (`OWN`) among them; each is touches as `touch.py` makes them, of those events alone. What the
row shows is the merge of all. Where nothing came by another key there are no shares.

*Laws.* The merge of the shares is what all events together would have made, with the exceptions
that `touch.py` names. What is released is what its events alone would have made, and what stays is
so of the others: a share knows nothing of the rest, whenever they met and in whatever order. What
is released and rejoined was never gone.

*Exception*, about the path only: shares have at most `SHARED_VISITS_MAX` visits together. Where
there are more, the oldest of all leave their share's path for its sums.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from ccstream.domain.effects import Effect, Publish
from ccstream.domain.events import Event
from ccstream.domain.limits import SHARED_VISITS_MAX, VISIT_GAP_MS, VISITS_MAX
from ccstream.domain.moment import Moment
from ccstream.domain.touch import (
    Earlier,
    Touch,
    Touches,
    TouchLimits,
    Trail,
    Visit,
    is_later,
    shortened,
    without_oldest,
)
from ccstream.domain.touch import step as plain_step

__all__ = ["OWN", "Shares", "merge", "origins", "rejoin", "release", "step", "whole"]

OWN: Final = ""
"""Of the row's own share, whose key is the row's."""

Shares = dict[str, Touches]
"""By the key that it came by."""

_WHOLE_MAX: Final = SHARED_VISITS_MAX // VISITS_MAX
"""So many shares cannot have too many visits together."""

_CHANGED: Final[tuple[Effect, ...]] = (Publish(),)


def step(
    state: Touches | None, event: Event, at: Moment, limits: TouchLimits
) -> tuple[Touches, tuple[Effect, ...]]:
    """Take one event into the share that it came by; see `touch.step`."""
    origin = at.came_by
    if not origin and (state is None or not state.shares):
        return plain_step(state, event, at, limits)
    shares = _shares(state)
    share, _ = plain_step(shares.get(origin), event, at, limits)
    shares[origin] = share
    if state is None:
        return _row_of(shares), _CHANGED
    channel = event.channel
    last = share.last_by_channel[channel]
    known = state.last_by_channel.get(channel)
    last_by_channel = state.last_by_channel
    if known is None or is_later(last, known):
        last_by_channel = last_by_channel.copy()
        last_by_channel[channel] = last
    first = share.first if is_later(state.first, share.first) else state.first
    latest = share.last if is_later(share.last, state.last) else state.last
    return Touches(first, latest, last_by_channel, {}, {}, _bounded(shares)), _CHANGED


def merge(
    ours: Touches | None, theirs: Touches, limits: TouchLimits, origin: str = OWN, into: str = ""
) -> Touches:
    """The row of ``into`` with another one taken over.

    Args:
        ours: the row that stays.
        theirs: the row taken over, with its shares.
        limits: the configured lookback.
        origin: by whose key ``theirs`` came, `OWN` where it never leaves.
        into: whose row ``ours`` is, of whom a share in ``theirs`` is its own.
    """
    shares = _shares(ours)
    for name, share in _shares(theirs).items():
        key = origin if name == OWN else name
        key = OWN if key == into else key
        known = shares.get(key)
        shares[key] = share if known is None else _united(known, share, limits)
    return _row_of(shares)


def release(state: Touches, origin: str) -> tuple[Touches | None, Touches] | None:
    """What stays, if anything, and what came by the key ``origin``; None if nothing did."""
    if origin == OWN or origin not in state.shares:
        return None
    shares = state.shares.copy()
    share = shares.pop(origin)
    return (_row_of(shares) if shares else None), share


def rejoin(ours: Touches | None, released: Touches, limits: TouchLimits, origin: str) -> Touches:
    """The row with what another one was released of; ``origin`` is `OWN` if that is its own."""
    return merge(ours, released, limits, origin)


def origins(state: Touches) -> set[str]:
    """By whose keys something came, but for its own subject's."""
    return {name for name in state.shares if name != OWN}


def whole(state: Touches, limits: TouchLimits) -> Touches:
    """All shares made one, as if nobody could ever leave."""
    if not state.shares:
        return state
    first, *others = state.shares.values()
    for share in others:
        first = _united(first, share, limits)
    return first


def _shares(state: Touches | None) -> Shares:
    """The shares of a row, in a dict that is the caller's own."""
    if state is None:
        return {}
    return state.shares.copy() if state.shares else {OWN: state}


def _row_of(shares: Shares) -> Touches:
    """The row that has these shares, of which there is at least one."""
    own = shares.get(OWN)
    if own is not None and len(shares) == 1:
        return own
    parts = list(shares.values())
    last_by_channel = _latest(last for part in parts for last in part.last_by_channel.values())
    first, last = parts[0].first, parts[0].last
    for part in parts:
        first = part.first if is_later(first, part.first) else first
        last = part.last if is_later(part.last, last) else last
    return Touches(first, last, last_by_channel, {}, {}, _bounded(shares))


def _bounded(shares: Shares) -> Shares:
    """The shares, in a dict that is the caller's own, without the oldest of too many visits."""
    if len(shares) <= _WHOLE_MAX:
        return shares
    counts = {name: _visits(share) for name, share in shares.items()}
    for _ in range(sum(counts.values()) - SHARED_VISITS_MAX):
        name = min((_oldest(share), name) for name, share in shares.items() if share.trails)[1]
        share = shares[name]
        trails, earlier = without_oldest(share.trails, share.earlier)
        shares[name] = Touches(share.first, share.last, share.last_by_channel, trails, earlier)
    return shares


def _visits(share: Touches) -> int:
    return sum(len(trail.visits) for trail in share.trails.values())


def _oldest(share: Touches) -> int:
    return min(trail.visits[0].started_at for trail in share.trails.values())


def _united(one: Touches, other: Touches, limits: TouchLimits) -> Touches:
    """What the events of both would have made; neither has shares."""
    last_by_channel = _latest((*one.last_by_channel.values(), *other.last_by_channel.values()))
    trails = dict(one.trails)
    for key, trail in other.trails.items():
        own = trails.get(key)
        visits = trail.visits if own is None else _joined(own.visits + trail.visits)
        trails[key] = Trail(trail.channel, trail.campaign_id, visits)
    earlier = dict(one.earlier)
    for channel, summed in other.earlier.items():
        mine = earlier.get(channel)
        earlier[channel] = summed if mine is None else _summed(mine, summed)
    first = other.first if is_later(one.first, other.first) else one.first
    last = other.last if is_later(other.last, one.last) else one.last
    trails, earlier = shortened(trails, earlier, last.occurred_at - limits.lookback_ms)
    return Touches(first, last, last_by_channel, trails, earlier)


def _latest(touches: Iterable[Touch]) -> dict[str, Touch]:
    """The last of each channel."""
    latest: dict[str, Touch] = {}
    for touch in touches:
        known = latest.get(touch.channel)
        if known is None or is_later(touch, known):
            latest[touch.channel] = touch
    return latest


def _joined(visits: tuple[Visit, ...]) -> tuple[Visit, ...]:
    """Visits of one trail, those made one between which there is no long silence."""
    joined: list[Visit] = []
    for visit in sorted(visits, key=lambda visit: (visit.started_at, visit.ended_at)):
        if joined and visit.started_at <= joined[-1].ended_at + VISIT_GAP_MS:
            last = joined[-1]
            joined[-1] = Visit(
                last.started_at,
                max(last.ended_at, visit.ended_at),
                last.touches + visit.touches,
            )
        else:
            joined.append(visit)
    return tuple(joined)


def _summed(one: Earlier, other: Earlier) -> Earlier:
    return Earlier(
        one.channel,
        one.touches + other.touches,
        min(one.first_at, other.first_at),
        max(one.last_at, other.last_at),
    )
