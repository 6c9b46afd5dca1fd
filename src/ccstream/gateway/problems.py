"""Errors as HTTP tells them: ``application/problem+json`` (RFC 9457).

Every answer of 400 and above is one of `KINDS`: a client switches on ``type``, a person
reads ``detail``, and ``errors`` name the fields that are wrong. What is told goes to whoever
sent the request, and to nobody's log.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from ccstream.errors import CcstreamError

__all__ = ["KINDS", "MEDIA_TYPE", "URN", "FieldError", "Kind", "ProblemError", "handlers"]

MEDIA_TYPE: Final = "application/problem+json"

URN: Final = "urn:ccstream:problem:"
"""Before the name of a kind it is the problem's ``type``."""


class Kind(NamedTuple):
    """A kind of problem: its status, and its title, which is the same each time."""

    status: int
    title: str


KINDS: Final[Mapping[str, Kind]] = {
    "invalid-request": Kind(400, "The request is not understood"),
    "invalid-json": Kind(400, "The body is no JSON"),
    "invalid-cursor": Kind(400, "The cursor is none that was handed out"),
    "invalid-position": Kind(400, "The position is none that was handed out"),
    "unauthenticated": Kind(401, "No key or token that is valid"),
    "forbidden": Kind(403, "The key or token does not allow it"),
    "not-found": Kind(404, "There is no such thing"),
    "method-not-allowed": Kind(405, "The method is not one of this path's"),
    "body-timeout": Kind(408, "The body did not arrive in time"),
    "not-included": Kind(409, "The event is not included yet"),
    "body-too-large": Kind(413, "The body is too large"),
    "batch-too-large": Kind(413, "The batch has too many events"),
    "unsupported-media-type": Kind(415, "The media type is not taken"),
    "misdirected": Kind(421, "The gateway does not answer to this host name"),
    "invalid-event": Kind(422, "The event is not valid"),
    "unknown-type": Kind(422, "There is no event of this type"),
    "rate-limited": Kind(429, "Too many requests"),
    "failed": Kind(500, "An error in ccstream itself"),
    "unavailable": Kind(503, "Kafka, or the gateway, cannot do it just now"),
}

_STATUS_KINDS: Final[Mapping[int, str]] = {
    404: "not-found",
    405: "method-not-allowed",
    413: "body-too-large",
    415: "unsupported-media-type",
}
"""The kinds of what the framework raises by itself."""


class FieldError(NamedTuple):
    """What is wrong with one field: where it stands, as ``data.quantity``, and what."""

    field: str
    detail: str


class ProblemError(CcstreamError):
    """A request that cannot be done; ``kind`` is one of `KINDS`.

    Args:
        kind: decides status, type and title.
        detail: one sentence about this time: what is wrong and what to do.
        errors: the fields that are wrong, where the kind is about fields.
        headers: sent with the answer, ``Retry-After`` for one.
    """

    def __init__(
        self,
        kind: str,
        detail: str,
        *,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = dict(headers or {})

    @property
    def status(self) -> int:
        return KINDS[self.kind].status

    def document(self) -> dict[str, Any]:
        """The problem as RFC 9457 has it."""
        status, title = KINDS[self.kind]
        document: dict[str, Any] = {
            "type": f"{URN}{self.kind}",
            "title": title,
            "status": status,
            "detail": self.detail,
        }
        if self.errors:
            document["errors"] = [error._asdict() for error in self.errors]
        return document

    def response(self) -> Response:
        return Response(
            orjson.dumps(self.document()),
            status_code=self.status,
            media_type=MEDIA_TYPE,
            headers=self.headers,
        )


async def _problem(_request: Request, error: Exception) -> Response:
    assert isinstance(error, ProblemError)
    return error.response()


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    kind = _STATUS_KINDS.get(error.status_code, "invalid-request")
    if kind == "not-found":
        detail = "There is nothing at this path; /openapi.json lists what there is."
    elif kind == "method-not-allowed":
        detail = f"{request.method} is not a method of this path."
    else:
        detail = error.detail
    return ProblemError(kind, detail, headers=error.headers).response()


handlers: Final[Mapping[Any, Any]] = {ProblemError: _problem, HTTPException: _http}
"""For Starlette's ``exception_handlers``."""
