"""What OpenAPI says of what the page of service staff is made from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ccstream.gateway.queries_api import AS_OF

__all__ = ["CHANGES", "SEARCH", "VIEW"]

_KEY: Final = {
    "name": "key",
    "in": "path",
    "required": True,
    "description": "Any key of the profile, as `customer:42`.",
    "schema": {"type": "string"},
}

_OBJECTS: Final = {"type": "array", "items": {"type": "object"}}

_FIELDS: Final[Mapping[str, Any]] = {
    "key": {"type": "string"},
    "subject": {"type": "string", "description": "Whom the key leads to."},
    "version": {"type": "integer"},
    "as_of": AS_OF,
    "masked": {"type": "boolean", "description": "Whether personal values are hidden."},
    "traits": {
        **_OBJECTS,
        "description": (
            "Name, and values with channel, time and evidence; a value is null where it is stored "
            "encrypted and not `readable` here."
        ),
    },
    "identifiers": {**_OBJECTS, "description": "Key, class, since when, by which event."},
    "cart": {"type": ["object", "null"]},
    "orders": _OBJECTS,
    "interactions": {
        **_OBJECTS,
        "description": "The latest first; intent and outcome are null where there are none, or "
        "where they are stored encrypted and cannot be read here; masked they are hidden whole.",
    },
    "consents": _OBJECTS,
    "may_contact": {**_OBJECTS, "description": "By channel and purpose: whether, and why."},
    "timeline": {**_OBJECTS, "description": "As `GET /v1/profiles/{key}/timeline`."},
}

VIEW: Final[Mapping[str, Any]] = {
    "operationId": "viewProfile",
    "summary": "A customer at a glance, as it is being folded; who looks is noted.",
    "description": (
        "Personal values are masked unless the caller has the scope `read`. A note of who looked "
        "at whom is on `ccstream.audit.v1` before the answer is given."
    ),
    "tags": ["agents"],
    "parameters": [_KEY],
    "responses": {
        "200": {
            "description": "The customer.",
            "content": {
                "application/json": {
                    "schema": {
                        "type": "object",
                        "properties": _FIELDS,
                        "required": list(_FIELDS),
                    }
                }
            },
        }
    },
    "x-problems": ["invalid-request", "unavailable"],
}

CHANGES: Final[Mapping[str, Any]] = {
    "operationId": "followChanges",
    "summary": "Tells of each change of a customer, not what it is, as server-sent events.",
    "tags": ["agents"],
    "parameters": [_KEY],
    "responses": {
        "200": {
            "description": "An event `changed` at the beginning and at each change.",
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        }
    },
    "x-problems": ["invalid-request", "unavailable"],
}

SEARCH: Final[Mapping[str, Any]] = {
    "operationId": "searchProfiles",
    "summary": "The keys that something typed in may mean, of those that are known.",
    "description": (
        "A key, or its value alone; an e-mail address or phone number where the gateway has "
        "`identity.contact_key`. In a body, since addresses end up in logs."
    ),
    "tags": ["agents"],
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "properties": {"text": {"type": "string", "minLength": 1, "maxLength": 200}},
                    "required": ["text"],
                }
            }
        },
    },
    "responses": {
        "200": {
            "description": "The keys, none if nothing is known.",
            "content": {
                "application/json": {
                    "schema": {
                        "type": "object",
                        "properties": {"keys": {"type": "array", "items": {"type": "string"}}},
                        "required": ["keys"],
                    }
                }
            },
        }
    },
    "x-problems": [
        "invalid-request",
        "invalid-json",
        "body-timeout",
        "body-too-large",
        "unsupported-media-type",
        "unavailable",
    ],
}
