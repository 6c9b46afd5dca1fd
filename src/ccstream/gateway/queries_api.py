"""What OpenAPI says of the queries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

__all__ = ["AS_OF", "operation_of"]

_NULLABLE: Final = {"type": ["object", "null"]}
_ENTRIES: Final = {"type": "array", "items": {"type": "object"}}

_RECORDS: Final[Mapping[str, Any]] = {
    "cart": {**_NULLABLE, "description": "As `CartSynced`; null if there is none."},
    "touch": {**_NULLABLE, "description": "As `LastTouchSynced`."},
    "profile": {**_NULLABLE, "description": "As `ProfileSynced`: the traits."},
    "order": {**_ENTRIES, "description": "As `OrderSynced`, the latest 100, the latest first."},
    "consent": {**_NULLABLE, "description": "As `ConsentSynced`."},
    "interaction": {
        **_NULLABLE,
        "description": "As `InteractionsSynced`: calls and chats, with intent and outcome.",
    },
}

_TIMELINE: Final = {
    "type": "array",
    "description": "The latest first.",
    "items": {
        "type": "object",
        "properties": {
            "at": {"type": "integer", "description": "Milliseconds since the epoch."},
            "kind": {"enum": ["visit", "touch", "order"]},
            "channel": {"type": "string"},
        },
        "required": ["at", "kind", "channel"],
    },
}

_OF: Final[Mapping[str, tuple[str, str, Mapping[str, Any]]]] = {
    "": ("getProfile", "All that is known of a customer.", _RECORDS),
    "/cart": ("getCart", "The basket.", {"cart": _RECORDS["cart"]}),
    "/last-touch": (
        "getLastTouch",
        "First and last touch, and the last of each channel.",
        {"touch": _RECORDS["touch"]},
    ),
    "/consents": ("getConsents", "What they agreed to.", {"consent": _RECORDS["consent"]}),
    "/orders": ("getOrders", "Their orders.", {"order": _RECORDS["order"]}),
    "/timeline": (
        "getTimeline",
        "Visits, last touches and orders, across channels.",
        {"timeline": _TIMELINE},
    ),
}

AS_OF: Final = {
    "type": "object",
    "description": "What is included: the last offset of each input topic of the partition.",
    "properties": {
        "time": {"type": "string", "format": "date-time"},
        "live": {"type": "boolean"},
        "partition": {"type": "integer"},
        "epoch": {"type": "integer"},
        "offsets": {"type": "object", "additionalProperties": {"type": "integer"}},
    },
    "required": ["time", "live", "partition", "epoch", "offsets"],
}

PARAMETERS: Final = [
    {
        "name": "key",
        "in": "path",
        "required": True,
        "description": "Any key of the profile, as `customer:42`.",
        "schema": {"type": "string"},
    },
    {
        "name": "live",
        "in": "query",
        "description": "As it is being folded, some of which a crash may take back; else as it is "
        "committed.",
        "schema": {"enum": ["true", "false"], "default": "false"},
    },
    {
        "name": "Ccstream-After",
        "in": "header",
        "description": "Positions that `POST /v1/events` answered with, comma separated, at most "
        "8: those events are included in what is answered.",
        "schema": {"type": "string"},
    },
    {
        "name": "If-None-Match",
        "in": "header",
        "description": "An ETag that is held already.",
        "schema": {"type": "string"},
    },
]

_HEAD: Final[Mapping[str, Any]] = {
    "key": {"type": "string", "description": "The key that was asked for."},
    "subject": {"type": "string", "description": "Whom it leads to."},
    "version": {"type": "integer", "description": "The highest of the rows told, 0 if none is."},
    "as_of": AS_OF,
}


def operation_of(suffix: str) -> dict[str, Any]:
    """The operation of a query, by what follows the key in its path."""
    name, summary, records = _OF[suffix]
    fields = {**_HEAD, **records}
    return {
        "operationId": name,
        "summary": summary,
        "description": (
            "From the tables of the worker that owns the key, all rows as they are together. A key "
            "that nothing is known of has none."
        ),
        "tags": ["profiles"],
        "parameters": PARAMETERS,
        "responses": {
            "200": {
                "description": "What is known.",
                "headers": {
                    "ETag": {
                        "description": "The version of the row; of several, a tag of all.",
                        "schema": {"type": "string"},
                    }
                },
                "content": {
                    "application/json": {
                        "schema": {
                            "type": "object",
                            "properties": fields,
                            "required": list(fields),
                        }
                    }
                },
            },
            "304": {"description": "It is what `If-None-Match` says."},
        },
        "x-problems": ["invalid-request", "invalid-position", "not-included", "unavailable"],
    }
