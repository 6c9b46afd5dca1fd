"""The channels: they append events, good and bad, knowing what they have seen."""

from __future__ import annotations

import random
from typing import Any, NamedTuple

from ccstream.domain.events import (
    CartCleared,
    CartItemAdded,
    CartItemQuantitySet,
    CartItemRemoved,
    ChannelVisited,
    ErasureRequested,
    Event,
    IdentifiersLinked,
    IdentifierUnlinked,
    InteractionLogged,
    LegalHoldChanged,
    Money,
    OrderLine,
    OrderPlaced,
    ProfileUpdated,
    Trait,
)
from ccstream.wire.partition import partition_for
from tests.simulation.broker import FakeBroker, LogRecord
from tests.simulation.history import Publish
from tests.simulation.process import BRITTLE_SKU, CODEC, INPUTS

__all__ = ["Author", "Published"]

_SUBJECTS = ("customer:1", "customer:2", "customer:3", "visitor:1", "loyalty:2", "loyalty:3")
_LINKABLE = tuple(key for key in _SUBJECTS if not key.startswith("visitor"))
_SKUS = ("tea", "cup", "pot")
_CHANNELS = ("web", "store")
_DAY_MS = 24 * 3_600_000


class Published(NamedTuple):
    """What the broker acknowledged; ``event`` is None for what is none."""

    record: LogRecord
    event: Event | None


class Author:
    """Carries out :class:`Publish`."""

    def __init__(self, broker: FakeBroker, partitions: int) -> None:
        self._broker = broker
        self._partitions = partitions
        self.published: list[Published] = []

    def publish(self, action: Publish) -> None:
        dice = random.Random(action.dice)
        channel = dice.randrange(len(_CHANNELS))
        subject = _SUBJECTS[action.subject]
        kind = action.kind
        if kind == "again":
            self._again(dice)
        elif kind == "garbage":
            self._append(channel, subject, None, dice.randbytes(dice.randint(0, 12)))
        elif kind == "null":
            self._append(channel, subject, None, None)
        else:
            event = self._event(kind, subject, _CHANNELS[channel], dice)
            key = "customer:other" if kind == "mismatch" else subject
            self._append(channel, key, event, CODEC.encode_event(event), stray=kind == "stray")

    def _append(
        self,
        channel: int,
        key: str,
        event: Event | None,
        value: bytes | None,
        *,
        stray: bool = False,
    ) -> None:
        partition = partition_for(key.encode(), self._partitions)
        if stray:
            partition = (partition + 1) % self._partitions
        record = self._broker.append((INPUTS[channel], partition), key.encode(), value)
        self.published.append(Published(record, event))
        self._broker.clock.advance(0.001)

    def _again(self, dice: random.Random) -> None:
        """A channel that is not sure sends once more what it has sent."""
        sent = [one for one in self.published if one.event is not None]
        if not sent:
            return
        record, event = dice.choice(sent[-8:])
        at = (record.topic(), record.partition())
        again = self._broker.append(at, record.key(), record.value())
        self.published.append(Published(again, event))

    def _event(self, kind: str, subject: str, channel: str, dice: random.Random) -> Event:
        now = self._broker.clock.now_ms()
        common: dict[str, Any] = {
            "event_id": f"e{len(self.published)}",
            "occurred_at": now - dice.randint(-50, 2_000),
            "channel": channel,
            "source": f"device-{dice.randrange(2)}",
            "subject": subject,
        }
        sku = dice.choice(_SKUS)
        price = Money(dice.randint(1, 999), "EUR" if dice.random() < 0.95 else "CHF")
        match kind:
            case "late":
                common["occurred_at"] = now - 31 * _DAY_MS
                return InteractionLogged(**common, interaction_id="i", kind="call", topic="t")
            case "invalid":
                return CartItemAdded(**common, sku=sku, quantity=0)
            case "remove":
                return CartItemRemoved(**common, sku=sku, **self._seen(subject, sku, dice))
            case "set":
                seen = self._seen(subject, sku, dice)
                return CartItemQuantitySet(**common, sku=sku, quantity=dice.randrange(4), **seen)
            case "clear":
                return CartCleared(**common, **self._seen(subject, None, dice))
            case "order":
                line = OrderLine(sku=sku, quantity=1, amount=Money(100, "EUR"))
                seen = self._seen(subject, sku, dice)
                order_id = f"o{dice.randrange(4)}"
                return OrderPlaced(
                    **common, order_id=order_id, lines=(line,), total=Money(100, "EUR"), **seen
                )
            case "visit":
                if len(self.published) % 2:
                    said = {"topic": sku, "outcome": f"told {sku}"}
                    return InteractionLogged(**common, interaction_id="i", kind="chat", **said)
                return ChannelVisited(**common, page="start")
            case "profile":
                trait = Trait(dice.choice(("name", "size")), dice.choice(("a", "b", None)))
                return ProfileUpdated(**common, traits=(trait,))
            case "link":
                other = dice.choice(_SUBJECTS[:3] if subject not in _LINKABLE else _LINKABLE)
                reason = dice.choice(("log_in", "card_scanned"))
                return IdentifiersLinked(**common, identifiers=(subject, other), reason=reason)
            case "unlink":
                if subject not in _LINKABLE or dice.random() < 0.5:
                    return IdentifierUnlinked(**common)
                others = (dice.choice(_LINKABLE),)
                never = dice.random() < 0.3
                return IdentifierUnlinked(**common, identifiers=others, never_again=never)
            case "erase":
                named = tuple(dice.sample(_SUBJECTS, dice.randrange(3)))
                return ErasureRequested(**common, identifiers=named)
            case "hold":
                return LegalHoldChanged(**common, held=dice.random() < 0.6)
            case "before":
                common["occurred_at"] = now - 3_600_000
            case "brittle":
                sku = BRITTLE_SKU
        return CartItemAdded(**common, sku=sku, quantity=dice.randint(1, 3), unit_price=price)

    def _seen(self, subject: str, sku: str | None, dice: random.Random) -> dict[str, Any]:
        """What the author says that it has seen: nothing, dots, or a token."""
        says = dice.randrange(5)
        if says <= 1:
            return {}
        if says == 2:
            adds = [
                event.event_id
                for _, event in self.published
                if isinstance(event, CartItemAdded)
                and event.subject == subject
                and sku in (None, event.sku)
            ]
            return {"dots": tuple(adds[-2:])}
        return {"observed": self._token(subject, committed=says == 3)}

    def _token(self, subject: str, *, committed: bool) -> bytes | None:
        """The token of the subject's last basket, as a live reader or a careful one knows it."""
        at = ("sync.carts.v1", partition_for(subject.encode(), self._partitions))
        log = self._broker.logs[at]
        stable = log.last_stable_offset
        key = subject.encode()
        for record in reversed(log.records):
            if record.control or record.key() != key or record.value() is None:
                continue
            if committed and not (record.committed and record.offset() < stable):
                continue
            _, fields = CODEC.decode(record.value())
            token: bytes = fields["observed"]
            return token
        return None
