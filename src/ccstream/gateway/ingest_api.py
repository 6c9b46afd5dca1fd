"""What OpenAPI says of ``POST /v1/events``: its three bodies, its answers, and their schemas."""

from __future__ import annotations

from typing import Any, Final

from ccstream.gateway.cloudevents import BATCH, BINARY, ENVELOPE, STRUCTURED
from ccstream.gateway.json_schemas import object_schema, record_name
from ccstream.wire.catalogue import CHANNELS, EVENTS, RECORDS
from ccstream.wire.schemas import SchemaSet
from ccstream.wire.validate import ID_CHARS_MAX

__all__ = ["OPERATION", "event_schemas"]

PROBLEMS: Final = (
    *("invalid-request", "invalid-json", "body-timeout", "body-too-large", "batch-too-large"),
    *("unsupported-media-type", "invalid-event", "unknown-type", "unavailable"),
)

_TRACEPARENT: Final = "^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$"
_SOURCE: Final = (
    f"^/({'|'.join(CHANNELS)}|[a-z][a-z0-9_]{{0,49}})/([A-Za-z0-9._~-]|%[0-9A-F]{{2}}){{1,200}}$"
)


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def _header(name: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "in": "header",
        "required": False,
        "description": description,
        "schema": schema,
    }


def _text(chars_max: int) -> dict[str, Any]:
    return {"type": "string", "minLength": 1, "maxLength": chars_max}


OPERATION: Final[dict[str, Any]] = {
    "operationId": "publishEvents",
    "summary": "Publish events of a channel.",
    "description": (
        "CloudEvents 1.0 as JSON: one structured, one binary (attributes as ce- headers, the "
        "event's fields as the body), or a batch. Answered when Kafka has stored them. The same "
        "id of the same subject and source counts once, so that a request can always be sent "
        "again. It takes the scope `publish` of the event's channel."
    ),
    "tags": ["events"],
    "x-problems": PROBLEMS,
    "parameters": [
        _header(
            "Idempotency-Key",
            "Where events have no id, theirs are made from this: the same each time.",
            _text(ID_CHARS_MAX),
        ),
        _header(
            "traceparent",
            "W3C trace context of events that have none of their own.",
            {"type": "string", "pattern": _TRACEPARENT},
        ),
    ],
    "requestBody": {
        "required": True,
        "content": {
            STRUCTURED: {"schema": _ref("CloudEvent")},
            BATCH: {"schema": {"type": "array", "items": _ref("CloudEvent")}},
            BINARY: {
                "schema": {
                    "type": "object",
                    "description": "In binary mode: the event's fields, its attributes as "
                    "headers ce-specversion, ce-id, ce-type, ce-source, ce-subject, ce-time.",
                }
            },
        },
    },
    "responses": {
        "202": {
            "description": "Stored.",
            "content": {
                "application/json": {"schema": {"oneOf": [_ref("Accepted"), _ref("BatchResult")]}}
            },
        },
        "207": {
            "description": "A batch of which not every event is stored: the status of each.",
            "content": {"application/json": {"schema": _ref("BatchResult")}},
        },
    },
}


def event_schemas(schemas: SchemaSet) -> dict[str, Any]:
    """The schemas that the operation refers to, by name."""
    found: dict[str, Any] = {
        "CloudEvent": {
            "oneOf": [_ref(f"{record_name(fullname)}Event") for fullname in EVENTS],
            "discriminator": {
                "propertyName": "type",
                "mapping": {
                    fullname: f"#/components/schemas/{record_name(fullname)}Event"
                    for fullname in EVENTS
                },
            },
        }
    }
    for fullname in EVENTS:
        name = record_name(fullname)
        found[f"{name}Event"] = _cloud_event(fullname, schemas.sources[fullname]["doc"])
        found[name] = object_schema(schemas, fullname, frozenset(ENVELOPE))
    for fullname in RECORDS:
        found[record_name(fullname)] = object_schema(schemas, fullname, frozenset())
    position = {"type": "string", "description": "Where it is stored; signed, to be sent back."}
    event_id = {"type": "string", "description": "The event's id."}
    found["Accepted"] = {
        "type": "object",
        "properties": {"id": event_id, "position": position},
        "required": ["id", "position"],
    }
    found["EventResult"] = {
        "type": "object",
        "properties": {
            "status": {"type": "integer", "description": "202 if it is stored."},
            "id": event_id,
            "position": position,
            "problem": _ref("Problem"),
        },
        "required": ["status"],
    }
    found["BatchResult"] = {
        "type": "object",
        "properties": {
            "events": {
                "type": "array",
                "description": "One for each event, in the order of the batch.",
                "items": _ref("EventResult"),
            }
        },
        "required": ["events"],
    }
    return found


def _cloud_event(fullname: str, doc: str) -> dict[str, Any]:
    return {
        "type": "object",
        "description": doc,
        "properties": {
            "specversion": {"const": "1.0"},
            "id": {**_text(ID_CHARS_MAX), "description": "Identifies the fact; a retry's too."},
            "type": {"const": fullname},
            "source": {
                "type": "string",
                "pattern": _SOURCE,
                "description": "/channel/source, each percent-encoded where it has other "
                "characters. The channel is one of those named, or one added by configuration.",
            },
            "subject": {
                "type": "string",
                "pattern": r"^[a-z][a-z0-9_]*:[^\s#]{1,200}$",
                "description": "Whom it is about, as customer:42.",
            },
            "time": {
                "type": "string",
                "format": "date-time",
                "description": "When it happened, by the channel's clock; now where left out.",
            },
            "datacontenttype": {"const": "application/json"},
            "traceparent": {"type": "string", "description": "W3C trace context."},
            "sessionid": {"type": "string", "description": "The visit or call it was part of."},
            "data": _ref(record_name(fullname)),
        },
        "required": ["specversion", "type", "source", "subject", "data"],
    }
