"""The history of a person's consents: every word that the log still has, and those that hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct, to_builtins

from ccstream.domain.events import ConsentChanged, ContactPreferencesChanged
from ccstream.evidence.explanation import states_of
from ccstream.evidence.replay import Step
from ccstream.evidence.trace import trace
from ccstream.ops.entity import entity
from ccstream.ops.settings import Settings
from ccstream.wire.headers import time_text

__all__ = ["ConsentHistory", "consent_history"]


class ConsentHistory(Struct, frozen=True, kw_only=True):
    """``words`` by append time, each with its place in the log and whether it changed what held.

    ``holding`` is what the committed row has: the latest word of each matter, with its proof,
    also where the event that said it is gone. ``complete`` says whether the log reaches back to
    its beginning.
    """

    key: str
    known: bool
    complete: bool
    words: tuple[dict[str, Any], ...]
    holding: dict[str, Any]


def consent_history(
    settings: Settings, key: str, progress: Callable[[str], None]
) -> ConsentHistory:
    """Find it; an alias is followed, and what its identifiers said before a log-in is part of it.

    Raises:
        TopicMismatchError: topics are missing.
        StateError: a row cannot be read, or the key is no one person's.
    """
    found = entity(settings, key, progress, ("consents",))
    traced = trace(settings, found, None, progress)
    words = tuple(
        _word(step)
        for step in traced.told.steps
        if isinstance(step.event, ConsentChanged | ContactPreferencesChanged)
        # What was folded for it stays at a split; what another said elsewhere is not its.
        and (step.entity == found.key or traced.is_theirs(step))
    )
    row = states_of(found).get("consents")
    return ConsentHistory(
        key=found.key,
        known=found.known or bool(traced.told.steps),
        complete=not traced.trail.gone,
        words=words,
        holding={} if row is None else to_builtins(row),
    )


def _word(step: Step) -> dict[str, Any]:
    said = to_builtins(step.event)
    for name in ("event_id", "occurred_at", "channel", "source", "subject"):
        said.pop(name)
    return {
        "event_id": step.event.event_id,
        "type": type(step.event).__name__,
        "topic": step.topic,
        "partition": step.partition,
        "offset": step.offset,
        "appended_at": time_text(step.appended_at),
        "occurred_at": time_text(step.event.occurred_at),
        "channel": step.event.channel,
        "source": step.event.source,
        "subject": step.event.subject,
        "outcome": step.outcome,
        "took_effect": any(change.kind in {"consent", "preference"} for change in step.changes),
        **({} if step.reason is None else {"reason": step.reason}),
        "said": {name: value for name, value in said.items() if value not in (None, [], "")},
    }
