"""A record as it is read, and where the event in it came from."""

from __future__ import annotations

from typing import Protocol

__all__ = ["Record", "Source"]


class Record(Protocol):
    """A record as librdkafka hands it over."""

    def key(self) -> bytes | None: ...
    def value(self) -> bytes | None: ...
    def offset(self) -> int: ...
    def timestamp(self) -> tuple[int, int]: ...
    def headers(self) -> list[tuple[str, bytes]] | None: ...


class Source:
    """Where the event being folded came from; for a forwarded one, where it first arrived."""

    __slots__ = ("appended_at", "hops", "key", "offset", "partition", "topic", "trace", "value")

    def __init__(
        self,
        topic: str,
        partition: int,
        offset: int,
        appended_at: int,
        key: bytes | None,
        value: bytes | None,
        trace: bytes | None,
    ) -> None:
        self.topic = topic
        self.partition = partition
        self.offset = offset
        self.appended_at = appended_at
        self.key = key
        self.value = value
        self.trace = trace
        self.hops = 0
