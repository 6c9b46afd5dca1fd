"""CloudEvents that tests post."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from urllib.parse import quote

import msgspec

from ccstream.domain.events import Event
from ccstream.wire.catalogue import event_type

__all__ = ["BATCH", "STRUCTURED", "as_cloud_event", "cloud_event"]

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"

_numbers = count()


def cloud_event(**changed: Any) -> dict[str, Any]:
    """A mug is put into a basket; ``data__quantity`` changes the field of its data.

    What is given as None is left out.
    """
    event: dict[str, Any] = {
        "specversion": "1.0",
        "id": f"event-{next(_numbers)}",
        "type": "ccstream.cart.v1.CartItemAdded",
        "source": "/web/shop-1",
        "subject": "customer:42",
        "time": "2026-11-27T09:30:00Z",
        "data": {"sku": "mug", "quantity": 1},
    }
    for name, value in changed.items():
        place, _, field = name.partition("__")
        holder, key = (event["data"], field) if field else (event, place)
        if value is None:
            holder.pop(key, None)
        else:
            holder[key] = value
    return event


def as_cloud_event(event: Event) -> dict[str, Any]:
    """An event as the CloudEvent that states it."""
    fields = msgspec.to_builtins(event, builtin_types=(bytes,))
    if fields["observed"] is not None:
        fields["observed"] = fields["observed"].hex()
    channel, source = fields.pop("channel"), fields.pop("source")
    moment = datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=fields.pop("occurred_at"))
    return {
        "specversion": "1.0",
        "id": fields.pop("event_id"),
        "type": event_type(type(event)),
        "source": f"/{quote(channel, safe='')}/{quote(source, safe='')}",
        "subject": fields.pop("subject"),
        "time": moment.isoformat(timespec="milliseconds"),
        "data": fields,
    }
