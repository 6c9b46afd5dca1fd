"""What a stream says, as server-sent events.

=============  ==============================================================================
``hello``      first: who is followed, whether the cursor was resumed, or there is a gap
``snapshot``   the profile as it is now, every aggregate followed
``change``     one row of it: of a cart what changed, or all its lines; of the others the row
``moved``      the key leads to another profile now; its snapshot follows
=============  ==============================================================================

The last of those that belong together has the cursor to go on from as its ``id``. Bytes (a
cart's ``observed``) are hexadecimal text, as ``POST /v1/events`` takes them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from ccstream.client.records import CartSynced, Removed, SyncRecord, Unreadable
from ccstream.gateway.profiles import AGGREGATES
from ccstream.gateway.recent import Recorded

__all__ = ["change", "hello", "keep_alive", "moved", "of_record", "snapshot", "with_id"]

EPOCH_SHIFT: Final = 32
"""The epoch is in a version's high bits."""

_NAMES: Final = tuple(AGGREGATES)

_DELTA: Final = ("base_version", "upserted", "removed")
_encode: Final = msgspec.json.Encoder().encode


def with_id(cursor: str, body: bytes) -> bytes:
    """A body that one of the others made, and how far the client is with it."""
    return b"id: %b\n%b" % (cursor.encode(), body)


def keep_alive(cursor: str | None) -> bytes:
    """A comment: it keeps proxies from hanging up and tells a dead connection from a quiet one.

    With the cursor, which then moves on although nothing was said.
    """
    return b":\n\n" if cursor is None else b":\nid: %b\n\n" % cursor.encode()


def hello(*, key: str, profile: str, version: int, resumed: bool, gap: bool) -> bytes:
    """The first event. ``gap``: a cursor was sent, and what came since cannot all be told."""
    return _body(
        "hello",
        {"key": key, "profile": profile, "version": version, "resumed": resumed, "gap": gap},
    )


def moved(*, key: str, profile: str, version: int) -> bytes:
    """The key leads to ``profile`` from now on."""
    return _body("moved", {"key": key, "profile": profile, "version": version})


def snapshot(profile: str, version: int, records: Mapping[str, Any]) -> bytes:
    """All that is followed of a profile."""
    fields: dict[str, Any] = {"profile": profile, "version": version}
    for aggregate, found in records.items():
        if isinstance(found, Sequence):
            fields[aggregate] = [of_record(one) for one in found]
        else:
            fields[aggregate] = of_record(found)
    return _body("snapshot", fields)


def change(recorded: Recorded, record: SyncRecord) -> bytes:
    """A row that changed; ``record`` is null where it is gone."""
    fields = of_record(record)
    whole = True
    if fields is not None and isinstance(record, CartSynced):
        # A crash can take back what was seen of an epoch: the first word of the next is whole.
        whole = (
            record.base_version != recorded.before
            or record.version >> EPOCH_SHIFT != record.base_version >> EPOCH_SHIFT
        )
        fields |= {name: getattr(record, name) for name in _DELTA}
        if not whole:
            del fields["lines"]
    told = {
        "aggregate": _NAMES[recorded.table],
        "row": recorded.key,
        "whole": whole,
        "appended_at": recorded.appended_at,
        "record": fields,
    }
    if recorded.trace is not None:
        told["traceparent"] = recorded.trace.decode("ascii", "replace")
    return _body("change", told)


def of_record(record: SyncRecord | None) -> dict[str, Any] | None:
    """A record as it is told in JSON; None where there is none, or none that can be read."""
    if record is None or isinstance(record, Removed | Unreadable):
        return None
    fields = _fields(record)
    if isinstance(record, CartSynced):
        for name in _DELTA:
            del fields[name]
        fields["observed"] = record.observed.hex()
    else:
        del fields["base_version"]
    return fields


def _fields(record: Struct) -> dict[str, Any]:
    return {name: getattr(record, name) for name in record.__struct_fields__}


def _body(event: str, data: object) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (event.encode(), _encode(data))
