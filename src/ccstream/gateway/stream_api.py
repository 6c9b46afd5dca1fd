"""What OpenAPI says of the stream."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ccstream.gateway.profiles import AGGREGATES

__all__ = ["OPERATION"]

OPERATION: Final[Mapping[str, Any]] = {
    "operationId": "followProfile",
    "summary": "Follow a profile: hello, snapshot, then each change, as server-sent events.",
    "description": (
        "A key that nothing is known of is followed as well: its snapshot is empty. The last "
        "event's id is a cursor; sent again it resumes the stream, and `hello` says whether "
        "something is missing."
    ),
    "tags": ["profiles"],
    "parameters": [
        {
            "name": "key",
            "in": "path",
            "required": True,
            "description": "Any key of the profile, as `customer:42`.",
            "schema": {"type": "string"},
        },
        {
            "name": "aggregates",
            "in": "query",
            "description": f"Which of {', '.join(AGGREGATES)}, comma separated; all if not given.",
            "schema": {"type": "string"},
        },
        {
            "name": "channel",
            "in": "query",
            "description": "The channel that the client is of, to measure how late it sees what "
            "happens on others; if not given, the only one that it may publish on.",
            "schema": {"type": "string"},
        },
        {
            "name": "last_event_id",
            "in": "query",
            "description": "The cursor, for who cannot send the header.",
            "schema": {"type": "string"},
        },
        {
            "name": "Last-Event-ID",
            "in": "header",
            "description": "The cursor; it goes before the parameter.",
            "schema": {"type": "string"},
        },
    ],
    "responses": {
        "200": {
            "description": "The stream; `docs/gateway.md` describes its events.",
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        }
    },
    "x-problems": ["invalid-request", "invalid-cursor", "unavailable"],
}
