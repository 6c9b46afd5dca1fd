"""The rows of the table ``windows``: the ids that are remembered, source by source."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from ccstream.domain.window import SourceWindow, Window
from ccstream.wire.entry import Entry, RowReader
from ccstream.wire.framing import single_object_prefix
from ccstream.wire.primitives import EMPTY_ARRAY, encode_bytes, encode_long, encode_word
from ccstream.wire.reader import compile_reader
from ccstream.wire.schemas import SchemaInfo

__all__ = ["WindowRows"]


class WindowRows:
    """See `RowCodec`. Nothing is kept from row to row: the ids are bytes already.

    Args:
        info: the schema WindowRow.
    """

    def __init__(self, info: SchemaInfo) -> None:
        self._prefix = single_object_prefix(info)
        self.decode_row = RowReader(info, compile_reader(info.parsed, _CLASSES))

    def encode_row(self, entry: Entry) -> bytes:
        """See `RowCodec.encode_row`."""
        window: Window = entry.state
        sources = window.sources
        parts = [self._prefix, encode_long(entry.version), encode_long(window.floor)]
        if sources:
            parts.append(encode_long(len(sources)))
            for name, known in sources.items():
                parts += (
                    encode_word(name),
                    encode_long(known.horizon),
                    encode_long(known.last_seen),
                    encode_bytes(known.ids),
                )
        parts.append(EMPTY_ARRAY)
        return b"".join(parts)


def _source(source: str, horizon: int, last_seen: int, ids: bytes) -> tuple[str, SourceWindow]:
    return source, SourceWindow(horizon, last_seen, ids)


def _entry(version: int, floor: int, sources: tuple[tuple[str, SourceWindow], ...]) -> Entry:
    return Entry(Window(dict(sources), floor), version)


_CLASSES: Final[dict[str, Callable[..., Any]]] = {
    "ccstream.state.v1.WindowSource": _source,
    "ccstream.state.v1.WindowRow": _entry,
}
