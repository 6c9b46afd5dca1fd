"""Letters with rows to which their dead letters do not lead, since an earlier version wrote those.

They are looked for among the mail of the partition where they were rejected, from when their event
was appended until when they were rejected. What is found is every row that came of that event to
that entity, also those that were taken: it is asked of who has them, and they know.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from confluent_kafka import Message

from ccstream.domain.events import Event, IdentifiersLinked, IdentifierUnlinked
from ccstream.errors import UndecodableError
from ccstream.ops.dead_letters import LETTERS_READ_MAX, DeadLetter, Place
from ccstream.ops.letters_again import NO_ROOM
from ccstream.ops.reading import TopicReader
from ccstream.wire.mail import HAND_OVER, Mail, decode_mail
from ccstream.wire.rejected import Rejected

__all__ = ["is_refused_link", "is_unled", "search"]

SKEW_MS: Final = 60_000
"""The event, its letter and the dead letter are stamped by three brokers, by their own clocks."""


def is_unled(rejected: Rejected, event: Event) -> bool:
    """Whether this was a letter, perhaps with a row, that nothing leads to."""
    return _is_letter(rejected, event) and rejected.reason not in NO_ROOM


def is_refused_link(rejected: Rejected, event: Event) -> bool:
    """Whether this was a letter about a link that was read and refused: it came with no row."""
    return _is_letter(rejected, event) and rejected.reason in NO_ROOM


def _is_letter(rejected: Rejected, event: Event) -> bool:
    """The event itself is never sent on to anybody but its subject."""
    is_link = isinstance(event, IdentifiersLinked | IdentifierUnlinked)
    return is_link and rejected.mail_offset is None and rejected.to not in {None, event.subject}


def search(
    reader: TopicReader,
    letters: Iterable[DeadLetter],
    report: Callable[[str], None],
    *,
    by_time: bool,
) -> tuple[dict[Place, list[tuple[Mail, Message]]], set[Place]]:
    """The letters that handed rows over, by their dead letters' places.

    Args:
        reader: of mail.
        letters: dead letters.
        report: told where not all has been looked at.
        by_time: whether the broker finds offsets by time.

    Returns:
        What was found, and of which dead letters not all was looked for: nobody knows of these
        whether there is more.
    """
    wanted: dict[int, list[DeadLetter]] = defaultdict(list)
    for letter in letters:
        wanted[letter.place.partition].append(letter)
    found: dict[Place, list[tuple[Mail, Message]]] = defaultdict(list)
    unlooked: set[Place] = set()
    for partition, dead in wanted.items():
        first = reader.bounds(partition).first
        if by_time:
            since = min(one.rejected.appended_at for one in dead) - SKEW_MS
            first = max(first, reader.offset_since(partition, since))
        until = max(one.time_ms for one in dead) + SKEW_MS
        places: dict[tuple[str, int, int, str], list[Place]] = defaultdict(list)
        for one in dead:
            rejected = one.rejected
            origin = rejected.topic, rejected.partition, rejected.offset
            places[*origin, rejected.to or ""].append(one.place)
        looked_until = until
        for message in _records(reader, partition, first, until):
            if message is None:
                report(
                    f"of the mail of partition {partition} {LETTERS_READ_MAX:,} records were "
                    "looked at, no more"
                )
                unlooked.update(one.place for one in dead if one.time_ms + SKEW_MS >= looked_until)
                break
            looked_until = message.timestamp()[1]
            try:
                mail = decode_mail(message.value())
            except UndecodableError:
                continue
            if mail.kind != HAND_OVER:
                continue
            origin = mail.origin_topic, mail.origin_partition, mail.origin_offset
            for place in places.get((*origin, mail.to), ()):
                found[place].append((mail, message))
    return found, unlooked


def _records(
    reader: TopicReader, partition: int, first: int, until: int
) -> Iterator[Message | None]:
    """The mail from this offset until this time; None at last if so many more are not read."""
    if first >= reader.bounds(partition).end:
        return
    read = 0
    for batch in reader.read({partition: first}):
        for message in batch:
            if message.timestamp()[1] > until:
                return
            if read >= LETTERS_READ_MAX:
                yield None
                return
            read += 1
            yield message
