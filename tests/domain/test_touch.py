"""Rules of first touch, last touch and the path, one customer at a time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from ccstream.domain import events
from ccstream.domain.events import (
    Campaign,
    CampaignClicked,
    CartCleared,
    CartItemAdded,
    CartItemQuantitySet,
    CartItemRemoved,
    ChannelVisited,
    ConsentChanged,
    ConsentProof,
    ContactPreferencesChanged,
    ErasureRequested,
    Event,
    IdentifiersLinked,
    IdentifierUnlinked,
    InteractionLogged,
    LegalHoldChanged,
    MessageOpened,
    Money,
    OrderPlaced,
    PersonalKeyProvided,
    PostEngaged,
    ProductTried,
    ProductViewed,
    ProfileUpdated,
)
from ccstream.domain.limits import DETAIL_CHARS_MAX, VISIT_GAP_MS, VISITS_MAX
from ccstream.domain.moment import Moment, Scope
from ccstream.domain.touch import (
    Earlier,
    PathEntry,
    Touches,
    TouchLimits,
    Trail,
    Visit,
    detail_of,
    path,
    step,
)

DAY_MS = 24 * 3_600_000
NOON = 1_760_000_000_000
AT = Moment(NOON, 0, 0, Scope(b"state-id", 0, 8), (-1,))


def viewed(at: int, event_id: str = "", channel: str = "web", **more: Any) -> ProductViewed:
    return ProductViewed(
        event_id=event_id or f"{channel}-{at}",
        occurred_at=at,
        channel=channel,
        source=f"{channel}:1",
        subject="customer:1",
        sku="sku-1",
        **more,
    )


def after(facts: Iterable[Event], limits: TouchLimits | None = None) -> Touches:
    state = None
    for event in facts:
        state, _ = step(state, event, AT, limits or TouchLimits())
    assert state is not None
    return state


def meta(**more: Any) -> dict[str, Any]:
    return {
        "event_id": "e",
        "occurred_at": NOON,
        "channel": "web",
        "source": "s",
        "subject": "customer:1",
        **more,
    }


DETAILS: list[tuple[Event, str]] = [
    (CartItemAdded(**meta(), sku="A", quantity=1), "A"),
    (CartItemRemoved(**meta(), sku="A"), "A"),
    (CartItemQuantitySet(**meta(), sku="A", quantity=0), "A"),
    (CartCleared(**meta()), ""),
    (OrderPlaced(**meta(), order_id="o-1", lines=(), total=Money(1, "EUR")), "o-1"),
    (ProfileUpdated(**meta(), traits=()), ""),
    (
        ConsentChanged(
            **meta(),
            contact_point="ab" * 32,
            contact_channel="email",
            purpose="newsletter",
            status="granted",
            proof=ConsentProof("form-1", "web", 0),
        ),
        "email:newsletter",
    ),
    (ContactPreferencesChanged(**meta(), language="fr"), ""),
    (ChannelVisited(**meta(), medium="cpc", referrer="example.org", page="/shoes"), "cpc"),
    (ChannelVisited(**meta(), referrer="example.org", page="/shoes"), "example.org"),
    (ChannelVisited(**meta(), page="/shoes"), "/shoes"),
    (ChannelVisited(**meta()), ""),
    (ProductViewed(**meta(), sku="A"), "A"),
    (ProductTried(**meta(), sku="A", store="7"), "A"),
    (CampaignClicked(**meta(), campaign_id="spring"), "spring"),
    (MessageOpened(**meta(), message_id="m-1"), "m-1"),
    (PostEngaged(**meta(), network="mastodon", post_id="99"), "mastodon:99"),
    (InteractionLogged(**meta(), interaction_id="i", kind="call", topic="delivery"), "delivery"),
]


@pytest.mark.parametrize(("event", "detail"), DETAILS, ids=lambda v: type(v).__name__)
def test_a_touch_says_what_it_was_about(event: Event, detail: str) -> None:
    touch = after([event]).last
    assert (touch.kind, touch.detail) == (type(event).__name__, detail)
    assert (touch.event_id, touch.occurred_at) == (event.event_id, event.occurred_at)
    assert (touch.channel, touch.source) == (event.channel, event.source)


def test_every_event_but_links_and_what_is_about_privacy_is_a_touch() -> None:
    kinds = {
        cls
        for cls in vars(events).values()
        if isinstance(cls, type) and issubclass(cls, Event) and cls is not Event
    }
    assert {type(event) for event, _ in DETAILS} == kinds - {
        IdentifiersLinked,
        IdentifierUnlinked,
        PersonalKeyProvided,
        ErasureRequested,
        LegalHoldChanged,
    }
    with pytest.raises(KeyError):
        detail_of(IdentifiersLinked(**meta(), identifiers=("customer:2",)))


def test_a_very_long_page_address_is_cut() -> None:
    event = ChannelVisited(**meta(), page="x" * 5_000)
    assert len(after([event]).last.detail) == DETAIL_CHARS_MAX


def test_the_first_and_last_touch_go_by_when_it_happened_not_by_when_it_arrived() -> None:
    store, web, app = (
        viewed(NOON + 2, channel="store"),
        viewed(NOON + 1, channel="web"),
        viewed(NOON + 3, channel="app"),
    )
    state = after([store, app, web])
    assert (state.first.channel, state.last.channel) == ("web", "app")
    assert {c: t.event_id for c, t in state.last_by_channel.items()} == {
        "store": store.event_id,
        "web": web.event_id,
        "app": app.event_id,
    }


def test_a_late_event_of_a_channel_does_not_become_its_last_touch() -> None:
    state = after([viewed(NOON, "new"), viewed(NOON - 1, "old")])
    assert state.last.event_id == "new"
    assert state.last_by_channel["web"].event_id == "new"
    assert state.first.event_id == "old"


def test_touches_of_one_millisecond_go_by_their_id() -> None:
    for order in (["a", "b"], ["b", "a"]):
        state = after([viewed(NOON, event_id) for event_id in order])
        assert (state.first.event_id, state.last.event_id) == ("a", "b")


def test_touches_with_less_than_half_an_hour_between_them_are_one_visit() -> None:
    state = after([viewed(NOON), viewed(NOON + VISIT_GAP_MS), viewed(NOON + 2 * VISIT_GAP_MS + 1)])
    visits = (
        Visit(NOON, NOON + VISIT_GAP_MS, 2),
        Visit(NOON + 2 * VISIT_GAP_MS + 1, NOON + 2 * VISIT_GAP_MS + 1, 1),
    )
    assert state.trails == {("web", ""): Trail("web", "", visits)}


def test_a_late_touch_between_two_visits_joins_them() -> None:
    gap = VISIT_GAP_MS
    state = after(
        [viewed(NOON), viewed(NOON + 2 * gap), viewed(NOON + 9 * gap), viewed(NOON + gap)]
    )
    assert state.trails["web", ""].visits == (
        Visit(NOON, NOON + 2 * gap, 3),
        Visit(NOON + 9 * gap, NOON + 9 * gap, 1),
    )


def test_a_campaign_begins_a_trail_of_its_own() -> None:
    spring = Campaign("spring", "email")
    state = after(
        [
            viewed(NOON),
            viewed(NOON + 1, campaign=spring),
            CampaignClicked(**meta(event_id="c", occurred_at=NOON + 2), campaign_id="spring"),
            viewed(NOON + 3, channel="app"),
        ]
    )
    assert path(state) == (
        PathEntry(NOON, "web", "", NOON, 1),
        PathEntry(NOON + 1, "web", "spring", NOON + 2, 2),
        PathEntry(NOON + 3, "app", "", NOON + 3, 1),
    )
    assert state.last_by_channel["web"].campaign is None
    assert after([viewed(NOON, campaign=spring)]).last.campaign == spring


def test_visits_before_the_lookback_are_summed_up_when_a_visit_begins() -> None:
    limits = TouchLimits(lookback_ms=10 * DAY_MS)
    old = [viewed(NOON), viewed(NOON + 5), viewed(NOON + DAY_MS), viewed(NOON, channel="app")]
    state = after([*old, viewed(NOON + 11 * DAY_MS)], limits)
    assert state.earlier == {
        "web": Earlier("web", 2, NOON, NOON + 5),
        "app": Earlier("app", 1, NOON, NOON),
    }
    assert [entry.started_at for entry in path(state)] == [NOON + DAY_MS, NOON + 11 * DAY_MS]
    assert state.first.occurred_at == NOON


def test_a_touch_older_than_the_lookback_is_counted_but_no_part_of_the_path() -> None:
    limits = TouchLimits(lookback_ms=DAY_MS)
    state = after([viewed(NOON), viewed(NOON - 2 * DAY_MS), viewed(NOON - 3 * DAY_MS)], limits)
    assert [entry.started_at for entry in path(state)] == [NOON]
    assert state.earlier == {"web": Earlier("web", 2, NOON - 3 * DAY_MS, NOON - 2 * DAY_MS)}


def test_of_too_many_visits_the_oldest_are_summed_up() -> None:
    gap = VISIT_GAP_MS + 1
    facts = [viewed(NOON + n * gap, channel=("web", "app")[n % 2]) for n in range(VISITS_MAX + 3)]
    state = after(facts)
    assert len(path(state)) == VISITS_MAX
    assert path(state)[0].started_at == NOON + 3 * gap
    assert state.earlier == {
        "web": Earlier("web", 2, NOON, NOON + 2 * gap),
        "app": Earlier("app", 1, NOON + gap, NOON + gap),
    }


def test_what_a_touch_leaves_alone_is_shared_so_that_its_encoding_can_be_kept() -> None:
    before = after([viewed(NOON, channel="app"), viewed(NOON + 1)])
    now, _ = step(before, viewed(NOON + 2), AT)
    assert now.first is before.first
    assert now.last_by_channel["app"] is before.last_by_channel["app"]
    assert now.last is now.last_by_channel["web"]
    assert now.trails["app", ""] is before.trails["app", ""]
    assert now.earlier is before.earlier
