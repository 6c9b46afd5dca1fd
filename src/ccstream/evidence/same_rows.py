"""When two rows of a table say the same."""

from __future__ import annotations

from typing import Any, Final

from ccstream.domain.moment import Moment
from ccstream.domain.observed import Observed
from ccstream.domain.window import ENTRY_BYTES, LETTERS
from ccstream.wire.codec import Codec
from ccstream.wire.event_ids import unpacked
from ccstream.wire.framing import SINGLE_OBJECT_PREFIX_BYTES

__all__ = ["NOT_COMPARED", "differing_fields", "same_row"]

NOT_COMPARED: Final = frozenset({"version", "last_now", "last_seen", "known_from", "erased_until"})
"""Fields that differ between two that folded the same: a row's version, and when it was last
changed or a source last heard. A record counts as no earlier than the one folded before it, so
these are later by a moment where records of two topics were taken the other way round. From when on
all tenures of a device are known, and until when it was somebody's who was erased, workers of
earlier versions did not note."""

CROSSED_MS: Final = 1_000
"""By so much the times of timers may differ, which are reckoned from those."""

_CONTINUES: Final = 0x80
"""In a byte of a variable-length number: there is another."""

_TIME_BYTES: Final = 8
"""Of an entry in a window, before the digest of its id."""

_EVENT_UUID: Final = "event_uuid"
"""Where rows of baskets have ids that are UUIDs; those of earlier versions have them as text."""

_codec: Final = Codec()


def same_row(old: bytes | None, new: bytes | None, at: Moment) -> bool:
    """Whether two rows say the same; None where there is none.

    Args:
        old: the row of one.
        new: the row of the other.
        at: how far both have folded their partition number, and what time it is.

    Raises:
        UndecodableError: one is no row.
    """
    if old is None or new is None:
        there = new if old is None else old
        return there is None or _said(there, at) == {"timers": []}
    if _after_version(old) == _after_version(new):
        return True
    one, other = _said(old, at), _said(new, at)
    return one == other or _nearly(one.get("timers"), other.get("timers"))


def differing_fields(old: bytes | None, new: bytes | None, at: Moment) -> tuple[str, ...]:
    """The names of the fields in which two rows differ; see `same_row`."""
    one, other = (({} if row is None else _said(row, at)) for row in (old, new))
    return tuple(sorted(n for n in one.keys() | other.keys() if one.get(n) != other.get(n)))


def _after_version(row: bytes) -> tuple[bytes, bytes]:
    """The row without its version, which is its first field: mostly that alone differs."""
    at = SINGLE_OBJECT_PREFIX_BYTES
    while at < len(row) and row[at] & _CONTINUES:
        at += 1
    return row[:SINGLE_OBJECT_PREFIX_BYTES], row[at + 1 :]


def _said(row: bytes, at: Moment) -> dict[str, Any]:
    fields = _codec.decode(row)[1]
    if "pending" in fields:
        fields["pending"] = [one for one in fields["pending"] if _still_waits(one, at)]
    if "timers" in fields:
        fields["timers"] = [one for one in fields["timers"] if not _fires_now(one, at)]
    said: dict[str, Any] = _plain(fields)
    return said


def _fires_now(timer: dict[str, Any], at: Moment) -> bool:
    """Whether it is due by the clock: one has fired it, the other does when it works by itself."""
    return bool(timer["clock"] == "wall" and timer["due_ms"] <= at.now)


def _still_waits(removal: dict[str, Any], at: Moment) -> bool:
    """Whether a removal may still meet what it waits for; a basket forgets it when it changes."""
    token = None if removal["token"] is None else Observed.parse(removal["token"])
    if token is not None and not token.reaches_beyond(at):
        removal["token"] = None
    return removal["token"] is not None or bool(removal["dots"])


def _nearly(ours: Any, theirs: Any) -> bool:
    """Whether these are the same timers, but for a moment."""
    if ours is None or theirs is None or len(ours) != len(theirs):
        return False
    return all(
        one | {"due_ms": 0} == other | {"due_ms": 0}
        and abs(one["due_ms"] - other["due_ms"]) <= CROSSED_MS
        for one, other in zip(ours, theirs, strict=True)
    )


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        if value.get("source") == LETTERS:
            return {"source": LETTERS, "ids": _digests(value["ids"])}
        if event_uuid := value.get(_EVENT_UUID):
            value = value | {"event_id": unpacked(event_uuid), _EVENT_UUID: None}
        return {k: _plain(v) for k, v in value.items() if k not in NOT_COMPARED}
    if isinstance(value, list | tuple):
        # what has an order has a time of its own; the rest is as it came
        return sorted(map(_plain, value), key=repr)
    return value


def _digests(ids: bytes) -> list[bytes]:
    """Which letters were taken, without when: that is "last heard" once more."""
    return sorted(
        ids[at + _TIME_BYTES : at + ENTRY_BYTES] for at in range(0, len(ids), ENTRY_BYTES)
    )
