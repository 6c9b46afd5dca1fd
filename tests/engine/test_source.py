"""The trace context of a record, whatever its headers are."""

from __future__ import annotations

import pytest

from ccstream.engine.source import trace_of
from ccstream.wire.headers import TRACEPARENT

TRACE = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class HasHeaders:
    def __init__(self, headers: list[tuple[str, bytes]] | None) -> None:
        self._headers = headers

    def headers(self) -> list[tuple[str, bytes]] | None:
        return self._headers


class Damaged(HasHeaders):
    def headers(self) -> list[tuple[str, bytes]] | None:
        raise SystemError("headers returned a result with an exception set")


@pytest.mark.parametrize(
    ("headers", "trace"),
    [
        (None, None),
        ([], None),
        ([("ce_id", b"1"), (TRACEPARENT, TRACE)], TRACE),
        ([(TRACEPARENT, None)], None),
        ([(TRACEPARENT, b"x" * 1_000_000)], None),
    ],
)
def test_a_trace_context_is_carried_unless_it_is_overlong(
    headers: list[tuple[str, bytes]] | None, trace: bytes | None
) -> None:
    assert trace_of(HasHeaders(headers)) == trace  # type: ignore[arg-type]


def test_headers_that_cannot_be_read_are_passed_over() -> None:
    assert trace_of(Damaged(None)) is None  # type: ignore[arg-type]
