"""What an agent gets for a record of a sync topic: a typed `Change`, as the SDK has it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import faust

from ccstream.client.records import Change
from ccstream.client.sync_decoder import SyncDecoder
from ccstream.wire.codec import Codec

__all__ = ["SyncSchema"]


class SyncSchema(faust.Schema[str, Change]):
    """Reads one table's sync topic. Workers alone write it."""

    def __init__(self, table: str, codec: Codec) -> None:
        super().__init__()
        self._table = table
        self._decoder = SyncDecoder(table, codec)

    def loads_key(
        self,
        app: Any,
        message: Any,
        *,
        loads: Callable[..., Any] | None = None,
        serializer: Any = None,
    ) -> str:
        """The row's key."""
        key: bytes = message.key or b""
        return key.decode(errors="replace")

    def loads_value(
        self,
        app: Any,
        message: Any,
        *,
        loads: Callable[..., Any] | None = None,
        serializer: Any = None,
    ) -> Change:
        """The change; a tombstone is one whose record is ``Removed``."""
        return Change(
            self._table,
            self.loads_key(app, message),
            self._decoder.record(message.value),
            message.topic,
            message.partition,
            message.offset,
            int(message.timestamp * 1000),
        )

    def dumps_value(self, app: Any, value: Any, **_: Any) -> NoReturn:
        raise TypeError(
            f"the sync topic of {self._table} is written by workers: publish an event to a channel"
        )
