"""Dead letters as operations look at them: which there are, and one by its place.

Read committed: what an aborted transaction said of an event is no fact, and its successor says
it again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from heapq import nlargest
from typing import Any, Final, Protocol, TypeVar

from confluent_kafka import Message
from msgspec import Struct

from ccstream.errors import TopicMismatchError, UndecodableError
from ccstream.ops.broker import Broker
from ccstream.ops.reading import TopicReader
from ccstream.ops.settings import Settings
from ccstream.wire.catalogue import REJECTED_TOPIC
from ccstream.wire.rejected import Rejected, decode_rejected

__all__ = [
    "LETTERS_READ_MAX",
    "DeadLetter",
    "Place",
    "Wanted",
    "dead_letters",
    "latest",
    "letter_in",
    "letters_at",
]

LETTERS_READ_MAX: Final = 1_000_000
"""Of one partition no more are looked at: some ten seconds, minutes for all, and a bound for a
mistake."""


class Place(Struct, frozen=True, order=True):
    """Where a dead letter is in its topic."""

    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.partition}@{self.offset}"


class DeadLetter(Struct, frozen=True):
    """One dead letter. ``time_ms`` is when it was written."""

    place: Place
    time_ms: int
    rejected: Rejected


class Dated(Protocol):
    """A dead letter, or what stands for one."""

    @property
    def place(self) -> Place: ...
    @property
    def time_ms(self) -> int: ...


T = TypeVar("T", bound=Dated)


class Wanted(Struct, frozen=True, kw_only=True):
    """Which dead letters; what is empty or None does not choose."""

    since_ms: int | None = None
    reasons: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()

    def has(self, letter: DeadLetter) -> bool:
        rejected = letter.rejected
        return (
            (self.since_ms is None or letter.time_ms >= self.since_ms)
            and (not self.reasons or rejected.reason in self.reasons)
            and (not self.channels or rejected.channel in self.channels)
        )


def dead_letters(
    settings: Settings,
    wanted: Wanted,
    report: Callable[[str], None],
    unread: Counter[int] | None = None,
) -> Iterator[DeadLetter]:
    """All that are wanted, as they come: in order within a partition, not among them.

    Args:
        settings: how to reach Kafka.
        wanted: which.
        report: told what cannot be read, and of which partition there are more than are looked at.
        unread: how many these are, by partition; a few of them may be marks of transactions.

    Raises:
        TopicMismatchError: there is no topic of dead letters.
        BrokerUnavailableError: no broker answered.
    """
    cluster = Broker(settings).cluster()
    partitions = _partitions(cluster.topics)
    with TopicReader(settings, REJECTED_TOPIC, "read_committed", report) as reader:
        # The embedded broker finds no offset by its time, and keeps few records.
        since = None if cluster.embedded else wanted.since_ms
        starts = {}
        for number in partitions:
            bounds = reader.bounds(number)
            first = bounds.first if since is None else reader.offset_since(number, since)
            starts[number] = max(first, bounds.end - LETTERS_READ_MAX)
            if (older := starts[number] - first) > 0:
                report(
                    f"of the dead letters of partition {number} the latest {LETTERS_READ_MAX:,} "
                    f"are looked at, and {older:,} older ones are not"
                )
                if unread is not None:
                    unread[number] = older
        for batch in reader.read(starts):
            for message in batch:
                letter = letter_in(message, report)
                if letter is not None and wanted.has(letter):
                    yield letter


def latest(letters: Iterable[T], limit: int) -> tuple[list[T], int]:
    """The latest so many, in order, and how many there are in all. No more are there at a time."""
    count = 0

    def counted() -> Iterator[T]:
        nonlocal count
        for letter in letters:
            count += 1
            yield letter

    found = nlargest(limit, counted(), key=lambda one: (one.time_ms, one.place))
    return found[::-1], count


def letters_at(
    settings: Settings, places: Iterable[Place], report: Callable[[str], None]
) -> dict[Place, DeadLetter]:
    """Those of these places where there is one."""
    partitions = _partitions(Broker(settings).cluster().topics)
    found = {}
    with TopicReader(settings, REJECTED_TOPIC, "read_committed", report) as reader:
        for place in places:
            if place.partition not in partitions:
                continue
            message = reader.at(place.partition, place.offset)
            letter = None if message is None else letter_in(message, report)
            if letter is not None:
                found[place] = letter
    return found


def _partitions(topics: Any) -> range:
    found = topics.get(REJECTED_TOPIC)
    if found is None:
        raise TopicMismatchError(
            f"there is no topic {REJECTED_TOPIC}; `ccstream topics apply` makes the topics"
        )
    return range(found.partitions)


def letter_in(message: Message, report: Callable[[str], None]) -> DeadLetter | None:
    """The dead letter in a record of their topic; None, and a word, if it is none."""
    place = Place(message.partition() or 0, message.offset() or 0)
    try:
        rejected = decode_rejected(message.value())
    except UndecodableError as problem:
        report(f"{place} is no dead letter: {problem}")
        return None
    return DeadLetter(place, message.timestamp()[1], rejected)
