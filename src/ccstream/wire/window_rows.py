"""The rows of the table ``windows``: the ids that are remembered, source by source."""

from __future__ import annotations

from typing import final

from ccstream.domain.window import SourceWindow, Window
from ccstream.wire.entry import Entry, RowReader
from ccstream.wire.framing import single_object_prefix
from ccstream.wire.primitives import ZERO, BytesWriter, put_bytes, put_long, put_text
from ccstream.wire.reader import Reader
from ccstream.wire.schemas import SchemaInfo

__all__ = ["WindowRows", "window_entry", "window_source"]


@final
class WindowRows:
    """See `RowCodec`. Nothing is kept from row to row: the ids are bytes already.

    Args:
        info: the schema WindowRow.
        read: its reader.
    """

    def __init__(self, info: SchemaInfo, read: Reader) -> None:
        self._prefix = single_object_prefix(info)
        self._read = RowReader(info, read)

    def decode_row(self, value: bytes) -> Entry:
        """See `RowCodec.decode_row`."""
        return self._read(value)

    def encode_row(self, entry: Entry) -> bytes:
        """See `RowCodec.encode_row`."""
        window: Window = entry.state
        out = BytesWriter()
        out.write(self._prefix)
        put_long(out, entry.version)
        put_long(out, window.floor)
        if window.sources:
            put_long(out, len(window.sources))
            for name, known in window.sources.items():
                put_text(out, name)
                put_long(out, known.horizon)
                put_long(out, known.last_seen)
                put_bytes(out, known.ids)
        out.append(ZERO)
        return out.getvalue()


def window_source(
    source: str, horizon: int, last_seen: int, ids: bytes
) -> tuple[str, SourceWindow]:
    return source, SourceWindow(horizon, last_seen, ids)


def window_entry(version: int, floor: int, sources: tuple[tuple[str, SourceWindow], ...]) -> Entry:
    return Entry(Window(dict(sources), floor), version)
