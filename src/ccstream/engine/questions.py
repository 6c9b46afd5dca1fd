"""Questions of gateways over HTTP, as the worker's web server hands them over.

A worker that cannot answer for a key just now says 503, and the gateway looks for the owner anew.
"""

from __future__ import annotations

import os
import time
from http import HTTPStatus

from ccstream.engine.answers import Answers, NotHereError
from ccstream.errors import UndecodableError
from ccstream.wire.query import decode_question, encode, is_signed

__all__ = ["Questions"]

_KEY_BYTES = 32
"""As long as the digest that it goes into."""


class Questions:
    """Checks who asks, and has it answered once there is something to answer from."""

    def __init__(self) -> None:
        self.key = os.urandom(_KEY_BYTES)
        self.answers: Answers | None = None

    def ask(self, _path: str, body: bytes, signature: str) -> tuple[int, bytes]:
        """Status and body of the answer; in a thread of the web server's."""
        if not is_signed(self.key, time.time_ns() // 1_000_000, body, signature):
            return HTTPStatus.FORBIDDEN, b""
        if self.answers is None:
            return HTTPStatus.SERVICE_UNAVAILABLE, b""
        try:
            return HTTPStatus.OK, encode(self.answers.answer(decode_question(body)))
        except NotHereError:
            return HTTPStatus.SERVICE_UNAVAILABLE, b""
        except UndecodableError:
            return HTTPStatus.BAD_REQUEST, b""
