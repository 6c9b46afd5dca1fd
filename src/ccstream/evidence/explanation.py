"""Why a customer's rows show what they show: the events that led to it, each with the rule.

Three things are put beside each other: what the rows show that workers have committed, what the
records that are still in the log come to, and the events that the rows name themselves. Where the
log no longer reaches back to the beginning, the first two may differ and the third names events
whose records are gone; both is said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from msgspec import Struct

from ccstream.domain.events import ErasureRequested, LegalHoldChanged
from ccstream.domain.profile import Policies
from ccstream.engine.aggregates import ORDERS
from ccstream.evidence.masking import Mask
from ccstream.evidence.replay import Change, Step
from ccstream.evidence.trace import trace
from ccstream.evidence.views import Origin, origins, view
from ccstream.ops.entity import Entity, entity
from ccstream.ops.identity_rules import load_identifier_rules
from ccstream.ops.settings import Settings
from ccstream.ops.trait_policies import policies_of
from ccstream.wire.codec import Codec
from ccstream.wire.headers import time_text
from ccstream.wire.rows import ROW_CODECS

__all__ = ["Explanation", "Wanted", "explain", "rule_of", "states_of"]

RULES: Final[Mapping[tuple[str, str], str]] = {
    ("line", "CartItemAdded"): "an add joins its units to those of the line",
    ("line", "CartItemQuantitySet"): "a set-quantity stands for all that its author had seen; of "
    "concurrent ones the later by (occurred_at, event_id) holds",
    ("line", "CartItemRemoved"): "a removal takes out what its author had seen, and nothing else",
    ("line", "CartCleared"): "clearing takes out what its author had seen, and nothing else",
    ("line", "OrderPlaced"): "an order closes the lines that its author had seen",
    ("trait", "ProfileUpdated"): "the trait's policy ({policy}), by (occurred_at, event_id)",
    ("consent", "ConsentChanged"): "the latest word holds, of two as late the stricter; a grant "
    "counts from when it was captured",
    ("preference", "ContactPreferencesChanged"): "the latest word of each matter holds, of two as "
    "late the stricter",
    ("order", "OrderPlaced"): "the first event with an order's id places it",
    ("interaction", "InteractionLogged"): "the latest interactions are kept, by (occurred_at, "
    "event_id)",
    ("account", "IdentifiersLinked"): "the latest log-in or log-out says whose the identifier is",
    ("account", "IdentifierUnlinked"): "the latest log-in or log-out says whose the identifier is",
}

BY_FACTS: Final = (
    "links count surest first, of equally sure ones the earlier, but for one that would join two "
    "accounts or that was undone; the root is the account, or else the smallest key"
)

HANDED_OVER: Final[Mapping[str, str]] = {
    "line": "at a log-in or link the two carts meet: identity.cart_merge = {cart_merge}",
    "trait": "at a log-in or link each trait is decided by its policy ({policy})",
    "consent": "at a log-in or link the latest word of both holds, of two as late the stricter",
    "preference": "at a log-in or link the latest word of both holds, of two as late the stricter",
    "order": "at a log-in or link orders go over; one of an id that is there already stays",
    "interaction": "at a log-in or link the latest interactions of both are kept",
    "touch": "at a log-in or link the touches of both make one path",
}

PARTED: Final[Mapping[str, str]] = {
    "line": "an identifier that leaves a profile takes the lines along that came by its key",
    "order": "an identifier that leaves a profile takes the orders along that came by its key",
    "interaction": "an identifier that leaves a profile takes the interactions along that came by "
    "its key",
    "touch": "an identifier that leaves a profile takes its touches along",
}

ERASED: Final[Mapping[str, str]] = {
    "order": "at an erasure orders are kept for accounting, under a name that says nothing",
    "erasure": "a request to erase an account deletes all rows and keys; identifiers that it names "
    "or that are linked to the account go along; a legal hold puts it off",
}

GONE: Final = "at an erasure all rows of a person are deleted"

ERASING: Final = frozenset({"erased", "identifier"})
"""Outcomes of those who go."""

TOUCH: Final = "every event is a touch; first and last go by occurred_at"


class Wanted(Struct, frozen=True, kw_only=True):
    """What is asked about: names as `ccstream.evidence.views` has them, or how they begin.

    Nothing at all asks about everything. ``idle`` also wants records without effect.
    """

    prefixes: tuple[str, ...] = ()
    idle: bool = False

    def has(self, name: str) -> bool:
        return not self.prefixes or any(
            name == one or name.startswith((f"{one} ", f"{one}/")) for one in self.prefixes
        )


class Explanation(Struct, frozen=True, kw_only=True):
    """What is known about a key. All of it is plain data, ready to be printed.

    ``identifiers`` are those that are its today, ``parted`` those that once were: a device after a
    log-out, a card after a split.
    ``shown`` is what the committed rows show. ``events`` are those that led to it, by append time,
    ``unfound`` those that only the rows still name. ``replayed_otherwise`` are names of which the
    log alone would show something else. ``notes`` are sentences for whoever reads it.
    """

    key: str
    asked: str
    partition: int
    redirects: tuple[str, ...]
    identifiers: tuple[str, ...]
    parted: tuple[str, ...]
    shown: dict[str, Any]
    events: tuple[dict[str, Any], ...]
    unfound: tuple[dict[str, Any], ...]
    replayed_otherwise: tuple[str, ...]
    notes: tuple[str, ...]
    known: bool


def explain(
    settings: Settings,
    key: str,
    wanted: Wanted,
    *,
    since_ms: int | None,
    mask: Mask,
    progress: Callable[[str], None],
) -> Explanation:
    """Find, fold and tell.

    Args:
        settings: which cluster and application, and the rules that its workers have.
        key: whom it is about; an alias is followed.
        wanted: what is asked.
        since_ms: look at no record that was appended before; None for all there is.
        mask: how values that may be personal are shown.
        progress: called with a line for each step.

    Raises:
        TopicMismatchError: topics are missing.
        StateError: a row cannot be read, or the key is no one person's.
        SettingsError: a file of rules cannot be read, or is malformed.
    """
    # What is wrong in a file of rules is told before much is read.
    load_identifier_rules(settings.identity.rules)
    policies = policies_of(settings)
    found = entity(settings, key, progress)
    states = states_of(found)
    traced = trace(settings, found, since_ms, progress, "give a later --since")
    trail, told = traced.trail, traced.told
    stored = view(states)
    mask.know((key, *found.redirects, found.key, *trail.handed_over, *trail.former))
    events = [_event(step, wanted, settings, policies, mask) for step in told.steps]
    seen = {step.event.event_id for step in told.steps}
    differing = sorted(
        name
        for name in stored.keys() | told.shown.keys()
        if wanted.has(name) and stored.get(name) != told.shown.get(name)
    )
    return Explanation(
        key=mask.key(found.key),
        asked=key,
        partition=found.partition,
        redirects=tuple(map(mask.key, found.redirects)),
        identifiers=tuple(map(mask.key, traced.now)),
        parted=tuple(mask.key(one) for one in trail.handed_over if one not in traced.now),
        shown={
            mask.name(name): mask.value(name, value)
            for name, value in stored.items()
            if wanted.has(name)
        },
        events=tuple(event for event in events if event is not None),
        unfound=tuple(_unfound(origins(states), seen, wanted, mask)),
        replayed_otherwise=tuple(map(mask.name, differing)),
        notes=(
            *_notes(trail.gone, trail.since_ms, [*map(mask.name, differing)], told.unreadable),
            *_of_erasures(settings, told.steps),
        ),
        known=found.known or bool(told.steps),
    )


def states_of(found: Entity) -> dict[str, Any]:
    """The state of each row of an entity, as its aggregate has it; of orders by the row's key."""
    codec = Codec()
    states: dict[str, Any] = {}
    for table, rows in found.rows.items():
        decode = ROW_CODECS[table].decode_row
        made = {row.key: decode(codec.encode(row.type, row.value)).state for row in rows}
        states[table] = made if table == ORDERS else next(iter(made.values()), None)
    return states


def _event(
    step: Step, wanted: Wanted, settings: Settings, policies: Policies, mask: Mask
) -> dict[str, Any] | None:
    changes = [change for change in step.changes if wanted.has(change.name)]
    if not changes and not (wanted.idle and (not wanted.prefixes or step.outcome == "rejected")):
        return None
    event = step.event
    return {
        "event_id": mask.text(event.event_id),
        "type": type(event).__name__,
        "topic": step.topic,
        "partition": step.partition,
        "offset": step.offset,
        "appended_at": time_text(step.appended_at),
        "occurred_at": time_text(event.occurred_at),
        "channel": event.channel,
        "source": mask.text(event.source),
        "subject": mask.key(event.subject),
        "entity": mask.key(step.entity),
        "via": step.via,
        "outcome": step.outcome,
        **({} if step.reason is None else {"reason": step.reason}),
        "changes": [
            {
                "what": mask.name(change.name),
                "before": mask.value(change.name, change.before),
                "after": mask.value(change.name, change.after),
                "rule": rule_of(change, step, settings, policies),
            }
            for change in changes
        ],
    }


def rule_of(change: Change, step: Step, settings: Settings, policies: Policies) -> str:
    """By which rule an event changed a thing, as a sentence."""
    if step.outcome in ERASING or change.kind == "erasure":
        return ERASED.get(change.kind, GONE)
    if step.via == "parted":
        return PARTED.get(change.kind, "")
    if change.kind == "touch" and step.via != "handed_over":
        return TOUCH
    if change.kind == "account" and step.by_facts:
        return BY_FACTS
    if step.via == "handed_over":
        text = HANDED_OVER.get(change.kind, "")
    else:
        text = RULES.get((change.kind, type(step.event).__name__), "")
    policy = policies.of(change.name.partition(" ")[2]).name
    return text.format(policy=policy, cart_merge=settings.identity.cart_merge)


def _unfound(
    named: Mapping[str, Iterable[Origin]], seen: set[str], wanted: Wanted, mask: Mask
) -> Iterable[dict[str, Any]]:
    for name, kept in named.items():
        if not wanted.has(name):
            continue
        for origin in kept:
            if origin.event_id not in seen:
                yield {
                    "what": mask.name(name),
                    "event_id": mask.text(origin.event_id),
                    "channel": origin.channel,
                    "source": mask.text(origin.source),
                    "occurred_at": None
                    if origin.occurred_at is None
                    else time_text(origin.occurred_at),
                }


def _of_erasures(settings: Settings, steps: Iterable[Step]) -> Iterable[str]:
    asked = any(isinstance(one.event, ErasureRequested | LegalHoldChanged) for one in steps)
    if asked and settings.privacy.erasure_key is None:
        yield (
            "privacy.erasure_key is not set here: erasures are told as workers that have one "
            "carry them out; workers without one reject them"
        )


def _notes(
    gone: tuple[str, ...], since_ms: int | None, differing: list[str], unreadable: int
) -> Iterable[str]:
    if gone:
        yield (
            f"of {len(gone)} topics ({gone[0]} for one) the earliest records of this partition are "
            "gone by retention: what led to the rows before that cannot be listed"
        )
    if since_ms is not None:
        yield f"records appended before {time_text(since_ms)} were not looked at (--since)"
    if differing and (gone or since_ms is not None):
        yield (
            "the records that are left come to something else than the rows show, for "
            f"{', '.join(differing)}: earlier events had a part in it"
        )
    elif differing:
        yield (
            f"the log alone comes to something else for {', '.join(differing)}: events are on "
            "their way, or the rules were configured otherwise when they were folded"
        )
    if unreadable:
        yield f"{unreadable} records of this key are no events; `ccstream rejected list` has them"
