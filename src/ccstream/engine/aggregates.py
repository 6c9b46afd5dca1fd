"""Which state machine folds which table, and how its rows are named and published."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, final

from ccstream.domain import cart, consent, identity, order, profile, touch
from ccstream.domain.effects import Effect
from ccstream.domain.events import Event, OrderPlaced
from ccstream.domain.moment import Moment
from ccstream.ops.settings import Settings
from ccstream.wire.catalogue import AGGREGATES, EVENTS, SYNC_TOPICS
from ccstream.wire.entry import Entry
from ccstream.wire.rows import ROW_CODECS
from ccstream.wire.sync import SYNC_CODECS, SyncCodec

__all__ = ["ALIASES", "WINDOWS", "Aggregate", "Rules", "make_plans"]

ALIASES: Final = "aliases"
WINDOWS: Final = "windows"

_DAY_MS: Final = 24 * 3_600_000

Step = Callable[[Any, Any, Moment], tuple[Any, tuple[Effect, ...]]]


@final
@dataclass(frozen=True)
class Rules:
    """What of the domain is configured."""

    cart_lines_max: int
    touch: touch.TouchLimits
    profile: profile.Policies

    @classmethod
    def of(cls, settings: Settings) -> Rules:
        """The rules that these settings make."""
        return cls(
            settings.cart.lines_max,
            touch.TouchLimits(settings.touch.lookback_days * _DAY_MS),
            profile.Policies(),
        )


@final
@dataclass(frozen=True, eq=False)
class Aggregate:
    """One aggregate as the engine sees it.

    ``encode_synced`` is None for those that are not published. ``row_suffix`` is what an
    event adds to the entity's key to name its row, None where the row is the entity's own.
    ``patient`` are sync events that may wait a few milliseconds for others: a screen that waits
    for a basket does not wait for them.
    """

    table: str
    step: Step
    row_suffix: Callable[[Event], str] | None
    sync_topic: str
    encode_synced: Callable[..., bytes] | None
    encode_row: Callable[[Entry], bytes]
    hands_out_tokens: bool
    patient: bool = False

    def row_key(self, entity: str, event: Event) -> str:
        """The key of the row of ``entity`` that ``event`` addresses."""
        return entity if self.row_suffix is None else entity + self.row_suffix(event)


def _order_suffix(event: Event) -> str:
    assert isinstance(event, OrderPlaced)
    return f"#{event.order_id}"


def make_plans(
    rules: Rules, sync: Mapping[str, SyncCodec] = SYNC_CODECS
) -> Mapping[type[Event], tuple[Aggregate, ...]]:
    """For every event type the aggregates that it addresses, in the catalogue's order.

    ``sync`` are the codecs of the sync events, by table: those of the framing configured.
    """
    steps: dict[str, Step] = {
        "carts": lambda state, event, at: cart.step(
            state, event, at, lines_max=rules.cart_lines_max
        ),
        "touches": lambda state, event, at: touch.step(state, event, at, rules.touch),
        "profiles": lambda state, event, at: profile.step(state, event, at, rules.profile),
        "orders": order.step,
        "consents": consent.step,
        ALIASES: identity.step,
    }
    made = {
        table: Aggregate(
            table=table,
            step=step,
            row_suffix=_order_suffix if table == "orders" else None,
            sync_topic=SYNC_TOPICS.get(table, ""),
            encode_synced=sync[table].encode_synced if table in SYNC_TOPICS else None,
            encode_row=ROW_CODECS[table].encode_row,
            hands_out_tokens=table == "carts",
            patient=table == "touches",
        )
        for table, step in steps.items()
    }
    return {
        cls: tuple(made[table] for table in AGGREGATES[cls.__name__]) for cls in EVENTS.values()
    }
