"""The events that all throughput subjects are given, and what they must come to.

A web shop's carts: by default 60,000 events of 20,000 customers over 50 SKUs, 90 % adds,
6 % quantities set, 4 % removals, in an order and with values fixed by the seed. Ids are
UUIDs of version 7, 36 characters, as the SDK makes them: shorter ones would flatter every
figure on size. All events go to one input topic, keyed by customer, so each customer's are
in order and a plain dict is enough to say what every snapshot must be.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ccstream.domain.events import (
    CartItemAdded,
    CartItemQuantitySet,
    CartItemRemoved,
    Event,
    Money,
)

__all__ = ["CHANNEL", "CURRENCY", "SOURCE", "CartModel", "Load", "uuid7"]

CHANNEL = "web"
SOURCE = "shop.example"
CURRENCY = "EUR"

_ADDS, _SETS = 0.90, 0.06


@dataclass(frozen=True)
class Load:
    """How much, of what; ``begins_ms`` is the time of the first event, a millisecond apart."""

    events: int = 60_000
    customers: int = 20_000
    skus: int = 50
    seed: int = 1
    begins_ms: int = 0

    @classmethod
    def ending_now(cls, events: int, customers: int = 20_000) -> Load:
        return cls(events, customers, begins_ms=time.time_ns() // 1_000_000 - events)

    def stream(self, whose: str = "customer:") -> Iterator[Event]:
        """The events, the same at every call; ``whose`` is what their subjects begin with."""
        chance = random.Random(self.seed)
        model = CartModel()
        for number in range(self.events):
            subject = f"{whose}{chance.randrange(self.customers)}"
            lines = model.lines(subject)
            kind = chance.random()
            if kind < _ADDS or not lines:
                sku = f"sku-{chance.randrange(self.skus):04d}"
                event: Event = CartItemAdded(
                    **self._metadata(chance, number, subject),
                    sku=sku,
                    quantity=1,
                    unit_price=Money(199 + 100 * int(sku[-2:]), CURRENCY),
                )
            else:
                sku = chance.choice(list(lines))
                metadata = self._metadata(chance, number, subject)
                if kind < _ADDS + _SETS:
                    quantity = chance.randint(1, 5)
                    event = CartItemQuantitySet(**metadata, sku=sku, quantity=quantity)
                else:
                    event = CartItemRemoved(**metadata, sku=sku)
            model.apply(event)
            yield event

    def carts_of(self, carts: int, lines: int, namespace: str) -> Iterator[Event]:
        """So many lines each into ``carts`` baskets, line by line over all of them."""
        chance = random.Random(self.seed)
        for number in range(carts * lines):
            line, customer = divmod(number, carts)
            yield CartItemAdded(
                **self._metadata(chance, number, f"{namespace}:{customer}"),
                sku=f"sku-{(customer + line * 7) % self.skus:04d}",
                quantity=1,
                unit_price=Money(1_999, CURRENCY),
            )

    def _metadata(self, chance: random.Random, number: int, subject: str) -> dict[str, Any]:
        at = self.begins_ms + number
        return {
            "event_id": uuid7(at, chance),
            "occurred_at": at,
            "channel": CHANNEL,
            "source": SOURCE,
            "subject": subject,
        }


class CartModel:
    """Carts as plain dicts of quantities: what everybody's snapshots are compared with."""

    def __init__(self) -> None:
        self._carts: dict[str, dict[str, int]] = {}

    def lines(self, subject: str) -> dict[str, int]:
        """The quantities by SKU now; not to be changed."""
        return self._carts.get(subject, {})

    def apply(self, event: Event) -> dict[str, int]:
        """Take an event in and return its cart's quantities by SKU."""
        cart = self._carts.setdefault(event.subject, {})
        match event:
            case CartItemAdded(sku=sku, quantity=quantity):
                cart[sku] = cart.get(sku, 0) + quantity
            case CartItemQuantitySet(sku=sku, quantity=quantity):
                cart[sku] = quantity
            case CartItemRemoved(sku=sku):
                cart.pop(sku, None)
            case _:
                raise ValueError(f"the load has no {type(event).__name__}")
        return cart


def uuid7(at_ms: int, chance: random.Random) -> str:
    """A UUID of version 7 for a time, its random bits from ``chance``."""
    number = at_ms << 80 | 0x7 << 76 | chance.getrandbits(12) << 64 | 0b10 << 62
    text = f"{number | chance.getrandbits(62):032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
