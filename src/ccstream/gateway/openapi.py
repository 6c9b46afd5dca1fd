"""The gateway as an OpenAPI 3.1 document, made from its endpoints and the events' schemas.

``python -m ccstream.gateway.openapi > openapi.yaml`` writes it anew; ``make check`` fails while
it is stale. A gateway serves its own at ``/openapi.json``.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import cache
from typing import Any, Final

import orjson
from starlette.requests import Request
from starlette.responses import Response

from ccstream import __version__
from ccstream.errors import DevkitError
from ccstream.gateway.endpoints import Endpoint
from ccstream.gateway.ingest_api import event_schemas
from ccstream.gateway.operations import operations_schemas
from ccstream.gateway.problems import KINDS, MEDIA_TYPE, URN
from ccstream.wire.schemas import default_schemas

__all__ = ["Documents", "document", "text"]

_DESCRIPTION: Final = (
    "HTTP for what does not speak Kafka. Errors are problem documents (RFC 9457): switch on "
    "`type`, show `detail`. The gateway keeps nothing; any number may run side by side."
)

ALWAYS: Final = ("misdirected", "failed")
GUARDED: Final = ("unauthenticated", "forbidden", "rate-limited")
"""Problems of every operation, and of every one that is not public."""


class Documents:
    """The part that serves the document."""

    def __init__(self, others: Sequence[Endpoint]) -> None:
        self._others = others
        self._made: bytes | None = None

    def endpoints(self) -> Sequence[Endpoint]:
        return (
            Endpoint(
                method="GET",
                path="/openapi.json",
                access="public",
                handler=self._serve,
                operation={
                    "operationId": "openapi",
                    "summary": "This document.",
                    "tags": ["operations"],
                    "responses": {
                        "200": {
                            "description": "OpenAPI 3.1.",
                            "content": {"application/json": {"schema": {"type": "object"}}},
                        }
                    },
                },
            ),
        )

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        yield

    def ready(self) -> str | None:
        return None

    async def _serve(self, _request: Request) -> Response:
        if self._made is None:
            self._made = orjson.dumps(document([*self._others, *self.endpoints()]))
        return Response(self._made, media_type="application/json")


def document(endpoints: Sequence[Endpoint]) -> dict[str, Any]:
    """The document as plain dicts and lists."""
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        if endpoint.operation is not None:
            operation = _operation(endpoint, endpoint.operation)
            paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "ccstream gateway",
            "version": __version__,
            "description": _DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "An API key, or a token (JWT) of the configured issuer.",
                }
            },
            "schemas": {**_event_schemas(), **operations_schemas(), **_schemas()},
        },
    }


def text(endpoints: Sequence[Endpoint]) -> str:
    """The document as YAML, ready to be a file.

    Raises:
        DevkitError: PyYAML is not installed.
    """
    try:
        import yaml
    except ImportError as error:
        raise DevkitError("writing openapi.yaml needs PyYAML: install pyyaml") from error

    class Plain(yaml.SafeDumper):
        def ignore_aliases(self, data: Any) -> bool:
            return True

    head = "# Made by `python -m ccstream.gateway.openapi`; do not edit.\n"
    body: str = yaml.dump(
        document(endpoints), Dumper=Plain, sort_keys=False, allow_unicode=True, width=96
    )
    return head + body


def _operation(endpoint: Endpoint, stated: Mapping[str, Any]) -> dict[str, Any]:
    operation = {name: value for name, value in stated.items() if name != "x-problems"}
    kinds = [*stated.get("x-problems", ()), *ALWAYS]
    if endpoint.access == "public":
        operation["security"] = []
    else:
        operation["security"] = [{"bearer": []}]
        operation["x-ccstream-scope"] = endpoint.access
        kinds += GUARDED
    responses = dict(stated["responses"])
    for kind in sorted(kinds, key=lambda name: KINDS[name].status):
        status, title = KINDS[kind]
        known = responses.get(str(status))
        if known is None:
            responses[str(status)] = _problem_response(kind, title)
        elif MEDIA_TYPE in known["content"]:
            known["description"] += f"; or {title[0].lower()}{title[1:]} (`{kind}`)"
    operation["responses"] = responses
    return operation


def _problem_response(kind: str, title: str) -> dict[str, Any]:
    response: dict[str, Any] = {
        "description": f"{title} (`{kind}`)",
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    if kind in {"rate-limited", "unavailable"}:
        response["headers"] = {
            "Retry-After": {
                "description": "Seconds to wait.",
                "required": True,
                "schema": {"type": "integer", "minimum": 1},
            }
        }
    return response


@cache
def _event_schemas() -> dict[str, Any]:
    return event_schemas(default_schemas())


def _schemas() -> dict[str, Any]:
    return {
        "Health": {
            "type": "object",
            "properties": {
                "ok": {"type": "boolean"},
                "version": {"type": "string"},
                "reasons": {"type": "array", "items": {"type": "string"}},
            },
            "required": ["ok", "version"],
        },
        "Problem": {
            "type": "object",
            "description": "RFC 9457.",
            "properties": {
                "type": {"enum": [f"{URN}{kind}" for kind in KINDS]},
                "title": {"type": "string"},
                "status": {"type": "integer"},
                "detail": {"type": "string"},
                "errors": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": {
                            "field": {
                                "type": "string",
                                "description": "By the CloudEvent's names: data.quantity.",
                            },
                            "detail": {"type": "string"},
                        },
                        "required": ["field", "detail"],
                    },
                },
            },
            "required": ["type", "title", "status", "detail"],
        },
    }


if __name__ == "__main__":
    from ccstream.gateway.app import endpoints, make_parts, make_services
    from ccstream.ops.settings import Settings

    # The defaults, whatever this machine has set.
    sys.stdout.write(text(endpoints(make_parts(make_services(Settings.model_construct())))))
