"""People beside the sixteen customers: with cards, a card that was not theirs, and erased ones.

What has to become of them is said where it is checked, in `following_people.py`.

* A *card* puts things into its cart, is linked to an account, and goes on: all is the account's.
* A card that is *split off* was linked to the wrong account: what came by its key is in its own
  cart, whenever that was, and it is nobody's alias.
* Who is *erased* has a visitor, a card, carts and an order. All of it occurred before the request,
  some of it arrives after that. For every other one there is a legal hold, which is lifted later.
"""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Callable
from typing import Any

__all__ = ["PERHAPS", "People"]

PERHAPS = "perhaps erased"
"""The fate of an event that is taken in and erased later, or arrives after that and is rejected."""

CARDS = 4
SPLITS = 3
ERASED = 4
ADDS = 3
"""Of each, before and after."""

AGO_MS = 3_600_000
"""Before the request, by any clock of a run."""

Make = Callable[..., Any]
"""(channel, kind, subject, entity, ago, **fields) to a record."""


class People:
    """Their records, by channel, in the order in which these say them."""

    def __init__(self, name: str, channels: tuple[str, ...], make: Make, seed: int) -> None:
        self._dice = random.Random(f"people {seed}")
        self._name = name
        self._channels = channels
        self._make = make
        self._said: dict[str, deque[Any]] = {channel: deque() for channel in channels}
        for number in range(CARDS):
            self._card(number)
        for number in range(SPLITS):
            self._split(number)
        for number in range(ERASED):
            self._erased(number)

    def next(self, channel: str) -> Any:
        """What is said next on a channel; None if nothing is left."""
        said = self._said[channel]
        return said.popleft() if said else None

    def rest(self) -> list[Any]:
        """All that has not been said yet, a channel's in its order."""
        left = [record for said in self._said.values() for record in said]
        for said in self._said.values():
            said.clear()
        return left

    def _card(self, number: int) -> None:
        card, account = f"loyalty:{self._name}-c{number}", f"customer:{self._name}-c{number}"
        self._adds(card, account)
        self._say("store", "IdentifiersLinked", card, card, **_link(card, account))
        self._adds(card, account)
        self._adds(account, account)

    def _split(self, number: int) -> None:
        card, account = f"loyalty:{self._name}-s{number}", f"customer:{self._name}-s{number}"
        self._adds(card, account)
        linked = self._say("store", "IdentifiersLinked", card, card, **_link(card, account))
        self._adds(card, account)
        self._adds(account, account)
        later = linked.event["occurred_at"] + 1
        wrong = {"identifiers": [account], "never_again": False, "occurred_at": later}
        self._say("web", "IdentifierUnlinked", card, card, **wrong)
        self._adds(card, account)

    def _erased(self, number: int) -> None:
        who = f"{self._name}-e{number}"
        account, visitor, card = f"customer:{who}", f"visitor:{who}", f"loyalty:{who}"
        asks = self._dice.choice(self._channels)
        for one in (account, visitor, card):
            self._adds(one, account, PERHAPS)
        link = {"fate": PERHAPS, "ago": AGO_MS}
        self._say("web", "IdentifiersLinked", visitor, account, **link, **_link(visitor, account))
        self._say("store", "IdentifiersLinked", card, account, **link, **_link(card, account))
        self._order(account, f"order-{who}")
        if number % 2:
            self._say(asks, "LegalHoldChanged", account, account, held=True, reason="court")
        named = [visitor, card] if number < 2 else [visitor]
        self._say(asks, "ErasureRequested", account, account, identifiers=named, reason="request")
        self._adds(account, account, PERHAPS)
        if number % 2:
            self._say(asks, "LegalHoldChanged", account, account, held=False, reason="court")
        for one in (account, visitor, card):
            self._adds(one, account, PERHAPS)

    def _adds(self, subject: str, entity: str, fate: str = "") -> None:
        for _ in range(ADDS):
            fields: dict[str, Any] = {"sku": f"sku{self._dice.randrange(3)}", "quantity": 1}
            if fate:
                fields |= {"fate": fate, "ago": AGO_MS}
            self._say(self._dice.choice(self._channels), "CartItemAdded", subject, entity, **fields)

    def _order(self, account: str, order_id: str) -> None:
        amount = {"amount_minor": 100, "currency": "EUR"}
        self._say(
            self._dice.choice(self._channels),
            "OrderPlaced",
            account,
            account,
            fate=PERHAPS,
            ago=AGO_MS,
            order_id=order_id,
            lines=[{"sku": "sku0", "quantity": 1, "amount": amount}],
            total=amount,
            dots=["of nothing"],
        )

    def _say(self, channel: str, kind: str, subject: str, entity: str, **fields: Any) -> Any:
        fate, ago = fields.pop("fate", ""), fields.pop("ago", 0)
        fields.setdefault("occurred_at", int(time.time() * 1000) - ago)
        record = self._make(channel, kind, subject, entity, **fields)
        if fate:
            record.fate = fate
        self._said[channel].append(record)
        return record


def _link(identifier: str, account: str) -> dict[str, Any]:
    reason = "card_scanned" if identifier.startswith("loyalty") else "log_in"
    return {"identifiers": [identifier, account], "reason": reason}
