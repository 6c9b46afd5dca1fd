"""What OpenAPI says of links in messages and of unsubscribing by one click."""

from __future__ import annotations

from typing import Any, Final

from ccstream.domain.consent import CONTACT_CHANNELS

__all__ = ["LINKS", "UNSUBSCRIBE"]

_BODY_PROBLEMS: Final = (
    *("invalid-request", "invalid-json", "body-timeout", "body-too-large"),
    "unsupported-media-type",
)

LINKS: Final[dict[str, Any]] = {
    "operationId": "makePreferenceLinks",
    "summary": "The links of a message, to unsubscribe and to all preferences.",
    "description": (
        "For whoever sends the message. Put the gateway's public address in front. `unsubscribe` "
        "goes into the header `List-Unsubscribe`, beside `List-Unsubscribe-Post: "
        "List-Unsubscribe=One-Click` (RFC 8058), and holds for ever; `preferences`, which shows "
        "what is known, ends after 90 days, and is there if the caller may read the profile. It "
        "takes the scope `publish` of any channel, about that customer."
    ),
    "tags": ["preferences"],
    "x-problems": _BODY_PROBLEMS,
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "additionalProperties": False,
                    "properties": {
                        "subject": {
                            "type": "string",
                            "pattern": r"^[a-z][a-z0-9_]*:[^\s#@]{1,200}$",
                        },
                        "contact_point": {
                            "type": "string",
                            "pattern": "^[0-9a-f]{32,128}$",
                            "description": "The keyed hash of the address or number.",
                        },
                        "contact_channel": {"enum": list(CONTACT_CHANNELS)},
                        "purpose": {"type": "string", "pattern": "^[a-z][a-z0-9_]{0,49}$"},
                    },
                    "required": ["subject", "contact_point", "contact_channel", "purpose"],
                }
            }
        },
    },
    "responses": {
        "201": {
            "description": "Made.",
            "content": {
                "application/json": {
                    "schema": {
                        "type": "object",
                        "properties": {
                            "unsubscribe": {"type": "string", "description": "A path."},
                            "preferences": {"type": "string", "description": "A path."},
                        },
                        "required": ["unsubscribe"],
                    }
                }
            },
        }
    },
}

_PAGE: Final = {"text/html": {"schema": {"type": "string"}}}

UNSUBSCRIBE: Final[dict[str, Any]] = {
    "operationId": "unsubscribe",
    "summary": "Take the consent back that a message was sent by (RFC 8058).",
    "description": "The link itself says whose and which. Answered when Kafka has stored it.",
    "tags": ["preferences"],
    "x-problems": (*_BODY_PROBLEMS, "rate-limited"),
    "parameters": [
        {
            "name": "token",
            "in": "path",
            "required": True,
            "description": "As `POST /v1/preferences/links` made it.",
            "schema": {"type": "string"},
        }
    ],
    "requestBody": {
        "required": True,
        "content": {
            "application/x-www-form-urlencoded": {
                "schema": {
                    "type": "object",
                    "properties": {"List-Unsubscribe": {"const": "One-Click"}},
                    "required": ["List-Unsubscribe"],
                }
            }
        },
    },
    "responses": {
        "200": {"description": "Done, as a page.", "content": _PAGE},
        "404": {"description": "The link is none, as a page.", "content": _PAGE},
        "503": {"description": "Not stored, as a page: try again.", "content": _PAGE},
    },
}
