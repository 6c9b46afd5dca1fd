"""What the tests of the rules ask with: people, times and places."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from ccstream.domain.consent import (
    Consent,
    Consents,
    StatedContactChoice,
    StatedFlag,
    StatedQuietHours,
)
from ccstream.domain.events import ConsentProof, QuietHours
from ccstream.rules import Context, Decision, may_contact

__all__ = ["POINT", "answer", "at", "decide", "person", "word"]

POINT = "ab" * 32
LONG_AGO = "2026-01-02 12:00"
LOOKED_UP = frozenset({"bloctel", "tps"})


def at(text: str, where: str = "Europe/Paris", fold: int = 0) -> int:
    """The instant at which clock and calendar show this there, in ms since the epoch."""
    there = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(where), fold=fold)
    return int(there.timestamp() * 1_000)


def word(status: str = "granted", channel: str = "email", **more: Any) -> Consent:
    fields: dict[str, Any] = {
        "contact_point": POINT,
        "contact_channel": channel,
        "purpose": "marketing",
        "status": status,
        "legal_basis": "consent",
        "proof": ConsentProof("form-1", "web", 0),
        "valid_until": None,
        "stated_at": at(LONG_AGO),
        "event_id": f"{status}-{channel}",
        **more,
    }
    return Consent(**fields)


def person(
    *words: Consent,
    objects: bool | None = None,
    any_time: bool | None = None,
    quiet: tuple[int, int] | None = None,
    opted_out: str | None = None,
) -> Consents:
    def flag(value: bool | None, name: str) -> StatedFlag | None:
        return None if value is None else StatedFlag(value, at(LONG_AGO), name)

    return Consents(
        consents=words,
        channels=(StatedContactChoice(opted_out, True, 0, "opted-out"),) if opted_out else (),
        quiet_hours=StatedQuietHours(QuietHours(*quiet), 0, "quiet") if quiet else None,
        calls_at_any_time=flag(any_time, "any-time"),
        objects_to_marketing=flag(objects, "objection"),
    )


KNOWN: dict[str, Any] = {
    "country": "FR",
    "last_own_contact_at": at(LONG_AGO),
    "not_on_registers": LOOKED_UP,
}


def decide(
    who: Consents | None = None,
    channel: str = "email",
    when: str | int = "2026-05-06 11:00",
    purpose: str = "marketing",
    **known: Any,
) -> Decision:
    context = Context(**{**KNOWN, **known})
    now = at(when) if isinstance(when, str) else when
    return may_contact(who, channel, purpose, now, context)


def answer(*arguments: Any, **known: Any) -> str:
    """Verdict and reason, as allow:consent."""
    decision = decide(*arguments, **known)
    return f"{decision.verdict}:{decision.reason}"
