"""One of librdkafka's transactional producers: its calls, repeated and translated at one place."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer, TopicPartition

from ccstream.engine.acknowledgements import Told
from ccstream.engine.delivery import Appended, ChangelogRecord, Headers, SourceOffset
from ccstream.errors import (
    AccessDeniedError,
    BrokerUnavailableError,
    CcstreamError,
    DeliveryError,
    FencedError,
)
from ccstream.ops.refusals import denied

__all__ = ["COMMIT_DEADLINE", "TransactionalProducer", "as_delivery_error", "last_rows", "noted_in"]

COMMIT_DEADLINE = 15.0
"""Seconds after which a commit of unknown outcome ends the worker: beyond the transaction
timeout of 10 s a broker has aborted it by itself, and the next start settles which it was."""

_CALL_TIMEOUT = 5.0
"""Seconds for one blocking call; it is repeated while the broker says that it may be."""

_START_DEADLINE = 60.0
"""Seconds to wait at start for a transaction coordinator and for a predecessor's transaction."""

_QUEUE_FULL_WAIT = 10.0
"""Seconds to wait for room in the producer's queue before giving up."""

_FENCED = frozenset(
    {
        KafkaError._FENCED,
        KafkaError.PRODUCER_FENCED,
        KafkaError.INVALID_PRODUCER_EPOCH,
        KafkaError.ILLEGAL_GENERATION,
        KafkaError.UNKNOWN_MEMBER_ID,
        KafkaError.FENCED_INSTANCE_ID,
    }
)


def as_delivery_error(
    error: KafkaError, what: str
) -> AccessDeniedError | DeliveryError | FencedError:
    """Translate librdkafka's error once, at the boundary."""
    refused = denied(error, what)
    if refused is not None:
        return refused
    if error.code() in _FENCED:
        return FencedError(f"{what}: another member has taken over ({error.name()})")
    return DeliveryError(f"{what}: {error.str()} ({error.name()})")


class TransactionalProducer:
    """A producer with at most one transaction, which begins with its first record.

    Every method but :meth:`__len__` belongs to the one thread that has the producer at the time.
    """

    def __init__(self, producer: Producer) -> None:
        self._producer = producer
        self._open = False

    def __len__(self) -> int:
        """Records that are not acknowledged yet."""
        return len(self._producer)

    def initialise(self) -> None:
        """End what an earlier life of the transactional id left open."""
        try:
            _repeat(lambda: self._producer.init_transactions(_CALL_TIMEOUT), _START_DEADLINE)
        except KafkaException as error:
            what = "no broker took up transactions"
            raise denied(error.args[0], what) or BrokerUnavailableError(
                f"{what}: {error.args[0].str()}; is the cluster reachable and does it have a "
                "transaction coordinator?"
            ) from error

    def begin(self) -> None:
        """Begin a transaction, unless one is open."""
        if self._open:
            return
        try:
            self._producer.begin_transaction()
        except KafkaException as error:
            raise as_delivery_error(error.args[0], "could not begin a transaction") from error
        self._open = True

    def send(
        self,
        topic: str,
        partition: int,
        key: bytes | str,
        value: bytes | None,
        headers: Headers | None,
        told: Told | None = None,
    ) -> None:
        """Queue a record of the transaction; ``told`` is told what became of it."""
        if not self._open:
            self.begin()
        try:
            self._producer.produce(topic, value, key, partition, told, headers=headers)  # type: ignore[arg-type]
        except BufferError:
            self._send_when_room(topic, partition, key, value, headers, told)
        except KafkaException as error:
            raise self._refusal(error.args[0], f"could not write to {topic}") from error

    def send_rows(self, rows: Sequence[ChangelogRecord], appended: Appended | None = None) -> None:
        """Queue changelog records of the transaction.

        ``appended`` is filled in with where they end once the transaction has.
        """
        last = last_rows(rows) if appended is not None else frozenset()
        note = noted_in(appended) if appended is not None else None
        for index, row in enumerate(rows):
            told = note if index in last else None
            self.send(row.topic, row.partition, row.key, row.value, None, told)

    def flush(self) -> None:
        """Wait until everything sent is acknowledged, or has failed.

        What failed is told by whatever is done next within the transaction.
        """
        end = time.monotonic() + COMMIT_DEADLINE
        try:
            while self._producer.flush(_CALL_TIMEOUT) > 0:
                if time.monotonic() > end:
                    raise DeliveryError(
                        f"outputs were not acknowledged within {COMMIT_DEADLINE:.0f} s; brokers "
                        "are away"
                    )
        except KafkaException as error:
            raise as_delivery_error(error.args[0], "the producer cannot go on") from error
        except SystemError as error:  # so the client says that it was told of a fatal one meanwhile
            fatal = KafkaError(KafkaError._FATAL)
            raise self._refusal(fatal, "the producer cannot go on") from error

    def send_offsets(self, offsets: Iterable[SourceOffset], metadata: bytes) -> None:
        """Make offsets of a group part of the transaction, if its generation is the present one."""
        marks = [TopicPartition(o.topic, o.partition, o.offset) for o in offsets]
        try:
            _repeat(
                lambda: self._producer.send_offsets_to_transaction(marks, metadata, _CALL_TIMEOUT),
                COMMIT_DEADLINE,
            )
        except KafkaException as error:
            raise as_delivery_error(error.args[0], "could not commit offsets") from error

    def commit(self) -> None:
        """End the transaction; everything in it is a fact."""
        try:
            _repeat(lambda: self._producer.commit_transaction(_CALL_TIMEOUT), COMMIT_DEADLINE)
        except KafkaException as error:
            raise as_delivery_error(error.args[0], "could not commit") from error
        self._open = False

    def serve(self, timeout: float = 0) -> None:
        """Let the producer tell; one that cannot go on raises here."""
        try:
            self._producer.poll(timeout)
        except KafkaException as error:
            raise as_delivery_error(error.args[0], "the producer cannot go on") from error

    def close(self) -> None:
        """Forget what is not sent yet, and leave the transaction to whoever comes next."""
        self._producer.purge()
        with contextlib.suppress(KafkaException):  # that it failed was said when it did
            self._producer.poll(0)

    def _send_when_room(
        self,
        topic: str,
        partition: int,
        key: bytes | str,
        value: bytes | None,
        headers: Headers | None,
        told: Told | None,
    ) -> None:
        deadline = time.monotonic() + _QUEUE_FULL_WAIT
        while time.monotonic() < deadline:
            try:
                self._producer.produce(
                    topic,
                    value,
                    key,
                    partition,
                    headers=headers,  # type: ignore[arg-type]
                    on_delivery=told,
                )
            except BufferError:
                self.serve(0.01)
                continue
            except KafkaException as error:
                raise self._refusal(error.args[0], f"could not write to {topic}") from error
            return
        raise DeliveryError(
            f"the producer's queue stayed full for {_QUEUE_FULL_WAIT:.0f} s; brokers are too slow "
            "or away"
        )

    def _refusal(self, error: KafkaError, what: str) -> CcstreamError:
        """Why a record was not taken, or a producer has failed.

        A transaction that has failed takes none and says only that its state is wrong, a producer
        that cannot go on says only that it cannot; why, they say when asked to begin.
        """
        if error.code() in (KafkaError._STATE, KafkaError._FATAL):
            try:
                self._producer.begin_transaction()
            except KafkaException as cause:
                error = cause.args[0]
        return as_delivery_error(error, what)


def last_rows(rows: Sequence[ChangelogRecord]) -> frozenset[int]:
    """Which of the rows are the last in their partition of a changelog, by index."""
    return frozenset({(row.topic, row.partition): i for i, row in enumerate(rows)}.values())


def noted_in(appended: Appended) -> Told:
    """A report of a record that notes where what comes after the record will be."""

    def note(error: object, message: Any) -> None:
        offset = message.offset()
        if error is None and offset is not None and offset >= 0:  # below 0, not told
            appended[message.topic(), message.partition()] = offset + 1

    return note


def _repeat(call: Callable[[], Any], deadline: float) -> None:
    """Repeat a transactional call while librdkafka says that it may be."""
    end = time.monotonic() + deadline
    while True:
        try:
            call()
        except KafkaException as error:
            if error.args[0].retriable() and time.monotonic() < end:
                continue
            raise
        return
