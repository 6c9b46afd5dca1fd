"""Reads a topic's partitions from given offsets to their ends, or on and on.

For people who look: no group, no commit, no reader rule. Whatever is in the log is shown,
also what a fenced owner wrote; live readers use the client's own reader.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import Any, Final, Self

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition
from msgspec import Struct

from ccstream.errors import BrokerRefusedError, BrokerUnavailableError
from ccstream.ops.broker import broker_error
from ccstream.ops.kafka_clients import make_client
from ccstream.ops.kafka_config import Isolation, consumer_config
from ccstream.ops.kafka_log import QUIET_SECONDS
from ccstream.ops.refusals import denied
from ccstream.ops.settings import Settings

__all__ = ["GONE", "Bounds", "TopicReader"]

BATCH_RECORDS_MAX: Final = 1_000
POLL_SECONDS: Final = 0.2
"""Ctrl-C is noticed between two polls."""

QUESTION_SECONDS_MAX: Final = 10.0
SILENCE_SECONDS_MAX: Final = 20.0
"""A reading that is to end, and gets nothing at all for so long, has lost its brokers."""

SPARSE_BYTES: Final = 32 * 1024
"""A broker sends a few small records at once, or no more than the batch that a large one is in."""

_SPARSE: Final[dict[str, Any]] = {
    "max.partition.fetch.bytes": SPARSE_BYTES,
    "queued.min.messages": 1,
    "queued.max.messages.kbytes": SPARSE_BYTES // 1024,
}

NEAR_RECORDS: Final = 100
"""So many are read on to the next single record, rather than that it is looked up, which takes
several answers of the broker: some milliseconds."""

GONE: Final = frozenset(
    {
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError._UNKNOWN_PARTITION,
        KafkaError._UNKNOWN_TOPIC,
    }
)


class Bounds(Struct, frozen=True):
    """The first offset still in a log, and the next one to be written."""

    first: int
    end: int


class TopicReader:
    """One topic, read by one thread.

    Args:
        settings: how to reach Kafka.
        topic: which topic; it exists.
        isolation: whether records of open and aborted transactions are seen.
        report: told, once in a while, that brokers are away and are waited for.
        sparse: single records are wanted, far from each other: few are fetched ahead.
    """

    def __init__(
        self,
        settings: Settings,
        topic: str,
        isolation: Isolation,
        report: Callable[[str], None] = lambda _: None,
        *,
        sparse: bool = False,
    ) -> None:
        self._topic = topic
        self._report = report
        self._reported_at = float("-inf")
        self._complaint = ""
        self._bounds: dict[int, Bounds] = {}
        self._reading: _Reading | None = None
        self.unfinished: set[int] = set()
        """Partitions of the last `read` whose end was not reached yet."""
        self._consumer = make_client(
            Consumer,
            consumer_config(settings, isolation=isolation, role="look")
            | {"error_cb": self._complain}
            | (_SPARSE if sparse else {}),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._consumer.close()

    def bounds(self, partition: int) -> Bounds:
        """Where the partition begins and ends now."""
        try:
            found = self._consumer.get_watermark_offsets(
                TopicPartition(self._topic, partition), timeout=QUESTION_SECONDS_MAX
            )
        except KafkaException as problem:
            raise broker_error(problem, f"find the ends of {self._topic}") from None
        if found is None:
            raise BrokerUnavailableError(
                f"no broker told where {self._topic} ends within {QUESTION_SECONDS_MAX:g} s"
            )
        first, end = found
        return Bounds(max(0, first), max(0, end))

    def offset_since(self, partition: int, time_ms: int) -> int:
        """The first offset of a record of this time or later; the end if there is none."""
        asked = TopicPartition(self._topic, partition, time_ms)
        try:
            (found,) = self._consumer.offsets_for_times([asked], timeout=QUESTION_SECONDS_MAX)
        except KafkaException as problem:
            raise broker_error(problem, f"find a time in {self._topic}") from None
        return found.offset if found.offset >= 0 else self.bounds(partition).end

    def at(self, partition: int, offset: int) -> Message | None:
        """The record at this offset; None if there is none, or none that may be seen.

        Raises:
            BrokerUnavailableError: nothing came for long, though there should be something.
        """
        bounds = self._bounds.get(partition)
        if bounds is None or offset >= bounds.end:
            # Asked for once: it takes longer than the record, and a log only grows at its end.
            bounds = self._bounds[partition] = self.bounds(partition)
        if not bounds.first <= offset < bounds.end:
            return None
        reading, found = self._reading, None
        try:
            if reading is not None and reading.leads_to(partition, offset):
                found = reading.at(offset)
            if found is None:  # also where that reading came to what was the end before
                # A poll for more than one would wait for more, near the end of a log all its time.
                records = self.read({partition: offset}, records_max=1)
                reading = _Reading(partition, offset, records)
                found = reading.at(offset)
        except BrokerRefusedError:
            self._reading = None
            if self.bounds(partition).first <= offset:
                raise
            return None  # it has been deleted since the ends were asked for
        self._reading = reading
        return found

    def read(
        self,
        starts: Mapping[int, int],
        *,
        follow: bool = False,
        records_max: int = BATCH_RECORDS_MAX,
    ) -> Iterator[list[Message]]:
        """Records from these offsets on, a batch at a time; empty batches mark the time.

        It ends when every partition has been read to its end, or never if ``follow``.

        Args:
            starts: the first offset of each partition.
            follow: whether it goes on at the ends.
            records_max: so many records a batch; it is waited for them as long as a poll takes.

        Raises:
            BrokerUnavailableError: nothing came for long, though there should be more.
            AccessDeniedError: this user may not read here.
            BrokerRefusedError: the client cannot go on, or the place is not in the log.
        """
        self._reading = None
        self._consumer.assign(
            [TopicPartition(self._topic, number, offset) for number, offset in starts.items()]
        )
        unfinished = self.unfinished = set(starts)
        last_sign = time.monotonic()
        while unfinished or follow:
            messages = self._consumer.consume(records_max, POLL_SECONDS)
            batch = [message for message in messages if self._is_record(message, unfinished)]
            if messages:
                last_sign = time.monotonic()
            elif not follow and time.monotonic() - last_sign > SILENCE_SECONDS_MAX:
                raise BrokerUnavailableError(
                    f"nothing more of {self._topic} came for {SILENCE_SECONDS_MAX:g} s"
                    + (f" ({self._complaint})" if self._complaint else "")
                )
            handed_out_at = time.monotonic()
            yield batch
            last_sign += time.monotonic() - handed_out_at  # not silence: nothing was asked for

    def _is_record(self, message: Message, unfinished: set[int]) -> bool:
        error = message.error()
        if error is None:
            return True
        partition = message.partition()
        if error.code() == KafkaError._PARTITION_EOF:
            if partition is not None:
                unfinished.discard(partition)
        elif error.code() == KafkaError.GROUP_AUTHORIZATION_FAILED:
            pass  # librdkafka looks for a group's coordinator, though nothing here is a group's
        elif refused := denied(error, f"{self._topic} cannot be read"):
            raise refused
        elif error.code() in GONE or error.fatal():
            raise BrokerRefusedError(f"{self._topic} cannot be read: {error.str()}")
        elif error.code() == KafkaError._AUTO_OFFSET_RESET:
            raise BrokerRefusedError(
                f"partition {partition} of {self._topic} does not have the offset that was asked "
                "for: it has been deleted, or is not written yet"
            )
        else:
            self._complain(error)
        return False

    def _complain(self, error: KafkaError) -> None:
        if error.code() == KafkaError._ALL_BROKERS_DOWN:
            return  # follows upon the errors of the single brokers, which say why
        self._complaint = error.str()
        now = time.monotonic()
        if now - self._reported_at >= QUIET_SECONDS:
            self._report(f"trouble with Kafka, trying again: {self._complaint}")
            self._reported_at = now


class _Reading:
    """From one single record on to those that follow soon."""

    def __init__(self, partition: int, offset: int, records: Iterator[list[Message]]) -> None:
        self._partition = partition
        self._offset = offset
        self._records = records
        self._last: Message | None = None

    def leads_to(self, partition: int, offset: int) -> bool:
        """Whether that record is among those that come soon, or is the last one."""
        return partition == self._partition and 0 <= offset - self._offset <= NEAR_RECORDS

    def at(self, offset: int) -> Message | None:
        """The record at this offset, which this leads to; None if there is none."""
        while self._offset < offset or self._last is None:
            batch = next(self._records, None)
            if batch is None:
                return None
            if batch:
                self._last = batch[0]
                self._offset = batch[0].offset() or 0
        return self._last if self._offset == offset else None
