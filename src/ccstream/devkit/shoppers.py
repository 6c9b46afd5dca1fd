"""Simulated shoppers: a few customers who wander between channels, for as long as one looks."""

from __future__ import annotations

import asyncio
import random
from typing import Final

from ccstream.devkit import newsletter
from ccstream.devkit.demo_session import DemoSession
from ccstream.domain.events import (
    CartItemAdded,
    CartItemQuantitySet,
    CartItemRemoved,
    Event,
    InteractionLogged,
    Money,
    OrderLine,
    OrderPlaced,
    ProductViewed,
)

__all__ = ["ARTICLES", "MARKETING", "SHOPPERS", "SHOPPING_CHANNELS", "shop"]

SHOPPING_CHANNELS: Final = ("web", "app", "store", "call_centre")

MARKETING: Final = "email"
"""Sells nothing, and writes to those who want it."""

SHOPPERS: Final = ("Anna", "Ben", "Chloé", "Dario")
"""As many as fit on a small terminal."""

ARTICLES: Final = {
    "kettle": 4_990,
    "tea": 750,
    "mug": 990,
    "scale": 2_990,
    "filter": 1_290,
    "honey": 640,
    "lamp": 3_490,
    "plant": 1_990,
}
"""Article and price in cents."""

_LINES_BEFORE_BUYING: Final = 6


async def shop(session: DemoSession, subjects: list[str], seed: int, pause_s: float = 0.35) -> None:
    """Let random shoppers act, one event about every ``pause_s`` seconds, until cancelled."""
    chance = random.Random(seed)
    while True:
        subject = chance.choice(subjects)
        channel = chance.choice(SHOPPING_CHANNELS)
        await session.publish(_act(session, subject, channel, chance))
        await asyncio.sleep(chance.uniform(0.3, 1.7) * pause_s)


def _act(session: DemoSession, subject: str, channel: str, chance: random.Random) -> Event:
    """What this shopper does next, seeing what the channel's screen shows."""
    publisher = session.publishers[channel]
    cart = session.views[channel].cart(subject)
    lines = cart.lines if cart is not None else ()
    sku = chance.choice(list(ARTICLES))
    if channel == "app" and chance.random() < 0.2:
        granted = newsletter.status(session.views[channel], subject) == "granted"
        return newsletter.consent(publisher, subject, "withdrawn" if granted else "granted")
    roll = chance.random()
    if lines and (len(lines) >= _LINES_BEFORE_BUYING or roll < 0.06):
        bought = tuple(
            OrderLine(
                sku=line.sku,
                quantity=line.quantity,
                amount=Money(ARTICLES[line.sku] * line.quantity, "EUR"),
            )
            for line in lines
        )
        total = sum(line.amount.amount_minor for line in bought)
        return publisher.event(
            OrderPlaced,
            subject,
            order_id=f"order-{chance.getrandbits(48):x}",
            lines=bought,
            total=Money(total, "EUR"),
        )
    if lines and roll < 0.18:
        return publisher.event(CartItemRemoved, subject, sku=chance.choice(lines).sku)
    if lines and roll < 0.32:
        line = chance.choice(lines)
        return publisher.event(
            CartItemQuantitySet, subject, sku=line.sku, quantity=chance.randint(1, 4)
        )
    if channel == "call_centre" and roll < 0.6:
        return publisher.event(
            InteractionLogged,
            subject,
            interaction_id=f"call-{chance.getrandbits(48):x}",
            kind="call",
            topic="delivery",
        )
    if roll < 0.5:
        return publisher.event(ProductViewed, subject, sku=sku)
    return publisher.event(
        CartItemAdded,
        subject,
        sku=sku,
        quantity=1,
        unit_price=Money(ARTICLES[sku], "EUR"),
        name=sku.capitalize(),
    )
