"""First touch, last touch, last touch per channel, and the path between them.

Every event but a log-in or log-out is a touch: something that the customer did, somewhere.
Touches are ordered by ``(occurred_at, event_id)``; when an event arrived never matters.

*Laws.* Whatever the order in which distinct events arrive, the first touch, the last touch,
the last of each channel and the number of touches of each channel are the same. So is the
path, for events that lie within the lookback of the latest of them and make no more than
`VISITS_MAX` visits.

*Exceptions*, all about the path only: a touch that arrives when the visits around it have
left the path counts among the earlier ones, so that a visit at the edge of the lookback may
begin later than it would have; and which of more than `VISITS_MAX` visits are whole depends
on what had arrived when each left.

What came by the keys of others that may leave again is kept apart, as *shares* (`touch_shares.py`);
here there are none.

The path is made of *visits*, so that it stays small: touches of one channel and campaign
with no more than `VISIT_GAP_MS` between one and the next. Visits that leave the path (they
ended before the lookback, or are the oldest of too many) are summed up by channel.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, final

from mypy_extensions import mypyc_attr

from ccstream.domain.effects import Effect, Publish
from ccstream.domain.events import (
    Campaign,
    CampaignClicked,
    CartCleared,
    CartItemAdded,
    CartItemQuantitySet,
    CartItemRemoved,
    ChannelVisited,
    ConsentChanged,
    ContactPreferencesChanged,
    Event,
    InteractionLogged,
    MessageOpened,
    OrderPlaced,
    PostEngaged,
    ProductTried,
    ProductViewed,
    ProfileUpdated,
)
from ccstream.domain.limits import DETAIL_CHARS_MAX, VISIT_GAP_MS, VISITS_MAX
from ccstream.domain.moment import Moment

__all__ = [
    "Earlier",
    "PathEntry",
    "Touch",
    "TouchLimits",
    "Touches",
    "Trail",
    "Trails",
    "Visit",
    "detail_of",
    "is_later",
    "path",
    "shortened",
    "step",
    "without_oldest",
]


@final
@dataclass(frozen=True)
class TouchLimits:
    """How far before the latest touch the path goes back."""

    lookback_ms: int = 90 * 24 * 3_600_000


@final
@mypyc_attr(acyclic=True)
@dataclass(init=False, unsafe_hash=True)
class Touch:
    """One event as a touch. ``kind`` is the event's class; ``detail`` what it was about."""

    event_id: Final[str]
    kind: Final[str]
    channel: Final[str]
    source: Final[str]
    occurred_at: Final[int]
    detail: Final[str]
    campaign: Final[Campaign | None]
    encoded: bytes = field(init=False, compare=False, repr=False)

    def __init__(
        self,
        event_id: str,
        kind: str,
        channel: str,
        source: str,
        occurred_at: int,
        detail: str,
        campaign: Campaign | None = None,
    ) -> None:
        self.event_id = event_id
        self.kind = kind
        self.channel = channel
        self.source = source
        self.occurred_at = occurred_at
        self.detail = detail
        self.campaign = campaign
        self.encoded = b""


@final
@mypyc_attr(acyclic=True)
@dataclass(init=False, unsafe_hash=True)
class Visit:
    """Touches of one trail without a long silence between them."""

    started_at: Final[int]
    ended_at: Final[int]
    touches: Final[int]

    def __init__(
        self,
        started_at: int,
        ended_at: int,
        touches: int,
    ) -> None:
        self.started_at = started_at
        self.ended_at = ended_at
        self.touches = touches


@final
@mypyc_attr(acyclic=True)
@dataclass(init=False, unsafe_hash=True)
class Trail:
    """The visits, in order, of one channel and of the campaign that led there (or "")."""

    channel: Final[str]
    campaign_id: Final[str]
    visits: Final[tuple[Visit, ...]]
    encoded: bytes = field(init=False, compare=False, repr=False)

    def __init__(
        self,
        channel: str,
        campaign_id: str,
        visits: tuple[Visit, ...],
    ) -> None:
        self.channel = channel
        self.campaign_id = campaign_id
        self.visits = visits
        self.encoded = b""


@final
@dataclass(frozen=True)
class Earlier:
    """The touches of a channel that are no longer in the path."""

    channel: str
    touches: int
    first_at: int
    last_at: int


Trails = dict[tuple[str, str], Trail]
"""By channel and campaign."""


@final
@mypyc_attr(acyclic=True)
@dataclass(init=False, unsafe_hash=True)
class Touches:
    """The row. ``last`` is one of ``last_by_channel``.

    Of one with ``shares``, ``first``, ``last`` and ``last_by_channel`` are those of all of them;
    path and sums are in the shares alone.
    """

    first: Final[Touch]
    last: Final[Touch]
    last_by_channel: Final[dict[str, Touch]]
    trails: Final[Trails]
    earlier: Final[dict[str, Earlier]]
    shares: Final[dict[str, Touches]]
    encoded: bytes = field(init=False, compare=False, repr=False)

    def __init__(
        self,
        first: Touch,
        last: Touch,
        last_by_channel: dict[str, Touch],
        trails: Trails,
        earlier: dict[str, Earlier],
        shares: dict[str, Touches] | None = None,
    ) -> None:
        self.first = first
        self.last = last
        self.last_by_channel = last_by_channel
        self.trails = trails
        self.earlier = earlier
        self.shares = _NO_SHARES if shares is None else shares
        self.encoded = b""


@final
@dataclass(frozen=True, order=True)
class PathEntry:
    """A visit as a reader of the path wants it."""

    started_at: int
    channel: str
    campaign_id: str
    ended_at: int
    touches: int


_NO_SHARES: Final[dict[str, Touches]] = {}
"""That of every row that has none; nobody ever changes a row's."""
_CHANGED: Final[tuple[Effect, ...]] = (Publish(),)
_DEFAULT_LIMITS: Final = TouchLimits()


def step(
    state: Touches | None, event: Event, at: Moment, limits: TouchLimits = _DEFAULT_LIMITS
) -> tuple[Touches, tuple[Effect, ...]]:
    """Take one event in as a touch of its channel; every event changes the row.

    Args:
        state: the subject's touches, None before the first.
        event: any event that is a touch (see `detail_of`).
        at: its place in the log, which decides nothing here.
        limits: the configured lookback.
    """
    kind, about = _KINDS[type(event)]
    channel = event.channel
    when = event.occurred_at
    campaign = event.campaign
    detail = about(event)[:DETAIL_CHARS_MAX]
    touch = Touch(event.event_id, kind, channel, event.source, when, detail, campaign)
    if campaign is not None:
        campaign_id = campaign.id
    else:
        campaign_id = detail if isinstance(event, CampaignClicked) else ""
    key = (channel, campaign_id)
    if state is None:
        trail = Trail(channel, campaign_id, (Visit(when, when, 1),))
        return Touches(touch, touch, {channel: touch}, {key: trail}, {}), _CHANGED
    last_by_channel = state.last_by_channel
    known = last_by_channel.get(channel)
    if known is None or is_later(touch, known):
        last_by_channel = last_by_channel.copy()
        last_by_channel[channel] = touch
    first = touch if is_later(state.first, touch) else state.first
    last = touch if is_later(touch, state.last) else state.last
    known_trail = state.trails.get(key)
    before = known_trail.visits if known_trail is not None else ()
    after = _visited(before, when)
    trails = state.trails.copy()
    trails[key] = Trail(channel, campaign_id, after)
    earlier = state.earlier
    if len(after) > len(before):
        trails, earlier = shortened(trails, earlier, last.occurred_at - limits.lookback_ms)
    return Touches(first, last, last_by_channel, trails, earlier), _CHANGED


def detail_of(event: Event) -> str:
    """What a touch was about: an article, a post, a message, an order, a topic.

    Raises:
        KeyError: the event is not a touch.
    """
    _, about = _KINDS[type(event)]
    return about(event)[:DETAIL_CHARS_MAX]


def path(state: Touches) -> tuple[PathEntry, ...]:
    """All visits of all trails, in order of their beginning; of one without shares."""
    return tuple(
        sorted(
            PathEntry(
                visit.started_at, trail.channel, trail.campaign_id, visit.ended_at, visit.touches
            )
            for trail in state.trails.values()
            for visit in trail.visits
        )
    )


def is_later(one: Touch, other: Touch) -> bool:
    """Whether ``one`` comes after ``other``."""
    if one.occurred_at != other.occurred_at:
        return one.occurred_at > other.occurred_at
    return one.event_id > other.event_id


def _visited(visits: tuple[Visit, ...], when: int) -> tuple[Visit, ...]:
    """The visits of a trail with one touch more, which may join two of them."""
    if not visits or when > visits[-1].ended_at + VISIT_GAP_MS:
        return (*visits, Visit(when, when, 1))
    last = visits[-1]
    if when >= last.started_at:
        longer = Visit(last.started_at, max(when, last.ended_at), last.touches + 1)
        return (*visits[:-1], longer)
    begin = sum(visit.ended_at + VISIT_GAP_MS < when for visit in visits)
    end = sum(visit.started_at - VISIT_GAP_MS <= when for visit in visits)
    joined = visits[begin:end]
    whole = Visit(
        min(when, *(visit.started_at for visit in joined)) if joined else when,
        max(when, *(visit.ended_at for visit in joined)) if joined else when,
        1 + sum(visit.touches for visit in joined),
    )
    return (*visits[:begin], whole, *visits[end:])


def shortened(
    trails: Trails, earlier: dict[str, Earlier], cutoff: int
) -> tuple[Trails, dict[str, Earlier]]:
    """The path without what ended before ``cutoff``, and without the oldest of too many."""
    count = 0
    leaving = []
    for key, trail in trails.items():
        count += len(trail.visits)
        if trail.visits[0].ended_at < cutoff:
            leaving.append(key)
    if not leaving and count <= VISITS_MAX:
        return trails, earlier
    trails, earlier = dict(trails), dict(earlier)
    for key in leaving:
        while key in trails and trails[key].visits[0].ended_at < cutoff:
            _leave(trails, earlier, key)
            count -= 1
    while count > VISITS_MAX:
        _leave(trails, earlier, _oldest(trails))
        count -= 1
    return trails, earlier


def without_oldest(
    trails: Trails, earlier: dict[str, Earlier]
) -> tuple[Trails, dict[str, Earlier]]:
    """The path without its oldest visit."""
    trails, earlier = dict(trails), dict(earlier)
    _leave(trails, earlier, _oldest(trails))
    return trails, earlier


def _oldest(trails: Trails) -> tuple[str, str]:
    return min(trails, key=lambda key: (trails[key].visits[0].started_at, key))


def _leave(trails: Trails, earlier: dict[str, Earlier], key: tuple[str, str]) -> None:
    """Move the first visit of a trail to the sums, in dicts that are the caller's own."""
    trail = trails[key]
    visit, rest = trail.visits[0], trail.visits[1:]
    if rest:
        trails[key] = Trail(trail.channel, trail.campaign_id, rest)
    else:
        del trails[key]
    known = earlier.get(trail.channel)
    if known is None:
        known = Earlier(trail.channel, 0, visit.started_at, visit.ended_at)
    earlier[trail.channel] = Earlier(
        trail.channel,
        known.touches + visit.touches,
        min(known.first_at, visit.started_at),
        max(known.last_at, visit.ended_at),
    )


_DETAILS: Final[dict[type[Event], Callable[[Any], str]]] = {
    CartItemAdded: lambda e: e.sku,
    CartItemRemoved: lambda e: e.sku,
    CartItemQuantitySet: lambda e: e.sku,
    CartCleared: lambda e: "",
    OrderPlaced: lambda e: e.order_id,
    ProfileUpdated: lambda e: "",
    ConsentChanged: lambda e: f"{e.contact_channel}:{e.purpose}",
    ContactPreferencesChanged: lambda e: "",
    ChannelVisited: lambda e: e.medium or e.referrer or e.page or "",
    ProductViewed: lambda e: e.sku,
    ProductTried: lambda e: e.sku,
    CampaignClicked: lambda e: e.campaign_id,
    MessageOpened: lambda e: e.message_id,
    PostEngaged: lambda e: f"{e.network}:{e.post_id}",
    InteractionLogged: lambda e: e.topic,
}
"""One entry for each event that is a touch. Of a visit, how the customer came."""

_KINDS: Final[dict[type[Event], tuple[str, Callable[[Any], str]]]] = {
    kind: (kind.__name__, about) for kind, about in _DETAILS.items()
}
