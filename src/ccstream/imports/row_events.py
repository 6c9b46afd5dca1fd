"""From a row's facts to its events, whose ids are made of the source, the row's key and contents.

So the same row makes the same events, however often it is imported, and a row that has changed
makes others. Every event of a row occurred when the row was last changed; a consent that was
captured later, when it was captured.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any, Final

from ccstream.domain.events import (
    ConsentChanged,
    ConsentProof,
    Event,
    IdentifiersLinked,
    ProfileUpdated,
    Trait,
)
from ccstream.imports.facts import Facts

__all__ = ["REASON", "events_of"]

IDS: Final = uuid.UUID("5b0f6a3e-7d0c-5d7e-9a55-2f7d9d6d3c11")
"""The namespace of the ids (UUID version 5)."""

REASON: Final = "import"
"""The reason in the links."""


def events_of(facts: Facts, account: str | None, *, source: str, channel: str) -> Iterator[Event]:
    """The events, in the order in which they are to be published.

    Args:
        facts: the row.
        account: whose it is; None where nobody knows, and it stays with its own identifier.
        source: the data base's name in the map.
        channel: the channel that they are published on.
    """
    subject = facts.account or facts.own
    assert subject is not None

    def event_id(kind: str, *parts: str) -> str:
        return str(uuid.uuid5(IDS, "\0".join((source, facts.key, facts.digest, kind, *parts))))

    common: dict[str, Any] = {"channel": channel, "source": source}
    if account is not None:
        for identifier in facts.identifiers:
            yield IdentifiersLinked(
                event_id=event_id("link", identifier, account),
                occurred_at=facts.time_ms,
                subject=identifier,
                identifiers=(account,),
                reason=REASON,
                **common,
            )
    if facts.traits:
        yield ProfileUpdated(
            event_id=event_id("profile", subject),
            occurred_at=facts.time_ms,
            subject=subject,
            traits=tuple(Trait(one.name, one.value, one.verified) for one in facts.traits),
            **common,
        )
    for consent in facts.consents:
        yield ConsentChanged(
            event_id=event_id("consent", subject, consent.point, consent.channel, consent.purpose),
            occurred_at=max(facts.time_ms, consent.captured_at),
            subject=subject,
            contact_point=consent.point,
            contact_channel=consent.channel,
            purpose=consent.purpose,
            status=consent.status,
            proof=ConsentProof(consent.form_version, channel, consent.captured_at),
            **common,
        )
