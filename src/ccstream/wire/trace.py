"""The trace that a ``traceparent`` names, as it stands in logs."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["trace_id_of"]

_TRACEPARENT: Final = re.compile(rb"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?")


def trace_id_of(traceparent: bytes | None) -> str | None:
    """Its 32 hexadecimal digits; None where it is not what W3C Trace Context asks for."""
    found = _TRACEPARENT.fullmatch(traceparent or b"")
    return None if found is None else found[1].decode()
