"""One run: a seed's faults against writers, workers and readers, then the checker."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException

from ccstream.ops.settings import Settings
from ccstream.wire.catalogue import CHANNELS, TABLES, changelog_topic, input_topic
from tests.chaos.author import TAKEN, Author, Record
from tests.chaos.checker import (
    MAIL,
    REJECTED,
    SYNC_TOPICS,
    Evidence,
    Violation,
    check,
    check_bootstrap,
    check_readers,
    published_in,
)
from tests.chaos.cluster import PARTITIONS, Cluster
from tests.chaos.disk import Disk
from tests.chaos.faults import Plan
from tests.chaos.faulty_worker import MUTANT
from tests.chaos.following_people import ERASURE, receipts_in
from tests.chaos.logs import ends, read
from tests.chaos.readers import Readers, bootstrapped
from tests.chaos.records import murmur2_partition
from tests.chaos.reference import truth_of
from tests.chaos.workers import SupervisedWorker
from tests.chaos.writers import Sent, Writers

__all__ = ["Outcome", "Run"]

QUIET_S = 1.0
"""How long writers go on before the first fault, between two, and after the last."""

SETTLED_S_MAX = 60.0
"""Above any time-out of the worker's own, so that what is not settled by then never will be."""

ACKNOWLEDGED_S_MAX = 30.0
COMPACTED_S_MAX = 180.0
SEEN_S_MAX = 30.0

RECEIPTS_S_MAX = 60.0
"""From the last erasure; the workers' deadline is a second, and one may have to start again."""

COMPACT_LATER = {"min_cleanable_dirty_ratio": "1.0", "segment_ms": "300"}
"""Segments are closed, so that they could be compacted, and are not."""

COMPACT_NOW = {
    "min_cleanable_dirty_ratio": "0.0",
    "min_compaction_lag_ms": "0",
    "segment_ms": "100",
}


@dataclass
class Outcome:
    """What became of a run."""

    seed: int
    faults: list[str]
    outcome: str = "ok"
    detail: str = ""
    counts: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    folder: str = ""


class Run:
    """A run; faults act on it through its methods."""

    def __init__(self, cluster: Cluster, plan: Plan, mutant: str = "") -> None:
        self.plan = plan
        self._cluster = cluster
        self.kafka = cluster.kafka
        self.proxy = cluster.proxy
        self._mutant = mutant
        self.folder = Path(tempfile.mkdtemp(prefix=f"chaos-{plan.seed}-"))
        self.app_id = f"c{plan.seed}-{os.urandom(2).hex()}"
        self.author = Author(plan.seed, self.app_id, PARTITIONS)
        self.workers: list[SupervisedWorker] = []
        self._extra: list[SupervisedWorker] = []

    def carry_out(self) -> Outcome:
        """Everything, from fresh topics to the checker's word; never raises for what it finds."""
        made = Outcome(self.plan.seed, [fault.name for fault in self.plan.faults])
        started = time.monotonic()
        try:
            with ExitStack() as stack:
                made.counts = self._play(stack)
        except Exception as error:  # noqa: BLE001 - a run that cannot end is a finding as well
            made.outcome = "violation" if isinstance(error, Violation) else "error"
            made.detail = f"{type(error).__name__}: {error}"[:2000]
            made.folder = str(self.folder)
        else:
            shutil.rmtree(self.folder, ignore_errors=True)
        made.seconds = round(time.monotonic() - started, 1)
        return made

    def _play(self, stack: ExitStack) -> Counter[str]:
        self.proxy.heal()
        self._direct = self._cluster.fresh(self.app_id)
        self._settings = self._reached_by(self.plan)
        if self.plan.stored:
            self.disk = Disk(self.folder / "state", small=self.plan.small_disk)
            stack.callback(self.disk.close)
        stack.callback(self._close_workers)
        if self.plan.compacting:
            self._cluster.configure(self._changelogs(), **COMPACT_LATER)
        for number in range(self.plan.workers):
            instance = self.instance_id(number) if self.plan.static else None
            environment = {MUTANT: self._mutant} if self._mutant else {}
            self.workers.append(self._worker(f"worker{number}", instance, **environment))
        readers = Readers(self._settings, self.author.final)
        stack.callback(readers.close)
        readers.start()
        writers = Writers(self._settings.kafka.bootstrap, self.author)
        stack.callback(writers.finish, 1.0)
        for one in self.workers:
            one.wait_ready()
        writers.start()
        dice = random.Random(f"run {self.plan.seed}")
        time.sleep(QUIET_S)
        for fault in self.plan.faults:
            fault.inject(self, dice)
            time.sleep(QUIET_S)
        writers.finish(ACKNOWLEDGED_S_MAX)
        writers.publish(self.author.rest())
        self._settle()
        self._wait_for_receipts(writers.sent)
        counts = self._check(writers.sent, readers)
        self._check_compacted(writers)
        for number, one in enumerate(self.workers):
            status = one.stop()
            if status:
                raise Violation(f"worker {number} was told to stop and ended with {status}")
        return counts

    # What faults do.

    def arm(self, point: str, passage: int) -> None:
        """Let a worker die at this passage of a point."""
        made = self.folder / "kill.new"
        made.write_text(f"{point}\n{passage}", encoding="utf-8")
        made.rename(self.folder / "kill")

    def armed(self) -> bool:
        return (self.folder / "kill").exists()

    def worker_clock(self, ahead_s: float) -> None:
        (self.folder / "clock").write_text(str(ahead_s), encoding="utf-8")

    @contextmanager
    def held_restore(self, when: str) -> Iterator[None]:
        """Restores that begin now stand still until the block ends."""
        held = self.folder / "hold-restore"
        held.write_text(when, encoding="utf-8")
        try:
            yield
        finally:
            held.unlink()

    def restoring(self) -> bool:
        return (self.folder / "restoring").exists()

    def compact_changelogs(self) -> None:
        """Let the cleaner loose on what has been closed of them, and wait until it was there."""
        before = self._records(self._changelogs())
        self._cluster.configure(self._changelogs(), **COMPACT_NOW)

        def compacted() -> bool:
            after = self._records(self._changelogs())
            return any(after[topic] < number for topic, number in before.items())

        self.until(compacted, COMPACTED_S_MAX, "the broker compacted no changelog")

    def extra_worker(
        self, name: str, instance_id: str | None, *, supervised: bool = True
    ) -> SupervisedWorker:
        """One more, which the fault stops again."""
        one = self._worker(f"{name}{len(self._extra)}", instance_id, supervised=supervised)
        self._extra.append(one)
        return one

    def instance_id(self, number: int) -> str:
        return f"{self.app_id}-{number}"

    @staticmethod
    def send(pid: int, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)

    @staticmethod
    def alive(pid: int) -> bool:
        return Path(f"/proc/{pid}/stat").exists()

    @staticmethod
    def until(condition: Callable[[], bool], timeout: float, otherwise: str) -> None:
        deadline = time.monotonic() + timeout
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError(f"{otherwise} within {timeout:.0f} s")
            time.sleep(0.05)

    # The rest of a run.

    def _reached_by(self, plan: Plan) -> Settings:
        if not plan.proxied:
            return self._direct
        kafka = self._direct.kafka.model_copy(update={"bootstrap": self.proxy.bootstrap})
        return self._direct.model_copy(update={"kafka": kafka})

    def _worker(
        self, name: str, instance: str | None, *, supervised: bool = True, **more: str
    ) -> SupervisedWorker:
        if self.plan.stored:
            more |= {
                "CCSTREAM_STATE__STORE": "rocksdb",
                "CCSTREAM_STATE__DIRECTORY": str(self.disk.path / name),
            }
        return SupervisedWorker(
            self._cluster.nursery,
            self._settings,
            self.folder,
            name,
            instance_id=instance,
            supervised=supervised,
            **more,
        )

    def _close_workers(self) -> None:
        for one in (*self.workers, *self._extra):
            one.close()

    def _changelogs(self) -> list[str]:
        return [changelog_topic(self.app_id, table) for table in TABLES]

    def _settle(self) -> None:
        """Wait until all that was published is folded and nothing is left undecided."""
        inputs = [input_topic(channel) for channel in CHANNELS]
        outputs = [*SYNC_TOPICS.values(), MAIL, REJECTED, *self._changelogs()]
        bootstrap = self.kafka.bootstrap

        def left() -> str:
            admin = self._cluster.admin
            wanted = ends(admin, inputs, PARTITIONS)
            for stored in read(bootstrap, [MAIL], PARTITIONS)[MAIL]:
                wanted[MAIL, stored.partition] = stored.offset + 1
            reached = self._group_offsets()
            behind = [at for at, end in wanted.items() if end and reached.get(at, 0) < end]
            if behind:
                return f"not folded: {behind}"
            decided = ends(admin, outputs, PARTITIONS, stable=True)
            undecided = [
                at for at, e in ends(admin, outputs, PARTITIONS).items() if e > decided[at]
            ]
            return f"undecided: {undecided}" if undecided else ""

        def surely_left() -> str:
            try:
                return left()
            except KafkaException as error:
                # After a restart of the broker it goes by the leaders of before, for minutes.
                self._cluster.ask_anew()
                return str(error)

        deadline = time.monotonic() + SETTLED_S_MAX
        while why := surely_left():
            if time.monotonic() > deadline:
                raise Violation(f"not settled within {SETTLED_S_MAX:.0f} s of the end: {why}")
            time.sleep(0.2)

    def _wait_for_receipts(self, sent: list[Sent]) -> None:
        """Receipts come by the clock, some time after what they are for."""
        topic = changelog_topic(self.app_id, "erasures")
        wanted = len({one.record.entity for one in sent if one.record.kind == ERASURE})

        def completed() -> bool:
            rows = read(self.kafka.bootstrap, [topic], PARTITIONS)[topic]
            return receipts_in(rows) >= wanted

        try:
            self.until(completed, RECEIPTS_S_MAX, f"there are no {wanted} receipts")
        except TimeoutError as error:
            raise Violation(str(error)) from error
        self._settle()

    def _group_offsets(self) -> dict[tuple[str, int], int]:
        asked = [ConsumerGroupTopicPartitions(self.app_id)]
        futures = self._cluster.admin.list_consumer_group_offsets(asked, request_timeout=10)
        answer = futures[self.app_id].result()
        return {(one.topic, one.partition): one.offset for one in answer.topic_partitions}

    def _check(self, sent: list[Sent], readers: Readers) -> Counter[str]:
        bootstrap = self.kafka.bootstrap
        topics = {table: changelog_topic(self.app_id, table) for table in TABLES}
        changelogs = read(bootstrap, topics.values(), PARTITIONS)
        evidence = Evidence(
            sent,
            read(bootstrap, [input_topic(channel) for channel in CHANNELS], PARTITIONS),
            read(bootstrap, [*SYNC_TOPICS.values(), MAIL, REJECTED], PARTITIONS),
            {table: changelogs[topic] for table, topic in topics.items()},
            read(bootstrap, SYNC_TOPICS.values(), PARTITIONS, "read_uncommitted"),
        )
        counts = check(evidence)
        self._truth = truth_of(record for _, record in published_in(evidence))
        deadline = time.monotonic() + SEEN_S_MAX
        while True:  # readers may be a moment behind
            try:
                check_readers(readers.seen(), self._truth)
            except Violation:
                if time.monotonic() > deadline:
                    raise
            else:
                return counts
            time.sleep(0.3)

    def _check_compacted(self, writers: Writers) -> None:
        """Compact the sync topics by force; a reader that begins then holds the same."""
        topics = list(SYNC_TOPICS.values())
        before = self._records(topics)
        self._cluster.configure(topics, **COMPACT_NOW)
        time.sleep(0.2)
        self._publish_again(writers)
        self._settle()
        deadline = time.monotonic() + COMPACTED_S_MAX
        while any(after >= before[t] / 2 for t, after in self._records(topics[:2]).items()):
            if time.monotonic() > deadline:
                raise TimeoutError(f"the broker has not compacted {topics}")
            time.sleep(0.2)
        seen = bootstrapped(self._settings, "a new view after a compaction")
        check_bootstrap(seen, self._truth)

    def _records(self, topics: list[str]) -> dict[str, int]:
        found = read(self.kafka.bootstrap, topics, PARTITIONS)
        return {topic: len(records) for topic, records in found.items()}

    def _publish_again(self, writers: Writers) -> None:
        """An order and an addition of each partition once more, which open segments anew."""
        again: dict[tuple[int, str], Record] = {}
        for sent in writers.sent:
            record = sent.record
            if record.fate == TAKEN and sent.offset >= 0 and record.key == record.entity:
                home = murmur2_partition(record.key.encode(), PARTITIONS)
                again.setdefault((home, record.kind), record)
        wanted = {"OrderPlaced", "CartItemAdded"}
        writers.publish([record for (_, kind), record in again.items() if kind in wanted])
