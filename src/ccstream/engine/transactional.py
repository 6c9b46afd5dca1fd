"""Delivery in transactions: outputs, rows and offsets become facts together or not at all.

Two producers take turns, so that outputs leave while a commit is on its way. One is *open*:
it takes the outputs of what is being folded, in a transaction that begins with the first of
them. To commit, the committer's thread ends that transaction in this order, and the other
producer becomes the open one at once:

1. wait until its outputs are acknowledged, and hand it the first of the rows that changed;
2. hand it the other rows, after a pause if there is time: the next transaction registers its
   partitions meanwhile, which takes longer while the broker stores hundreds of rows;
3. send the offsets, under the group's generation of that time;
4. end it.

Three barriers keep what a reader of the log, a restore and the group rely upon:

* **An output is sent only when all those of the transaction before are acknowledged**, which
  step 1 tells: two producers have no order between them, and a partition's records must be in
  that in which they were folded. Until then, mostly a few milliseconds, outputs wait in memory.
* **Rows and offsets are sent only when the commit before has succeeded**, for they are made of
  what it holds; there is one committer, and it does one thing at a time.
* **A commit begins only when the other producer is free.** Until then the open transaction
  grows; the chunk loop bounds it.

Of two transactions the later one cannot become a fact without the earlier, therefore. Any abort
means that what was folded is not what is stored, so it ends the worker with whatever is open:
nothing is rolled back here. A successor fences both transactional ids, and its epoch corrects
readers of uncommitted records.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from confluent_kafka import Producer

from ccstream.engine.acknowledgements import Told
from ccstream.engine.committer import Committer
from ccstream.engine.delivery import Appended, ChangelogRecord, Headers, Snapshot
from ccstream.engine.transactional_producer import COMMIT_DEADLINE, TransactionalProducer
from ccstream.ops.kafka_clients import make_client

__all__ = ["TransactionalDelivery"]

_Output = tuple[str, int, bytes | str, bytes | None, Headers | None, Told | None]
"""What `TransactionalDelivery.send` takes."""


class TransactionalDelivery:
    """The strategy ``transactional``.

    Args:
        config: librdkafka's settings of the producers.
        transactional_ids: by which a successor fences them, one each.
        producers, committer: others than its own, for a simulation.
    """

    def __init__(
        self,
        config: Mapping[str, Any],
        transactional_ids: tuple[str, str],
        *,
        producers: tuple[Producer, Producer] | None = None,
        committer: Committer | None = None,
    ) -> None:
        # Side by side, since librdkafka asks for a coordinator half a second after a producer is
        # made; a simulation has them one after the other.
        self._started_at_once = 2 if producers is None else 1
        if producers is None:
            first, second = transactional_ids
            producers = (
                make_client(Producer, {**config, "transactional.id": first}),
                make_client(Producer, {**config, "transactional.id": second}),
            )
        self._ids = transactional_ids
        self._open, self._other = (TransactionalProducer(producer) for producer in producers)
        self._committer = (
            Committer("ccstream-commit", COMMIT_DEADLINE) if committer is None else committer
        )
        self._waiting: deque[_Output] = deque()
        self._acknowledged = threading.Event()
        self._acknowledged.set()

    @property
    def transactional_ids(self) -> tuple[str, ...]:
        return self._ids

    @property
    def busy(self) -> bool:
        return self._committer.busy

    @property
    def offsets_behind(self) -> bool:
        return False  # rows and offsets become facts together

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    @property
    def queued(self) -> int:
        return len(self._open) + len(self._other) + self.waiting

    def start(self) -> None:
        with ThreadPoolExecutor(self._started_at_once, "ccstream-start") as both:
            for done in [both.submit(one.initialise) for one in (self._open, self._other)]:
                done.result()

    def send(
        self,
        topic: str,
        partition: int,
        key: bytes | str,
        value: bytes | None,
        headers: Headers | None,
        told: Told | None = None,
    ) -> None:
        if self._waiting or not self._acknowledged.is_set():
            self._waiting.append((topic, partition, key, value, headers, told))
            self._send_waiting()
        else:
            self._open.send(topic, partition, key, value, headers, told)

    def commit(
        self, snapshot: Snapshot, appended: Appended | None = None, pause: float = 0.0
    ) -> None:
        metadata = snapshot.assignment.group_metadata()
        ending = self._open
        ending.begin()
        acknowledged = threading.Event()
        self._committer.begin(
            lambda: self._end_outputs(ending, snapshot.rows[:1], acknowledged, appended),
            lambda: self._send_rows(ending, snapshot.rows[1:], appended, pause),
            lambda: ending.send_offsets(snapshot.offsets, metadata),
            ending.commit,
        )
        self._acknowledged = acknowledged
        self._open, self._other = self._other, ending

    def hasten(self) -> None:
        self._committer.hasten()

    def poll(self) -> float | None:
        self._open.serve()
        if not self._committer.busy:  # otherwise it is the committer's
            self._other.serve()
        return self._after(self._committer.finished())

    def settle(self, timeout: float) -> float | None:
        return self._after(self._committer.wait(timeout))

    def close(self) -> None:
        self._committer.close()
        self._open.close()
        self._other.close()

    def _end_outputs(
        self,
        ending: TransactionalProducer,
        first: Sequence[ChangelogRecord],
        acknowledged: threading.Event,
        appended: Appended | None,
    ) -> None:
        """In the committer's thread. A producer whose outputs failed takes no row, and says so, if
        there is one: the next outputs go after it.
        """
        ending.flush()
        ending.send_rows(first, appended)
        acknowledged.set()

    def _send_rows(
        self,
        ending: TransactionalProducer,
        rows: Sequence[ChangelogRecord],
        appended: Appended | None,
        pause: float,
    ) -> None:
        """In the committer's thread."""
        self._committer.pause(pause)
        ending.send_rows(rows, appended)

    def _after(self, seconds: float | None) -> float | None:
        self._send_waiting()
        return seconds

    def _send_waiting(self) -> None:
        if self._acknowledged.is_set():
            waiting = self._waiting
            while waiting:
                self._open.send(*waiting.popleft())
