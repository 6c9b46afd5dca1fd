"""Delivery in transactions: outputs, rows and offsets become facts together or not at all.

One producer. A transaction begins with the first output after the last commit; folding goes
on while it is being committed, and the outputs of that time wait in memory. Any abort means
that what was folded is not what is stored, so it ends the worker: nothing is rolled back here.
"""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer, TopicPartition

from ccstream.engine.committer import Committer
from ccstream.engine.delivery import Headers, Snapshot
from ccstream.errors import BrokerUnavailableError, DeliveryError, FencedError

__all__ = ["TransactionalDelivery", "as_delivery_error"]

_CALL_TIMEOUT = 5.0
"""Seconds for one blocking call; it is repeated while the broker says that it may be."""

_COMMIT_DEADLINE = 15.0
"""Seconds after which a commit of unknown outcome ends the worker: beyond the transaction
timeout of 10 s a broker has aborted it by itself, and the next start settles which it was."""

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


def as_delivery_error(error: KafkaError, what: str) -> DeliveryError | FencedError:
    """Translate librdkafka's error once, at the boundary."""
    if error.code() in _FENCED:
        return FencedError(f"{what}: another member has taken over ({error.name()})")
    return DeliveryError(f"{what}: {error.str()} ({error.name()})")


class TransactionalDelivery:
    """The strategy ``transactional`` with one producer.

    Args:
        config: librdkafka's settings of the producer.
        transactional_id: by which a successor fences this producer.
        producer, committer: others than its own, for a simulation.
    """

    def __init__(
        self,
        config: Mapping[str, Any],
        transactional_id: str,
        *,
        producer: Producer | None = None,
        committer: Committer | None = None,
    ) -> None:
        self._id = transactional_id
        self._producer = (
            Producer({**config, "transactional.id": transactional_id})
            if producer is None
            else producer
        )
        self._committer = (
            Committer("ccstream-commit", _COMMIT_DEADLINE) if committer is None else committer
        )
        self._open = False
        self._waiting: deque[tuple[str, int, bytes | str, bytes | None, Headers | None]] = deque()

    @property
    def transactional_ids(self) -> tuple[str, ...]:
        return (self._id,)

    @property
    def busy(self) -> bool:
        return self._committer.busy

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    @property
    def queued(self) -> int:
        return len(self._producer) + self.waiting

    def start(self) -> None:
        try:
            _repeat(lambda: self._producer.init_transactions(_CALL_TIMEOUT), _START_DEADLINE)
        except KafkaException as error:
            raise BrokerUnavailableError(
                "no broker took up transactions: "
                f"{error.args[0].str()}; is the cluster reachable and does it have a "
                "transaction coordinator?"
            ) from error

    def send(
        self,
        topic: str,
        partition: int,
        key: bytes | str,
        value: bytes | None,
        headers: Headers | None,
    ) -> None:
        if self._committer.busy:
            self._waiting.append((topic, partition, key, value, headers))
            return
        if not self._open:
            self._begin()
        try:
            self._producer.produce(topic, value, key, partition, headers=headers)  # type: ignore[arg-type]
        except BufferError:
            self._produce_when_room(topic, partition, key, value, headers)
        except KafkaException as error:
            raise as_delivery_error(error.args[0], f"could not write to {topic}") from error

    def commit(self, snapshot: Snapshot) -> None:
        metadata = snapshot.assignment.group_metadata()
        if not self._open:
            self._begin()
        for row in snapshot.rows:
            self.send(row.topic, row.partition, row.key, row.value, None)
        offsets = [TopicPartition(o.topic, o.partition, o.offset) for o in snapshot.offsets]
        self._committer.begin(lambda: self._send_offsets(offsets, metadata), self._end)

    def poll(self) -> float | None:
        self._serve(0)
        return self._after(self._committer.finished())

    def settle(self, timeout: float) -> float | None:
        return self._after(self._committer.wait(timeout))

    def close(self) -> None:
        self._committer.close()
        self._producer.purge()
        with contextlib.suppress(KafkaException):  # that it failed was said when it did
            self._producer.poll(0)

    def _serve(self, timeout: float) -> None:
        """Let the producer tell; one that cannot go on raises here."""
        try:
            self._producer.poll(timeout)
        except KafkaException as error:
            raise as_delivery_error(error.args[0], "the producer cannot go on") from error

    def _begin(self) -> None:
        try:
            self._producer.begin_transaction()
        except KafkaException as error:
            raise as_delivery_error(error.args[0], "could not begin a transaction") from error
        self._open = True

    def _send_offsets(self, offsets: list[TopicPartition], metadata: bytes) -> None:
        """In the committer's thread."""
        try:
            _repeat(
                lambda: self._producer.send_offsets_to_transaction(
                    offsets, metadata, _CALL_TIMEOUT
                ),
                _COMMIT_DEADLINE,
            )
        except KafkaException as error:
            raise as_delivery_error(error.args[0], "could not commit offsets") from error

    def _end(self) -> None:
        """In the committer's thread."""
        try:
            _repeat(lambda: self._producer.commit_transaction(_CALL_TIMEOUT), _COMMIT_DEADLINE)
        except KafkaException as error:
            raise as_delivery_error(error.args[0], "could not commit") from error

    def _after(self, seconds: float | None) -> float | None:
        if seconds is not None:
            self._open = False
            waiting = self._waiting
            while waiting:
                self.send(*waiting.popleft())
        return seconds

    def _produce_when_room(
        self,
        topic: str,
        partition: int,
        key: bytes | str,
        value: bytes | None,
        headers: Headers | None,
    ) -> None:
        deadline = time.monotonic() + _QUEUE_FULL_WAIT
        while time.monotonic() < deadline:
            self._serve(0.01)
            try:
                self._producer.produce(topic, value, key, partition, headers=headers)  # type: ignore[arg-type]
            except BufferError:
                continue
            return
        raise DeliveryError(
            f"the producer's queue stayed full for {_QUEUE_FULL_WAIT:.0f} s; brokers are too slow "
            "or away"
        )


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
