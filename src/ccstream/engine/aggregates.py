"""Which state machine folds which table, and how its rows are named and published."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, final

from ccstream.domain import (
    abandonment,
    cart,
    consent,
    erasure,
    handover,
    identity,
    interactions,
    merge,
    order,
    personal_keys,
    profile,
    reasons,
    touch,
    touch_shares,
)
from ccstream.domain.cart_state import MergeMode
from ccstream.domain.effects import Effect, Reject, TimerEffect
from ccstream.domain.events import Event, OrderPlaced
from ccstream.domain.identifiers import DEFAULT_RULES, IdentifierRules
from ccstream.domain.moment import Instant, Moment
from ccstream.domain.observed import Observed
from ccstream.domain.timers import Timer
from ccstream.engine.partition import Partition
from ccstream.errors import StateError
from ccstream.ops.erasure_key import ErasureKey
from ccstream.ops.identity_rules import load_identifier_rules
from ccstream.ops.settings import Settings
from ccstream.ops.trait_policies import policies_of
from ccstream.wire.catalogue import AGGREGATES, EVENTS, SYNC_TOPICS, WINDOWS
from ccstream.wire.cause import Cause
from ccstream.wire.entry import Entry
from ccstream.wire.personal import has_plain_values, personal_fields
from ccstream.wire.rows import ROW_CODECS
from ccstream.wire.sync import SYNC_CODECS, SyncCodec

__all__ = [
    "ALIASES",
    "ERASURES",
    "LINKS",
    "ORDERS",
    "WINDOWS",
    "Aggregate",
    "Plan",
    "Rules",
    "make_plans",
    "receipts",
]

ALIASES: Final = "aliases"
ERASURES: Final = "erasures"
LINKS: Final = "links"
ORDERS: Final = "orders"

_DAY_MS: Final = 24 * 3_600_000

Step = Callable[[Any, Any, Moment], tuple[Any, tuple[Effect, ...]]]
OnTimer = Callable[[Any, Timer, Instant], tuple[Any, tuple[TimerEffect, ...]]]
Merge = Callable[[Any, Any, Any, Any, Any], tuple[Any, tuple[Effect, ...]]]


@final
@dataclass(frozen=True, eq=False)
class Parting:
    """How a row is parted when an identifier leaves that brought something into it.

    ``origins`` are the other identifiers that something came by. ``release`` answers for one of
    them with what stays, what goes and what follows from that, or None where there is nothing of
    it; ``rejoin`` takes the latter in, given its origin (empty if that is the entity itself) and
    the letter's place in the log.
    """

    origins: Callable[[Any], Iterable[str]]
    release: Callable[[Any, str], tuple[Any, Any, tuple[Effect, ...]] | None]
    rejoin: Callable[[Any, Any, str, Any], tuple[Any, tuple[Effect, ...]]]


@final
@dataclass(frozen=True)
class Rules:
    """What of the domain is configured."""

    cart_lines_max: int
    touch: touch.TouchLimits
    profile: profile.Policies
    cart_merge: MergeMode = "join"
    identifiers: IdentifierRules = DEFAULT_RULES
    cart_abandoned_after_ms: int = 0
    ciphertext_only: bool = False

    @classmethod
    def of(cls, settings: Settings) -> Rules:
        """The rules that these settings make."""
        return cls(
            settings.cart.lines_max,
            touch.TouchLimits(settings.touch.lookback_days * _DAY_MS),
            policies_of(settings),
            settings.identity.cart_merge,
            load_identifier_rules(settings.identity.rules),
            settings.signals.cart_abandoned_after_ms,
            settings.privacy.personal_fields == "ciphertext",
        )


@final
@dataclass(frozen=True, eq=False)
class Aggregate:
    """One aggregate as the engine sees it.

    ``encode_synced`` is None for those that are not published. ``row_suffix`` is what an
    event adds to the entity's key to name its row, None where the row is the entity's own.
    ``on_timer`` is what is told of its timers, None where nothing is.
    ``patient`` are sync events that may wait a few milliseconds for others: a screen that waits
    for a basket does not wait for them. ``merge`` makes one of two rows at a log-in, None where
    rows do not change hands; with ``marks_absence`` that one had none must be known, too.
    ``parting`` parts them again, None where what was brought stays. With ``has_shares`` a row may
    have what was brought in its ``shares``, and then be far larger than what is shown of it.
    """

    table: str
    step: Step
    row_suffix: Callable[[Event], str] | None
    sync_topic: str
    encode_synced: Callable[..., bytes] | None
    encode_row: Callable[[Entry], bytes]
    hands_out_tokens: bool
    patient: bool = False
    on_timer: OnTimer | None = None
    merge: Merge | None = None
    parting: Parting | None = None
    marks_absence: bool = False
    has_shares: bool = False

    def row_key(self, entity: str, event: Event) -> str:
        """The key of the row of ``entity`` that ``event`` addresses."""
        return entity if self.row_suffix is None else entity + self.row_suffix(event)

    def synced(
        self,
        partition: Partition,
        entity: str,
        entry: Entry,
        base_version: int,
        cause: Cause,
        delta: Any,
    ) -> bytes:
        """The sync event of a row that there is; only of those that are published."""
        token = Observed.encode(partition.scope, partition.folded) if self.hands_out_tokens else b""
        assert self.encode_synced is not None
        return self.encode_synced(entity, entry, base_version, cause, delta, token)


Plan = tuple[Aggregate, ...]
"""The aggregates that an event addresses; none for one that is about all of a person's rows."""


def _order_suffix(event: Event) -> str:
    assert isinstance(event, OrderPlaced)
    return f"#{event.order_id}"


def make_plans(
    rules: Rules, sync: Mapping[str, SyncCodec] = SYNC_CODECS, prefix: str = ""
) -> Mapping[type[Event], tuple[Aggregate, ...]]:
    """For every event type the aggregates that it addresses, in the catalogue's order.

    ``sync`` are the codecs of the sync events, by table: those of the framing configured.
    ``prefix`` is what the names of the sync topics begin with.
    """
    lines_max, abandoned_after_ms = rules.cart_lines_max, rules.cart_abandoned_after_ms
    steps: dict[str, Step] = {
        "carts": lambda state, event, at: cart.step(state, event, at, lines_max=lines_max),
        "touches": lambda state, event, at: touch_shares.step(state, event, at, rules.touch),
        "profiles": lambda state, event, at: profile.step(state, event, at, rules.profile),
        ORDERS: order.step,
        "consents": consent.step,
        "interactions": interactions.step,
        ALIASES: lambda state, event, at: identity.step(state, event, at, rules.identifiers),
        "keys": personal_keys.step,
    }
    timers: dict[str, OnTimer] = {}
    if abandoned_after_ms:
        steps["carts"] = lambda state, event, at: abandonment.step(
            state, event, at, lines_max, abandoned_after_ms
        )
        timers["carts"] = lambda state, timer, now: abandonment.on_timer(
            state, timer, now, abandoned_after_ms
        )
    mode = rules.cart_merge
    merges: dict[str, Merge] = {
        "carts": lambda ours, theirs, marker, mark, by: handover.merge_carts(
            ours, theirs, replace(marker, mode=mode), mark, by.into
        ),
        "touches": lambda ours, theirs, marker, mark, by: handover.merge_touches(
            ours, theirs, rules.touch, by
        ),
        "profiles": lambda ours, theirs, marker, mark, by: handover.merge_profiles(
            ours, theirs, rules.profile
        ),
        ORDERS: lambda ours, theirs, marker, mark, by: handover.merge_orders(ours, theirs, by),
        "consents": lambda ours, theirs, marker, mark, by: handover.merge_consents(ours, theirs),
        "keys": lambda ours, theirs, marker, mark, by: personal_keys.merge(ours, theirs),
        "interactions": lambda ours, theirs, marker, mark, by: interactions.merge(
            ours, theirs, by.origin, by.into
        ),
    }
    partings = {
        "carts": _carts_parting(abandoned_after_ms),
        "touches": _touches_parting(rules.touch),
        ORDERS: _orders_parting(),
        "interactions": Parting(
            origins=interactions.origins,
            release=interactions.release,
            rejoin=lambda ours, part, origin, mark: interactions.merge(ours, part, origin),
        ),
    }
    if abandoned_after_ms:
        merge_carts = merges["carts"]
        merges["carts"] = lambda ours, theirs, marker, mark, by: abandonment.merged(
            ours, *merge_carts(ours, theirs, marker, mark, by), abandoned_after_ms
        )
    made = {
        table: Aggregate(
            table=table,
            step=step,
            row_suffix=_order_suffix if table == ORDERS else None,
            sync_topic=prefix + SYNC_TOPICS[table] if table in SYNC_TOPICS else "",
            encode_synced=sync[table].encode_synced if table in SYNC_TOPICS else None,
            encode_row=ROW_CODECS[table].encode_row,
            hands_out_tokens=table == "carts",
            patient=table == "touches",
            on_timer=timers.get(table),
            merge=merges.get(table),
            parting=partings.get(table),
            marks_absence=table == "carts" and mode != "join",
            has_shares=table == "touches",
        )
        for table, step in steps.items()
    }
    plans = {  # erasures are not folded into a row: all of a person's are theirs to delete
        cls: tuple(made[table] for table in AGGREGATES[cls.__name__] if table != ERASURES)
        for cls in EVENTS.values()
    }
    if rules.ciphertext_only:
        for cls, plan in plans.items():
            if personal_fields(cls):
                plans[cls] = (replace(plan[0], step=_unless_plain(plan[0].step)), *plan[1:])
    return plans


def _carts_parting(abandoned_after_ms: int) -> Parting:
    def release(state: Any, name: str) -> tuple[Any, Any, tuple[Effect, ...]] | None:
        kept, part, effects = handover.release_cart(state, name)
        if part is None and kept is state:
            return None
        if abandoned_after_ms:
            _, effects = abandonment.merged(state, kept, effects, abandoned_after_ms)
        return kept, part, effects

    def rejoin(ours: Any, part: Any, origin: str, mark: Any) -> tuple[Any, tuple[Effect, ...]]:
        after, effects = handover.rejoin_carts(ours, part, origin, mark)
        if abandoned_after_ms:
            return abandonment.merged(ours, after, effects, abandoned_after_ms)
        return after, effects

    return Parting(merge.origins, release, rejoin)


def _touches_parting(limits: touch.TouchLimits) -> Parting:
    return Parting(
        origins=touch_shares.origins,
        release=handover.release_touches,
        rejoin=lambda ours, part, origin, mark: handover.rejoin_touches(ours, part, limits, origin),
    )


def _orders_parting() -> Parting:
    def release(state: Any, name: str) -> tuple[Any, Any, tuple[Effect, ...]] | None:
        part = handover.release_order(state, name)
        return None if part is None else (None, part, ())

    return Parting(
        origins=lambda state: (state.origin,) if state.origin else (),
        release=release,
        rejoin=lambda ours, part, origin, mark: handover.rejoin_orders(ours, part, origin),
    )


def receipts(key: ErasureKey | None) -> dict[str, Aggregate]:
    """What is told when a receipt is due, by its table; no step folds anything into its rows."""

    def on_timer(state: Any, timer: Timer, now: Instant) -> tuple[Any, tuple[TimerEffect, ...]]:
        if key is None:
            raise StateError("a receipt is due, and this worker has no privacy.erasure_key")
        return erasure.on_timer(state, timer, now, key.receipt_of)

    told = Aggregate(
        table=ERASURES,
        step=lambda state, event, at: (state, ()),
        row_suffix=None,
        sync_topic="",
        encode_synced=None,
        encode_row=ROW_CODECS[ERASURES].encode_row,
        hands_out_tokens=False,
        on_timer=on_timer,
    )
    return {ERASURES: told}


def _unless_plain(step: Step) -> Step:
    """The step, taken only where every personal field is ciphertext."""

    def checked(state: Any, event: Event, at: Moment) -> tuple[Any, tuple[Effect, ...]]:
        if has_plain_values(event):
            detail = "a personal field is in plain; publish by the SDK or the gateway"
            return state, (Reject(reasons.PLAIN_PERSONAL_VALUE, detail),)
        return step(state, event, at)

    return checked
