"""What the paced instruments agree on: the events, and how an id says when it was sent."""

from __future__ import annotations

import random
from collections.abc import Iterator

from benchmarks.load import CHANNEL, CURRENCY, SOURCE
from ccstream.domain.events import CartItemAdded, Money

__all__ = ["SKUS", "additions", "paced_event", "sent_at"]

CUSTOMERS_PER_RATE = 3
"""So many for each event a second: in 15 s, carts come to hold about five lines."""
SKUS = 50


def additions(
    namespace: str, rate: int, seed: int = 2, *, customers: int = 0, skus: int = SKUS
) -> Iterator[tuple[str, str]]:
    """Who adds what, without end, the same at every call: ``(subject, sku)``.

    Args:
        namespace: sets the customers of one run apart from those of another.
        rate: events a second.
        customers: how many there are; 0 for as many as suit the rate.
        skus: how many things there are.
    """
    chance = random.Random(seed)
    customers = customers or CUSTOMERS_PER_RATE * rate
    while True:
        yield f"{namespace}:{chance.randrange(customers)}", f"sku-{chance.randrange(skus):04d}"


def paced_event(number: int, at_ns: int, subject: str, sku: str) -> CartItemAdded:
    """The n-th addition. Its id has the length of a UUID and holds when it was handed over."""
    return CartItemAdded(
        event_id=f"{at_ns:019d}-{number:016d}",
        occurred_at=at_ns // 1_000_000,
        channel=CHANNEL,
        source=SOURCE,
        subject=subject,
        sku=sku,
        quantity=1,
        unit_price=Money(1_999, CURRENCY),
    )


def sent_at(event_id: str) -> tuple[int, int]:
    """When the event with this id was handed to its producer, in ns, and its number."""
    at_ns, number = event_id.split("-")
    return int(at_ns), int(number)
