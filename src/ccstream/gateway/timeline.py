"""What a customer did, across channels, the latest first: visits, last touches and orders."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ccstream.wire.query import Answer

__all__ = ["ENTRIES_MAX", "timeline"]

ENTRIES_MAX: Final = 300
"""The path has at most 200 visits, and 100 orders are shown."""


def timeline(answer: Answer, records: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The entries.

    Each has ``at`` (ms), ``kind`` and ``channel``. A ``visit`` is touches of one channel and
    campaign without a long silence between them; a ``touch`` is the last one of its channel, with
    what it was about; an ``order`` has its id and total.

    Args:
        answer: with the visits.
        records: with ``touch`` and ``order``, as told in JSON.
    """
    entries: list[dict[str, Any]] = [
        {
            "at": visit.ended_at,
            "kind": "visit",
            "channel": visit.channel,
            "started_at": visit.started_at,
            "touches": visit.touches,
            "campaign_id": visit.campaign_id or None,
        }
        for visit in answer.path
    ]
    touches = records.get("touch")
    entries += (
        {
            "at": touch.occurred_at,
            "kind": "touch",
            "channel": touch.channel,
            "event": touch.kind,
            "detail": touch.detail,
            "source": touch.source,
        }
        for touch in (touches["by_channel"] if touches is not None else ())
    )
    entries += (
        {
            "at": order["placed_at"],
            "kind": "order",
            "channel": order["channel"],
            "order_id": order["order_id"],
            "total": order["total"],
            "lines": len(order["lines"]),
        }
        for order in records.get("order") or ()
    )
    entries.sort(key=lambda entry: (entry["at"], entry["kind"]), reverse=True)
    return entries[:ENTRIES_MAX]
