"""Reads a request's body within bounds of size and time."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
from starlette.requests import ClientDisconnect, Request

from ccstream.gateway.problems import ProblemError
from ccstream.ops.settings import GatewaySettings

__all__ = ["json_of", "read_body"]

_CLOSE = {"Connection": "close"}
"""What has not been read of a body stands between it and the next request."""


async def read_body(request: Request, settings: GatewaySettings) -> bytes:
    """The body.

    Raises:
        ProblemError: it is larger than ``body_bytes_max``, is not all there after
            ``body_timeout_ms``, ends early, or is compressed.
    """
    if request.headers.get("content-encoding", "identity") != "identity":
        raise ProblemError(
            "unsupported-media-type",
            "The body is compressed; send it as it is.",
            headers=_CLOSE | {"Accept-Encoding": "identity"},
        )
    bytes_max = settings.body_bytes_max
    stated = request.headers.get("content-length", "")
    if stated.isdigit() and int(stated) > bytes_max:
        raise _too_large(bytes_max)
    pieces: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(settings.body_timeout_ms / 1000):
            async for piece in request.stream():
                size += len(piece)
                if size > bytes_max:
                    raise _too_large(bytes_max)
                pieces.append(piece)
    except TimeoutError:
        raise ProblemError(
            "body-timeout",
            f"The body was not there after {settings.body_timeout_ms / 1000:g} s.",
            headers=_CLOSE,
        ) from None
    except ClientDisconnect:
        raise ProblemError("invalid-request", "The body ended early.") from None
    return b"".join(pieces)


def json_of(body: bytes) -> Any:
    """The JSON value in a body; raises `ProblemError` (invalid-json) if there is none."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as problem:
        raise ProblemError("invalid-json", f"It ends being JSON here: {problem}.") from None


def _too_large(bytes_max: int) -> ProblemError:
    return ProblemError("body-too-large", f"At most {bytes_max:,} bytes are taken.", headers=_CLOSE)
