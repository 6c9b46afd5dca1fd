"""The records of changelogs: what row each holds, taken into tables many at a time.

A restore passes all rows there are through here, so it is compiled (``docs/adr/0009``), and asks
of a record no more than it has to.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from confluent_kafka import Message

from ccstream.engine.store import Table
from ccstream.errors import StateError

__all__ = ["Place", "place_of", "row_of", "take_rows"]

Place = tuple[str, int]
"""A changelog partition: topic and number."""

_FRAME: Final = b"\xc3\x01"
"""How every row begins: rows are always in single-object encoding."""


def take_rows(
    messages: list[Message], tables: Mapping[Place, Table]
) -> tuple[dict[Place, int], list[Message]]:
    """Take the rows that a consumer handed over into their tables.

    Returns:
        The offset to be read next, of each changelog partition that records came from; and what
        is no record, but an event or an error.

    Raises:
        StateError: a record is no row.
    """
    reached: dict[Place, int] = {}
    events: list[Message] = []
    # Records come in runs of one partition; `place`, `table` and `last` are of the present run.
    place: Place = ("", -1)
    table: Table | None = None
    last: Any = None
    for message in messages:
        record: Any = message  # librdkafka's stub allows None for what a record always has
        if record.error() is not None:
            events.append(message)
            continue
        if table is None or record.partition() != place[1] or record.topic() != place[0]:
            if last is not None:
                reached[place] = last.offset() + 1
            place = (record.topic(), record.partition())
            table = tables[place]
        key, value = row_of(message)
        table.restore(key, value)
        last = record
    if last is not None:
        reached[place] = last.offset() + 1
    return reached, events


def row_of(message: Message) -> tuple[str, bytes | None]:
    """The row in a changelog record, None for a deletion, with its key.

    Raises:
        StateError: it is none.
    """
    record: Any = message
    key: bytes | None = record.key()
    value: bytes | None = record.value()
    if key is not None and (value is None or value.startswith(_FRAME)):
        try:
            return key.decode(), value
        except UnicodeDecodeError:
            pass
    (topic, number), offset = place_of(message)
    raise StateError(
        f"{topic}[{number}] offset {offset} is no row of a ccstream table; "
        "something else wrote to the changelog"
    )


def place_of(message: Message) -> tuple[Place, int]:
    """Changelog partition and offset of what the consumer handed over: it always has them."""
    record: Any = message
    return (record.topic(), record.partition()), record.offset()
