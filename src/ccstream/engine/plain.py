"""Delivery without transactions: outputs and rows stored first, then the offsets.

At least once: after a crash the records since the last commit are folded again, and the
duplicate windows, which travel with the rows, drop what had been applied. For brokers without
transactions, above all the embedded one.

A group that is being put together anew takes no offsets. Once it has taken some of an assignment,
later ones may stay behind then: whoever has the partitions next, be it this worker again, restores
what was stored and folds those records anew. The first may not, for rows without any offset could
not be told from a state that has lost them.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from ccstream.engine.acknowledgements import Told
from ccstream.engine.assignment import Assignment
from ccstream.engine.committer import Committer
from ccstream.engine.delivery import Appended, Headers, Snapshot
from ccstream.engine.transactional_producer import as_delivery_error, last_rows, noted_in
from ccstream.errors import DeliveryError, RebalancingError
from ccstream.ops.kafka_clients import make_client
from ccstream.ops.logs import logger

__all__ = ["PlainDelivery"]

log = logger(__name__)

_FLUSH_TIMEOUT = 10.0
"""Seconds for all outputs of a commit to be acknowledged; longer means brokers are away."""

_COMMIT_DEADLINE = 2 * _FLUSH_TIMEOUT + 5.0
"""Seconds for a commit: its outputs, then as long for its offsets, and some to spare."""


class PlainDelivery:
    """The strategy ``plain``.

    ``commit_offsets`` stores offsets under the group's present generation; it blocks and
    raises a :class:`~ccstream.errors.CcstreamError` if the group refuses them. Every record is
    reported: no transaction tells that one has failed.
    """

    def __init__(
        self,
        config: Mapping[str, Any],
        commit_offsets: Callable[[Snapshot], None],
    ) -> None:
        self._failure: KafkaError | None = None
        self._commit_offsets = commit_offsets
        self._producer = make_client(Producer, {**config, "on_delivery": self._on_delivery})
        self._committer = Committer("ccstream-commit", _COMMIT_DEADLINE)
        self._taken: Assignment | None = None
        self._offsets_behind = False

    @property
    def transactional_ids(self) -> tuple[str, ...]:
        return ()

    @property
    def busy(self) -> bool:
        return self._committer.busy

    @property
    def offsets_behind(self) -> bool:
        return self._offsets_behind

    @property
    def waiting(self) -> int:
        return 0

    @property
    def queued(self) -> int:
        return len(self._producer) + self.waiting

    def start(self) -> None:
        """Nothing can be left open."""

    def send(
        self,
        topic: str,
        partition: int,
        key: bytes | str,
        value: bytes | None,
        headers: Headers | None,
        told: Told | None = None,
    ) -> None:
        deadline = time.monotonic() + _FLUSH_TIMEOUT
        while True:
            try:
                self._producer.produce(
                    topic,
                    value,
                    key,
                    partition,
                    headers=headers,  # type: ignore[arg-type]
                    on_delivery=self._on_delivery if told is None else self._also(told),
                )
            except BufferError as error:
                if time.monotonic() > deadline:
                    raise DeliveryError(
                        "the producer's queue stayed full; brokers are too slow or away"
                    ) from error
                self._serve(0.01)
            except KafkaException as error:
                raise as_delivery_error(error.args[0], f"could not write to {topic}") from error
            else:
                return

    def commit(
        self, snapshot: Snapshot, appended: Appended | None = None, pause: float = 0.0
    ) -> None:
        """See `Delivery.commit`; there is no pause, as there is no transaction to begin."""
        last = last_rows(snapshot.rows) if appended is not None else frozenset()
        note = noted_in(appended) if appended is not None else None
        for index, row in enumerate(snapshot.rows):
            told = note if index in last else None
            self.send(row.topic, row.partition, row.key, row.value, None, told)
        self._committer.begin(lambda: self._end(snapshot))

    def hasten(self) -> None:
        """Nothing pauses."""

    def poll(self) -> float | None:
        self._serve(0)
        self._raise_failure()
        return self._committer.finished()

    def settle(self, timeout: float) -> float | None:
        seconds = self._committer.wait(timeout)
        self._raise_failure()
        return seconds

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

    def _end(self, snapshot: Snapshot) -> None:
        """In the committer's thread."""
        try:
            left = self._producer.flush(_FLUSH_TIMEOUT)
        except KafkaException as error:
            raise as_delivery_error(error.args[0], "the producer cannot go on") from error
        except SystemError as error:  # so the client says that it was told of a fatal one meanwhile
            raise DeliveryError(
                "the producer cannot go on: it was told of a fatal error"
            ) from error
        if left > 0:
            raise DeliveryError(
                f"outputs were not acknowledged within {_FLUSH_TIMEOUT:.0f} s; brokers are away"
            )
        self._raise_failure()
        try:
            self._commit_offsets(snapshot)
        except RebalancingError:
            if snapshot.assignment is not self._taken:
                raise
            log.info("offsets stay behind, for a rebalance")
            self._offsets_behind = True
            return
        if snapshot.assignment is not self._taken:  # its first has the offsets of all its inputs
            self._offsets_behind = False
        self._taken = snapshot.assignment

    def _on_delivery(self, error: KafkaError | None, _message: Message) -> None:
        if error is not None and self._failure is None:
            self._failure = error

    def _also(self, told: Told) -> Callable[[KafkaError | None, Message], None]:
        def report(error: KafkaError | None, message: Message) -> None:
            self._on_delivery(error, message)
            told(error, message)

        return report

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise as_delivery_error(self._failure, "an output was not stored")
