"""One customer's day across all channels, with what every screen must show in the end.

What is expected is written down by hand, from the story, not computed by anything of
ccstream. The story has what goes wrong in real life in it: an event sent twice, one sent
again after its item was removed, a till that was offline, an event that is weeks late.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from ccstream.client.view import SyncView
from ccstream.devkit import newsletter
from ccstream.devkit.demo_session import DemoSession
from ccstream.domain.events import (
    Campaign,
    CampaignClicked,
    CartItemAdded,
    CartItemQuantitySet,
    CartItemRemoved,
    ChannelVisited,
    Event,
    IdentifiersLinked,
    InteractionLogged,
    MessageOpened,
    Money,
    OrderLine,
    OrderPlaced,
    PostEngaged,
    ProductTried,
    ProductViewed,
)

__all__ = ["BEFORE_CHECKOUT", "EXPECTED", "WAIT_S", "Expected", "difference", "tell"]

WAIT_S: Final = 20.0
"""Longest wait for a screen to show what its user reacts to; it takes milliseconds."""

_HOUR_MS: Final = 3_600_000
_DAY_MS: Final = 24 * _HOUR_MS
_EUR: Final = "EUR"


class Expected(Struct, frozen=True):
    """What a channel's screen must show: units by article, last touch, last of each channel, and
    whether the customer may be sent the newsletter.
    """

    basket: Mapping[str, int]
    last_touch: tuple[str, str]
    by_channel: Mapping[str, str]
    newsletter: str


BEFORE_CHECKOUT: Final = {"kettle": 1, "filter": 1, "scale": 1, "tea": 2}
"""The web's two kettles became one in the app; the mug was taken out; the till's filter came
late; the scale was put in before the log-in; the call centre added tea."""

EXPECTED: Final = Expected(
    basket={"scale": 1, "tea": 2},
    last_touch=("store", "OrderPlaced"),
    by_channel={
        "web": "CartItemAdded",
        "app": "ConsentChanged",
        "store": "OrderPlaced",
        "call_centre": "CartItemAdded",
        "social": "PostEngaged",
        "email": "MessageOpened",
        "sms": "CampaignClicked",
        "push": "MessageOpened",
        "chat": "InteractionLogged",
        "post": "ChannelVisited",
    },
    newsletter="withdrawn",
)


def difference(view: SyncView, subject: str, expected: Expected) -> str | None:
    """The first thing that this screen shows and should not, in words; None if there is none."""
    basket = _basket(view, subject)
    if basket != expected.basket:
        return f"basket {basket}, expected {dict(expected.basket)}"
    touched = view.last_touch(subject)
    if touched is None:
        return "no last touch"
    last = (touched.last.channel, touched.last.kind)
    if last != expected.last_touch:
        return f"last touch {last}, expected {expected.last_touch}"
    by_channel = {touch.channel: touch.kind for touch in touched.by_channel}
    for channel, kind in expected.by_channel.items():
        if by_channel.get(channel) != kind:
            return f"last touch in {channel} {by_channel.get(channel)}, expected {kind}"
    wanted = newsletter.status(view, subject)
    if wanted != expected.newsletter:
        return f"newsletter {wanted}, expected {expected.newsletter}"
    return None


async def tell(session: DemoSession, subject: str, visitor: str, pause_s: float = 0.0) -> None:
    """Publish the story of ``subject``, who is ``visitor`` until the log-in.

    Args:
        session: what it is told on.
        subject: the customer.
        visitor: who that is until the log-in.
        pause_s: between one thing that happens and the next.
    """
    web, app = session.publishers["web"], session.publishers["app"]
    store, call_centre = session.publishers["store"], session.publishers["call_centre"]
    views = session.views

    async def say(event: Event) -> Event:
        await session.publish(event)
        await asyncio.sleep(pause_s)
        return event

    async def shows(channel: str, basket: Mapping[str, int]) -> None:
        await views[channel].until(
            subject, lambda view: _basket(view, subject) == basket, timeout_s=WAIT_S
        )

    # A leaflet, a post, and then the shop.
    await say(session.publishers["post"].event(ChannelVisited, subject, medium="leaflet"))
    await say(
        session.publishers["social"].event(
            PostEngaged, subject, network="instagram", post_id="tea-week"
        )
    )
    campaign = Campaign("tea-week", medium="social")
    await say(web.event(ChannelVisited, subject, page="/tea", campaign=campaign))
    await say(web.event(ProductViewed, subject, sku="kettle"))
    kettle = web.event(
        CartItemAdded,
        subject,
        sku="kettle",
        quantity=2,
        unit_price=Money(4_990, _EUR),
        name="Kettle",
    )
    await say(kettle)
    await say(kettle)  # the web shop was not sure and sends it again
    mug = web.event(
        CartItemAdded, subject, sku="mug", quantity=1, unit_price=Money(990, _EUR), name="Mug"
    )
    await say(mug)

    # The till has no network: what it scans now is sent later.
    await say(store.event(ProductTried, subject, sku="kettle", store="lyon"))
    offline = store.event(
        CartItemAdded,
        subject,
        sku="filter",
        quantity=1,
        unit_price=Money(1_290, _EUR),
        name="Filter",
    )

    # The app shows what the web did, and corrects it; the web takes the mug out.
    await shows("app", {"kettle": 2, "mug": 1})
    await say(app.event(CartItemQuantitySet, subject, sku="kettle", quantity=1))
    await shows("web", {"kettle": 1, "mug": 1})
    await say(web.event(CartItemRemoved, subject, sku="mug"))
    await say(mug)  # a late repetition does not bring the mug back

    # The call centre sees it all while the customer is on the line.
    await shows("call_centre", {"kettle": 1})
    await say(
        call_centre.event(
            InteractionLogged,
            subject,
            interaction_id=f"call-{subject}",
            kind="call",
            topic="delivery",
            intent="when",
            outcome="answered",
        )
    )
    await say(
        call_centre.event(
            CartItemAdded, subject, sku="tea", quantity=2, unit_price=Money(750, _EUR), name="Tea"
        )
    )
    await say(
        session.publishers["chat"].event(
            InteractionLogged,
            subject,
            interaction_id=f"chat-{subject}",
            kind="chat",
            topic="returns",
        )
    )

    # Messages are opened; the till is back and sends what it had; a log-in.
    await say(session.publishers["push"].event(MessageOpened, subject, message_id="push-1"))
    await say(session.publishers["sms"].event(CampaignClicked, subject, campaign_id="tea-week"))
    await say(
        session.publishers["email"].event(
            MessageOpened,
            subject,
            message_id="mail-1",
            occurred_at=kettle.occurred_at - 2 * _HOUR_MS,
        )
    )
    await say(offline)
    await say(
        web.event(
            CartItemAdded,
            visitor,
            sku="scale",
            quantity=1,
            unit_price=Money(2_990, _EUR),
            name="Scale",
        )
    )
    await say(web.event(IdentifiersLinked, visitor, identifiers=(subject,)))

    # The customer wants the newsletter, and a moment later does not.
    await say(newsletter.consent(app, subject, "granted"))
    await views["email"].until(
        subject, lambda view: newsletter.status(view, subject) == "granted", timeout_s=WAIT_S
    )
    await say(newsletter.consent(app, subject, "withdrawn"))
    await say(
        web.event(
            CartItemAdded,
            subject,
            sku="socks",
            quantity=1,
            occurred_at=kettle.occurred_at - 40 * _DAY_MS,
        )
    )  # weeks late: refused, and reported

    # The till scans a loyalty card, sees the whole basket by it, and sells a part of it.
    await asyncio.gather(*(shows(channel, BEFORE_CHECKOUT) for channel in views))
    card = f"loyalty:{subject.partition(':')[2]}"
    await say(store.event(IdentifiersLinked, card, identifiers=(subject,), reason="card_scanned"))
    await views["store"].until(
        card, lambda view: _basket(view, card) == BEFORE_CHECKOUT, timeout_s=WAIT_S
    )
    await say(
        store.event(
            OrderPlaced,
            card,
            order_id=f"order-{subject}",
            lines=(
                OrderLine(sku="kettle", quantity=1, amount=Money(4_990, _EUR)),
                OrderLine(sku="filter", quantity=1, amount=Money(1_290, _EUR)),
            ),
            total=Money(6_280, _EUR),
        )
    )


def _basket(view: SyncView, subject: str) -> dict[str, int]:
    cart = view.cart(subject)
    return {} if cart is None else {line.sku: line.quantity for line in cart.lines}
