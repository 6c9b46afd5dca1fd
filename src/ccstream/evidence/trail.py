"""Every record about one entity that the input topics still hold, found without reading them all.

An entity's events lie in one partition of each input topic, and letters to it in the same one of
the mail topic. So of each topic one partition is read, from a given time on, by the broker's index
of times. What a log-in or a link has brought is with the identifier that it was of: the letters
that handed its rows over name it, and its own partition is read too, and so on. Letters about links
are found beside them, for it is by them that an identifier learns to whom it belongs. What a root
folded that an identifier had before is with that root (`follow`); of such a root, what came after
the last letter about the entity's identifiers makes no difference to it, and is not kept.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

from confluent_kafka import Message
from msgspec import Struct
from msgspec.structs import replace

from ccstream.errors import StateError, TopicMismatchError, UndecodableError
from ccstream.ops.broker import Broker
from ccstream.ops.codecs import codec_of
from ccstream.ops.reading import TopicReader
from ccstream.ops.settings import Settings
from ccstream.wire.catalogue import MAIL_TOPIC, topic_numbers
from ccstream.wire.mail import HAND_OVER, HOPS_MAX, Mail, decode_mail
from ccstream.wire.partition import partition_for

__all__ = ["KEYS_MAX", "READ_A_PART", "RECORDS_MAX", "Logged", "Trail", "find_trail", "follow"]

KEYS_MAX: Final = 1_000
"""Identifiers that are followed, and roots that they had before: a person has tens; more is a key
that everybody shares.
"""

RECORDS_MAX: Final = 500_000
"""Records about one person that are held; the busiest customer of a year has some thousands."""

NO_END: Final[Mapping[str, int]] = MappingProxyType({})

READ_A_PART: Final = "`ccstream explain KEY --since TIME` reads a part of it"
"""What can be done about too much where all is asked for."""


class Logged(Struct, frozen=True):
    """A record, the number of its topic, and the entity that it is to be folded for."""

    entity: str
    topic: int
    message: Message

    @property
    def order(self) -> tuple[int, int, int]:
        """By append time; what a worker took in the same millisecond, nobody knows."""
        return self.message.timestamp()[1], self.topic, self.message.offset() or 0


class Trail(Struct, frozen=True):
    """What was found.

    ``handed_over`` are the identifiers whose rows came to the entity, or that are linked to it, in
    the order in which they were found; some of them may be others' by now. ``former`` are roots
    that one of them had before, with their records until the last that is about one of them.
    ``gone`` are the topics of which the beginning has been deleted by retention, ``since_ms`` is
    the time before which nothing was looked at, None if everything was.
    """

    key: str
    partitions: int
    records: dict[str, list[Logged]]
    handed_over: tuple[str, ...]
    gone: tuple[str, ...]
    since_ms: int | None
    former: tuple[str, ...] = ()

    def home(self, key: str) -> int:
        """The partition where an entity lives."""
        return partition_for(key.encode(), self.partitions)


def find_trail(
    settings: Settings,
    key: str,
    since_ms: int | None,
    progress: Callable[[str], None],
    linked: Iterable[str] = (),
    remedy: str = READ_A_PART,
) -> Trail:
    """Find the records.

    Args:
        settings: which cluster.
        key: the entity's, no alias.
        since_ms: look at nothing that was appended before; None for all there is.
        progress: called with a line before each partition is read.
        linked: identifiers that are known to be linked to it, whether they had rows or not.
        remedy: what whoever asks can do if there is too much.

    Raises:
        TopicMismatchError: the input topics are not there.
        StateError: so many identifiers or records that it cannot be one person's.
    """
    cluster = Broker(settings).cluster()
    numbers = topic_numbers(settings.channels_extra)
    for topic in numbers:
        if topic not in cluster.topics:
            raise TopicMismatchError(
                f"there is no topic {topic} at {settings.kafka.bootstrap}: has "
                "`ccstream topics apply` been run?"
            )
    if cluster.embedded:
        since_ms = None  # it finds no offset by its time
    search = _Search(settings, cluster.topics[MAIL_TOPIC].partitions, since_ms, progress, remedy)
    keys = list(dict.fromkeys((key, *linked)))
    fresh = list(keys)
    for _ in range(HOPS_MAX + 1):
        letters = search.letters(numbers[MAIL_TOPIC], fresh)
        fresh = [one for one in dict.fromkeys(letters) if one not in keys]
        keys += fresh
        if len(keys) > KEYS_MAX:
            raise StateError(
                f"more than {KEYS_MAX:,} identifiers have handed their rows over to this key: is "
                f"it a person's? {remedy}"
            )
        if not fresh:
            break
    search.all_events(numbers, keys)
    return Trail(
        key, search.partitions, search.sorted(), tuple(keys[1:]), tuple(search.gone), since_ms
    )


def follow(
    settings: Settings,
    trail: Trail,
    roots: Iterable[str],
    progress: Callable[[str], None],
    remedy: str = READ_A_PART,
) -> Trail:
    """The trail with the records of roots that its identifiers had before.

    Raises:
        StateError: so many roots or records that it cannot be one person's.
    """
    roots = tuple(roots)
    keys = {trail.key, *trail.handed_over}
    if len(keys) + len(trail.former) + len(roots) > KEYS_MAX:
        raise StateError(
            f"more than {KEYS_MAX:,} identifiers and roots that they had before have to do with "
            f"this key: is it a person's? {remedy}"
        )
    numbers = topic_numbers(settings.channels_extra)
    held = sum(map(len, trail.records.values()))
    search = _Search(settings, trail.partitions, trail.since_ms, progress, remedy, held)
    if until := search.letters_until(keys, numbers[MAIL_TOPIC], roots):
        search.all_events(numbers, until, until)
    return replace(
        trail,
        records={**trail.records, **search.sorted()},
        former=(*trail.former, *roots),
        gone=tuple(dict.fromkeys((*trail.gone, *search.gone))),
    )


class _Search:
    """One search: what is found, and where the logs begin; ``held`` records are there already."""

    def __init__(
        self,
        settings: Settings,
        partitions: int,
        since_ms: int | None,
        progress: Callable[[str], None],
        remedy: str,
        held: int = 0,
    ) -> None:
        self._settings = settings
        self._codec = codec_of(settings)
        self._since_ms = since_ms
        self._progress = progress
        self._remedy = remedy
        self._held = held
        self.partitions = partitions
        self.records: dict[str, list[Logged]] = {}
        self.gone: dict[str, None] = {}

    def letters(self, number: int, keys: Iterable[str]) -> list[str]:
        """Take the letters to these entities; whose rows were handed over in them."""
        wanted = {key.encode(): key for key in keys}
        senders = []
        for message in self._read(MAIL_TOPIC, wanted):
            entity = wanted[_key_of(message)]
            mail = _mail(message)
            if mail is None:
                continue
            self._take(entity, number, message)
            if mail.kind == HAND_OVER:
                sender = mail.holder or self._subject(mail.value)
                if sender is not None:
                    senders.append(sender)
        return senders

    def letters_until(
        self, subjects: Container[str], number: int, keys: Iterable[str]
    ) -> dict[str, int]:
        """Take the letters to these entities, of each until the last that is about one of the
        subjects, and none if there is none; when that was appended, by entity.
        """
        wanted = {key.encode(): key for key in keys}
        letters: list[tuple[str, Message]] = []
        until: dict[str, int] = {}
        for message in self._read(MAIL_TOPIC, wanted):
            mail = _mail(message)
            if mail is None:
                continue
            self._hold()  # though it may be let go: which is the last, the end of the log tells
            entity = wanted[_key_of(message)]
            letters.append((entity, message))
            if self._subject(mail.value) in subjects:
                until[entity] = max(message.timestamp()[1], until.get(entity, 0))
        self._held -= len(letters)
        for entity, message in letters:
            if entity in until and message.timestamp()[1] <= until[entity]:
                self._take(entity, number, message)
        return until

    def _subject(self, value: bytes) -> str | None:
        try:
            return self._codec.decode_event(value).subject
        except UndecodableError:
            return None

    def all_events(
        self, numbers: Mapping[str, int], keys: Iterable[str], until: Mapping[str, int] = NO_END
    ) -> None:
        """Take the events of these entities on all channels; of those in ``until`` what was
        appended by then.
        """
        wanted = {key.encode(): key for key in keys}
        for topic, number in numbers.items():
            if topic == MAIL_TOPIC:
                continue
            for message in self._read(topic, wanted):
                entity, at = wanted[_key_of(message)], message.timestamp()[1]
                if at <= until.get(entity, at):
                    self._take(entity, number, message)

    def sorted(self) -> dict[str, list[Logged]]:
        """What was found, of each entity in the order in which it is to be folded."""
        for found in self.records.values():
            found.sort(key=lambda one: one.order)
        return self.records

    def _hold(self) -> None:
        self._held += 1
        if self._held > RECORDS_MAX:
            raise StateError(
                f"there are more than {RECORDS_MAX:,} records about this key: {self._remedy}"
            )

    def _take(self, entity: str, number: int, message: Message) -> None:
        self._hold()
        self.records.setdefault(entity, []).append(Logged(entity, number, message))

    def _read(self, topic: str, wanted: Mapping[bytes, str]) -> Iterable[Message]:
        homes = sorted({partition_for(key, self.partitions) for key in wanted})
        with TopicReader(self._settings, topic, "read_committed", self._progress) as reader:
            starts = {}
            for home in homes:
                bounds = reader.bounds(home)
                if bounds.first > 0:
                    self.gone[topic] = None
                first = bounds.first
                if self._since_ms is not None:
                    first = max(first, reader.offset_since(home, self._since_ms))
                if first < bounds.end:
                    starts[home] = first
                    count = bounds.end - first
                    self._progress(f"reading {topic}, partition {home}: {count:,} records")
            if not starts:
                return
            for batch in reader.read(starts):
                for message in batch:
                    if _key_of(message) in wanted:
                        yield message


def _key_of(message: Message) -> bytes:
    key: Any = message.key()
    return key or b""


def _mail(message: Message) -> Mail | None:
    value: Any = message.value()
    try:
        return decode_mail(value)
    except UndecodableError:
        return None
