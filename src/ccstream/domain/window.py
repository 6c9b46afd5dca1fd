"""The duplicate window: which of a source's events this subject has already taken.

A channel that is not sure whether its event arrived sends it again, with the same
``event_id``. The window remembers recent ids for each subject and source and answers, for
every event, with one of three words:

* ``duplicate``: this id was taken before;
* ``too_late``: it may have been, but that is forgotten by now, or it is older than the
  horizon in days: it must be refused, and loudly;
* ``fresh``: it was not taken before. That is a promise, not a guess: whatever leaves the
  window (ids, whole sources) leaves a horizon behind, at or before which nothing is fresh.

What is kept: the latest `WINDOW_IDS_MIN` ids of a source whatever their age, and as many as
``ids_max`` while they are within `RETRY_SPAN_MS` of the newest. The smallest ``occurred_at``
leaves first, all ids of that time stamp at once, and becomes the source's horizon. So a till
that was offline for a day and then sends in order is fine, however long its outbox.

A source's ids are one ``bytes`` of sorted entries: ``occurred_at`` (8 bytes, big endian) and
a 64-bit BLAKE2b digest of the id. Two of 1,024 ids share a digest with a probability of
3 in 10^14, and then one event is taken for a duplicate.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import Final, Literal, final

from mypy_extensions import mypyc_attr

from ccstream.domain import reasons
from ccstream.domain.effects import Reject
from ccstream.domain.events import Event
from ccstream.domain.limits import (
    RETRY_SPAN_MS,
    WINDOW_IDS_MAX,
    WINDOW_IDS_MIN,
    WINDOW_SOURCES_MAX,
    WINDOW_SWEEP_MS,
)

__all__ = [
    "APART",
    "BY_HAND",
    "ENTRY_BYTES",
    "LETTERS",
    "NOTHING",
    "TOO_LATE",
    "SourceWindow",
    "Verdict",
    "Window",
    "WindowLimits",
    "admit",
    "admit_by_hand",
    "admit_letter",
    "ids_after",
    "latest",
    "trimmed",
]

Verdict = Literal["fresh", "duplicate", "too_late"]

ENTRY_BYTES: Final = 16
BY_HAND: Final = "/by-hand"
"""Under this name stand the events that were too late and applied by hand; no source has it, as
each begins with its channel. It is never forgotten, so that none of them is taken twice."""

LETTERS: Final = "/letters"
"""Under this one stand the rows that were handed over to the subject."""

APART: Final = frozenset({BY_HAND, LETTERS})
"""The names that are no sources, and are kept whatever else is forgotten."""

TOO_LATE: Final = Reject(
    reasons.TOO_LATE, "older than what this source's duplicates can be told from; apply it by hand"
)
"""Of an event with this verdict."""

_TIME_BYTES: Final = 8
_TRIM_ABOVE_BYTES: Final = (WINDOW_IDS_MIN + 16) * ENTRY_BYTES
"""Ids that may leave do so 16 at a time, which halves what an event costs."""
NOTHING: Final = -1
"""The horizon, or the floor, where there is no such time."""


@final
@dataclass(frozen=True)
class WindowLimits:
    """What may be configured: ids a source, and how old an event may be at its arrival."""

    ids_max: int = WINDOW_IDS_MAX
    horizon_ms: int = 30 * 24 * 3_600_000

    def __post_init__(self) -> None:
        if not WINDOW_IDS_MIN <= self.ids_max <= WINDOW_IDS_MAX:
            raise ValueError(f"ids_max is {self.ids_max}, not {WINDOW_IDS_MIN} to {WINDOW_IDS_MAX}")
        if self.horizon_ms <= 0:
            raise ValueError(f"horizon_ms is {self.horizon_ms}, not above 0")


@final
@mypyc_attr(acyclic=True)
@dataclass(init=False, unsafe_hash=True)
class SourceWindow:
    """One source: its horizon, when it was last heard, and its ids (see the module)."""

    horizon: Final[int]
    last_seen: Final[int]
    ids: Final[bytes]

    def __init__(
        self,
        horizon: int,
        last_seen: int,
        ids: bytes,
    ) -> None:
        self.horizon = horizon
        self.last_seen = last_seen
        self.ids = ids

    @property
    def newest(self) -> int:
        """The largest ``occurred_at`` that it was heard with."""
        return int.from_bytes(self.ids[-ENTRY_BYTES:][:_TIME_BYTES]) if self.ids else self.horizon

    def __len__(self) -> int:
        return len(self.ids) // ENTRY_BYTES

    def entries(self) -> list[bytes]:
        """The ids one by one, in order."""
        return [self.ids[at : at + ENTRY_BYTES] for at in range(0, len(self.ids), ENTRY_BYTES)]


@final
@mypyc_attr(acyclic=True)
@dataclass(init=False, unsafe_hash=True)
class Window:
    """All sources of one subject. ``floor`` is the horizon of sources not listed."""

    sources: Final[dict[str, SourceWindow]]
    floor: Final[int]

    def __init__(
        self,
        sources: dict[str, SourceWindow],
        floor: int = NOTHING,
    ) -> None:
        self.sources = sources
        self.floor = floor


_EMPTY: Final = Window({})


def admit(
    window: Window | None,
    event_id: str,
    occurred_at: int,
    source: str,
    now: int,
    limits: WindowLimits,
) -> tuple[Verdict, Window]:
    """Judge an event and, if it is fresh, take its id in.

    Args:
        window: the subject's window, None if it has none yet.
        event_id: the channel's id of the event.
        occurred_at: when it happened, in ms by the channel's clock.
        source: the till, device or site that says so, unique over all channels.
        now: when it was appended, in ms; not before the previous call's.
        limits: the configured bounds, the same at every call.

    Returns:
        The verdict, and the window from now on: the same object unless it was fresh.
    """
    if window is None:
        window = _EMPTY
    known = window.sources.get(source)
    digest = blake2b(event_id.encode(), digest_size=8).digest()
    if known is None:
        ids, horizon = b"", window.floor
    else:
        ids, horizon = known.ids, known.horizon
        if _holds(ids, digest):
            return "duplicate", window
    if occurred_at <= horizon or occurred_at < now - limits.horizon_ms or occurred_at < 0:
        return "too_late", window
    entry = occurred_at.to_bytes(_TIME_BYTES) + digest
    ids = ids + entry if entry > ids[-ENTRY_BYTES:] else _insert(ids, entry)
    if len(ids) > _TRIM_ABOVE_BYTES or len(ids) > limits.ids_max * ENTRY_BYTES:
        ids, horizon = _trim(ids, horizon, limits.ids_max)
    changed = SourceWindow(horizon, now, ids)
    if known is not None and now - known.last_seen < WINDOW_SWEEP_MS:
        sources = window.sources.copy()
        sources[source] = changed
        return "fresh", Window(sources, window.floor)
    return "fresh", _sweep(window, source, changed, now - limits.horizon_ms)


def admit_by_hand(
    window: Window, event: Event, now: int, limits: WindowLimits
) -> tuple[Verdict, Window]:
    """Judge an event that :func:`admit` found too late, and that somebody says is to be applied.

    They vouch for its not having been taken when it first came; that it is not applied by hand
    twice is seen to here, with ids and a horizon of their own, of all sources of the subject.

    Returns:
        As :func:`admit`: ``too_late`` now means that even the ids of those applied by hand are
        forgotten for its time.
    """
    event_id = f"{event.channel}/{event.source}/{event.event_id}"
    return _admit_apart(BY_HAND, window, event_id, event.occurred_at, now, limits)


def admit_letter(
    window: Window | None, letter_id: str, now: int, limits: WindowLimits
) -> tuple[Verdict, Window]:
    """Judge a row that is handed over, in order of arrival; as :func:`admit`, but it is never
    ``too_late``. A letter is there twice only where delivery is without transactions, soon after.
    """
    window = window or _EMPTY
    known = window.sources.get(LETTERS)
    when = now if known is None else max(now, known.horizon + 1)
    return _admit_apart(LETTERS, window, letter_id, when, now, limits)


def latest(window: Window | None, appended_at: int) -> int:
    """The time of a record of a subject: when it was appended, or the record before if later."""
    now = appended_at
    if window is not None:
        for known in window.sources.values():
            now = max(now, known.last_seen)
    return now


def trimmed(ids: bytes, horizon: int, ids_max: int) -> tuple[bytes, int]:
    """Sorted entries within the bounds, and the horizon that those leave that had to go."""
    if len(ids) > _TRIM_ABOVE_BYTES or len(ids) > ids_max * ENTRY_BYTES:
        return _trim(ids, horizon, ids_max)
    return ids, horizon


def ids_after(ids: bytes, time: int) -> bytes:
    """Of a source's ids those of events after ``time``, in ms."""
    at = 0
    while at < len(ids) and int.from_bytes(ids[at : at + _TIME_BYTES]) <= time:
        at += ENTRY_BYTES
    return ids[at:]


def _admit_apart(
    name: str, window: Window, event_id: str, when: int, now: int, limits: WindowLimits
) -> tuple[Verdict, Window]:
    digest = blake2b(event_id.encode(), digest_size=8).digest()
    known = window.sources.get(name)
    ids, horizon = (b"", NOTHING) if known is None else (known.ids, known.horizon)
    if _holds(ids, digest):
        return "duplicate", window
    if when <= horizon:
        return "too_late", window
    entry = when.to_bytes(_TIME_BYTES) + digest
    ids, horizon = trimmed(_insert(ids, entry), horizon, limits.ids_max)
    sources = window.sources.copy()
    sources[name] = SourceWindow(horizon, now, ids)
    return "fresh", Window(sources, window.floor)


def _holds(ids: bytes, digest: bytes) -> bool:
    at = ids.find(digest, _TIME_BYTES)
    while at != -1 and at % ENTRY_BYTES != _TIME_BYTES:
        at = ids.find(digest, at + 1)
    return at != -1


def _insert(ids: bytes, entry: bytes) -> bytes:
    low, high = 0, len(ids) // ENTRY_BYTES
    while low < high:
        middle = (low + high) // 2
        at = middle * ENTRY_BYTES
        if ids[at : at + ENTRY_BYTES] < entry:
            low = middle + 1
        else:
            high = middle
    at = low * ENTRY_BYTES
    return ids[:at] + entry + ids[at:]


def _trim(ids: bytes, horizon: int, ids_max: int) -> tuple[bytes, int]:
    """Let time stamps leave, the smallest first, until the ids are within the bounds."""
    size = len(ids)
    newest = int.from_bytes(ids[-ENTRY_BYTES:-_TIME_BYTES])
    wanted_from = max(newest - RETRY_SPAN_MS, 0).to_bytes(_TIME_BYTES)
    gone = 0
    while gone < size:
        first = ids[gone : gone + _TIME_BYTES]
        if first >= wanted_from and size - gone <= ids_max * ENTRY_BYTES:
            break
        end = gone + ENTRY_BYTES
        while ids[end : end + _TIME_BYTES] == first:
            end += ENTRY_BYTES
        if size - end < WINDOW_IDS_MIN * ENTRY_BYTES and size - gone <= ids_max * ENTRY_BYTES:
            break
        gone = end
    if gone == 0:
        return ids, horizon
    return ids[gone:], int.from_bytes(ids[gone - ENTRY_BYTES : gone - _TIME_BYTES])


def _sweep(window: Window, source: str, changed: SourceWindow, oldest: int) -> Window:
    """The window with ``changed`` in it, and without sources that may be forgotten.

    An idle source is forgotten once its newest ``occurred_at``, too, is out of the days'
    horizon: then nothing that it knew could be anything but too late.
    """
    sources = {
        name: kept
        for name, kept in window.sources.items()
        if kept.last_seen >= oldest or kept.newest >= oldest or name in APART
    }
    sources[source] = changed
    floor = window.floor
    if len(sources) > WINDOW_SOURCES_MAX + (BY_HAND in sources) + (LETTERS in sources):
        others = [s for s in sources if s != source and s not in APART]
        idle = min(others, key=lambda s: (sources[s].last_seen, s))
        floor = max(floor, sources.pop(idle).newest)
    return Window(sources, floor)
