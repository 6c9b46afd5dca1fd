"""CloudEvents that tests post."""

from __future__ import annotations

from itertools import count
from typing import Any

__all__ = ["BATCH", "STRUCTURED", "cloud_event"]

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
