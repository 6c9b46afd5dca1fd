"""Retries dead letters a slice at a time, oldest event first, however many there are.

Of all only a `Ticket` is kept; the letters themselves, and the records that they stand for, are
there a slice at a time, and are sent before those of the next one are read. So memory has a bound,
and what has been sent when a broker goes away is sent, and told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from confluent_kafka import Producer
from msgspec import Struct

from ccstream.errors import UndecodableError
from ccstream.ops.dead_letters import DeadLetter, Place, letter_in
from ccstream.ops.kafka_clients import make_client
from ccstream.ops.kafka_config import producer_config
from ccstream.ops.retry import Outcome, prepare, send
from ccstream.ops.settings import Settings
from ccstream.ops.single_records import SingleRecords
from ccstream.wire.catalogue import REJECTED_TOPIC
from ccstream.wire.codec import Codec
from ccstream.wire.rejected import Rejected

__all__ = ["GONE", "SLICE_LETTERS_MAX", "Ticket", "retry_all", "slices", "ticket_of"]

SLICE_LETTERS_MAX: Final = 1_000
"""Seconds of work, after each of which it is told how far it is."""

SLICE_BYTES_MAX: Final = 64 * 1024 * 1024
"""Of events, and of letters, each taken for as large as one may be; a slice may have one more.
Their dead letters are there at the same time, and once more what is sent."""

GONE: Final = "there is no dead letter"
"""Why nothing comes of a place that was asked for."""


class Ticket(Struct, frozen=True, gc=False):
    """What is kept of a dead letter until it is its turn: which, and what is needed to choose it
    and to put it in order.
    """

    place: Place
    time_ms: int
    occurred_at: int
    event: int
    bytes_max: int


def ticket_of(letter: DeadLetter, codec: Codec, letter_bytes_max: int = 0) -> Ticket:
    """Those of one event are of one ``event``, and ``occurred_at`` the same time.

    Args:
        letter: the dead letter.
        codec: of events.
        letter_bytes_max: how large a letter may be that a dead letter leads to.

    Raises:
        RegistryUnavailableError: when its event was is not known without the schema registry.
    """
    rejected = letter.rejected
    named = rejected.channel, rejected.event_id
    return Ticket(
        letter.place,
        letter.time_ms,
        _occurred_at(rejected, codec),
        hash(named if rejected.event_id is not None else letter.place),
        rejected.value_bytes if rejected.mail_offset is None else letter_bytes_max,
    )


def slices(tickets: Iterable[Ticket]) -> Iterator[list[Place]]:
    """Oldest event first. Those of one event are of one slice: it is sent once for all of them."""
    found: list[Place] = []
    size = 0
    before: Ticket | None = None
    for ticket in sorted(tickets, key=lambda one: (one.occurred_at, one.event, one.place)):
        is_full = len(found) >= SLICE_LETTERS_MAX or size >= SLICE_BYTES_MAX
        if is_full and before is not None and not _is_same_event(before, ticket):
            yield found
            found, size = [], 0
        found.append(ticket.place)
        size += ticket.bytes_max
        before = ticket
    if found:
        yield found


def retry_all(
    settings: Settings,
    tickets: Sequence[Ticket],
    *,
    by_hand: bool,
    report: Callable[[str], None],
    outcome: Outcome,
) -> None:
    """Retry them.

    Args:
        settings: how to reach Kafka.
        tickets: which.
        by_hand: apply them though they are too late.
        report: told how far it is, and what goes wrong.
        outcome: gets what has become of them, also of those until an error.

    Raises:
        BrokerUnavailableError: dead letters or their records could not be read.
        DeliveryError: nothing was acknowledged for a long time.
    """
    outcome.not_tried = len(tickets)
    producer = make_client(Producer, producer_config(settings, role="retry"))
    done = 0
    with SingleRecords(settings, report) as records:
        for places in slices(tickets):
            _retry_slice(settings, producer, records, places, outcome, by_hand, report)
            done += len(places)
            if len(tickets) > len(places):
                report(f"{done:,} of {len(tickets):,} dead letters looked up, and sent where due")


def _retry_slice(
    settings: Settings,
    producer: Producer,
    records: SingleRecords,
    places: Sequence[Place],
    outcome: Outcome,
    by_hand: bool,
    report: Callable[[str], None],
) -> None:
    wanted = {place: (REJECTED_TOPIC, place.partition, place.offset) for place in places}
    found = records.at(wanted.values())
    letters: list[DeadLetter] = []
    gone = {}
    for place in sorted(wanted):
        message = found.get(wanted[place])
        letter = None if message is None else letter_in(message, report)
        if letter is None:
            gone[place] = GONE
        else:
            letters.append(letter)
    retries, passed_over = prepare(settings, records, letters, by_hand=by_hand, report=report)
    outcome.not_tried -= len(places)
    outcome.passed_over.update(gone | passed_over)
    send(retries, producer, outcome)


def _is_same_event(one: Ticket, other: Ticket) -> bool:
    return (one.occurred_at, one.event) == (other.occurred_at, other.event)


def _occurred_at(rejected: Rejected, codec: Codec) -> int:
    """When its event was; of what is not kept whole, or is no event, when it was appended."""
    value = rejected.value
    if value is not None and len(value) == rejected.value_bytes:
        try:
            return codec.decode_event(value).occurred_at
        except UndecodableError:
            pass  # whether it is one now, the worker will say
    return rejected.appended_at
