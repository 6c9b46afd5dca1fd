"""Taking over partition numbers: one path for every partition at every assignment.

1. Where the group's offsets are unstable, or a changelog ends in an undecided transaction,
   that is waited out, and the predecessor is fenced by its transactional ids if it lasts. So it
   is where all that it left open are sync events, lest readers of committed ones wait as well.
2. Who owned them: the highest epoch that was ever written.
3. The group's offsets, stable, and the changelogs' ends, open transactions included.
4. The tables are restored up to those ends: from the beginning, or from where the local store of
   the partition number reaches, if it fits. The timers are found in their table.
5. The epoch is raised in a fenced transaction, before anything is put out.

What does not fit is refused with a sentence, never repaired by forgetting.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ccstream.domain.moment import Scope
from ccstream.engine.assignment import Assignment
from ccstream.engine.clock import Clock
from ccstream.engine.cluster import Cluster, TopicPartitionKey
from ccstream.engine.delivery import Delivery, Snapshot, SourceOffset
from ccstream.engine.layout import Layout, of_number
from ccstream.engine.lineage import Lineage, epoch_before
from ccstream.engine.owners import (
    OWNERS_PARTITION,
    Owner,
    Reached,
    all_owners,
    check_partitions,
    ids_of,
    owner_of,
    owner_record,
)
from ccstream.engine.partition import Partition
from ccstream.engine.restore import ChangelogRange, RestoreProgress
from ccstream.engine.standbys import Standbys
from ccstream.engine.store_fit import wipe_if_unfit
from ccstream.engine.stores import Stores
from ccstream.errors import BrokerUnavailableError, RebalancingError, StateError
from ccstream.wire.catalogue import OWNERS_TOPIC
from ccstream.wire.headers import CE_SOURCE, epoch_of, header, sync_source

__all__ = ["TakeOver", "TakeOverCancelled"]

_PENDING_DEADLINE = 60.0
"""Seconds to wait out transactions of unknown producers: brokers end one after 10 to 20 s."""

_PENDING_POLL = 0.05

_FENCE_AFTER = 0.5
"""Seconds for a transaction to be decided by itself: a predecessor in good health has just
committed what it gave up, and its markers are being written. Fencing it would end it."""

_STABLE_ATTEMPTS = 5
"""Times to ask for offsets that were stable a moment ago: a broker may be slow to answer."""

_JOINING_ATTEMPTS = 100
"""5 s for others to join; after that, only a worker that is started anew joins anew."""

_RAISE_DEADLINE = 20.0
"""Seconds for the commit that raises the epochs."""


class TakeOverCancelled(Exception):  # noqa: N818 - not an error: the partitions went elsewhere
    """Another assignment came while this one was being taken over."""


class TakeOver:
    """Acquires the partitions of an assignment."""

    def __init__(
        self,
        layout: Layout,
        cluster: Cluster,
        delivery: Delivery,
        clock: Clock,
        progress: Callable[[RestoreProgress], None],
        stores: Stores | None = None,
        standbys: Standbys | None = None,
        reached: Reached = Reached(),  # noqa: B008 - immutable
        rebuilds: str | None = None,
    ) -> None:
        self._layout = layout
        self._cluster = cluster
        self._delivery = delivery
        self._clock = clock
        self._progress = progress
        self._stores = stores
        self._standbys = standbys
        self._reached_at = reached
        self._followed: dict[int, Mapping[str, int]] = {}
        self._lineage = Lineage(layout, rebuilds)
        self._all_owners: dict[str, dict[int, Owner]] = {}

    def acquire(
        self,
        assignment: Assignment,
        retained: Mapping[int, Partition],
        cancelled: Callable[[], bool],
    ) -> dict[int, Partition]:
        """The partitions of ``assignment``, restored and ready to fold.

        ``retained`` are partitions that this worker has held without a break, all of their
        work committed; their rows are taken as they are.

        Raises:
            TakeOverCancelled: ``cancelled`` said so.
            StateError: the state cannot be trusted or does not fit.
            BrokerUnavailableError: no answer in time.
            FencedError: another member has taken over in the meantime.
        """
        numbers = sorted(assignment.partitions)
        if self._standbys is not None:
            self._standbys.keep({*numbers, *assignment.standbys})
        if self._stores is not None:
            self._stores.keep({*numbers, *assignment.standbys})
        if not numbers:
            return {}
        self._layout.check(self._cluster.partition_counts(), self._cluster.check_rights)
        owners = self._owners()
        for owner in owners.values():
            check_partitions(owner, self._layout.partitions)
        self._settle_predecessors(numbers, owners, cancelled)
        offsets = self._offsets(numbers)
        # After the offsets: whoever has moved them meanwhile has raised the epoch before.
        owners = self._owners()
        self._lineage.check(numbers, self._all_owners, offsets, self._cluster)
        partitions = {
            number: self._prepared(number, owners.get(number), offsets, retained)
            for number in numbers
        }
        fresh = [number for number in numbers if partitions[number] is not retained.get(number)]
        self._restore(fresh, partitions, cancelled)
        if cancelled():
            raise TakeOverCancelled
        for number in fresh:
            partitions[number].index_rows()
        self._raise_epochs(assignment, partitions, offsets, cancelled)
        return partitions

    def _owners(self) -> dict[int, Owner]:
        messages = self._cluster.read_all(OWNERS_TOPIC, OWNERS_PARTITION, "read_uncommitted")
        self._all_owners = all_owners(messages)
        return self._all_owners.get(self._layout.app_id, {})

    def _settle_predecessors(
        self, numbers: list[int], owners: Mapping[int, Owner], cancelled: Callable[[], bool]
    ) -> None:
        started = self._clock.monotonic()
        own = self._delivery.transactional_ids
        fenced = set(own)
        left = self._left_open(
            {n: owners[n] for n in numbers if n in owners and owners[n].transactional_ids != own}
        )
        while True:
            undecided, shown = self._undecided(numbers), self._still_open(left)
            if not undecided and not shown:
                return
            waited = self._clock.monotonic() - started
            if waited > _FENCE_AFTER:
                for name in (*ids_of(self._owners(), undecided), *ids_of(owners, shown)):
                    if name not in fenced:
                        self._cluster.fence(name)
                        fenced.add(name)
                left = {}  # nothing here depends on outputs: to fence was all there was to do
            if cancelled():
                raise TakeOverCancelled
            if waited > _PENDING_DEADLINE:
                raise BrokerUnavailableError(
                    f"transactions on partitions {sorted(undecided)} stayed undecided for "
                    f"{_PENDING_DEADLINE:.0f} s; is a transaction coordinator down?"
                )
            self._clock.sleep(_PENDING_POLL)

    def _undecided(self, numbers: list[int]) -> set[int]:
        """Partition numbers with unstable offsets or an undecided end of a changelog."""
        if self._cluster.committed(self._layout.inputs(numbers)) is None:
            return set(numbers)
        return {number for _, number in self._open_at(self._layout.changelogs(numbers))}

    def _left_open(self, owners: Mapping[int, Owner]) -> dict[TopicPartitionKey, int]:
        """Outputs that end in a transaction of their number's owner, and where that begins.

        An owner commits them before it gives the number up: one that has not is gone, or they
        are being decided. Who began a transaction its first record tells, by application and
        epoch: other applications write to the same topics, and so do zombies. Dead letters do
        not tell; a transaction of nothing else waits for its time-out, as one of mail does.
        """
        open_at = self._open_at(self._layout.outputs(owners))
        if not open_at:
            return {}
        source = sync_source(self._layout.app_id)
        left = {}
        for at, record in self._cluster.records_at(open_at).items():
            headers: Any = record.headers()  # librdkafka's stub allows text, which it never is
            if header(headers, CE_SOURCE) == source and epoch_of(headers) == owners[at[1]].epoch:
                left[at] = open_at[at]
        return left

    def _still_open(self, left: Mapping[TopicPartitionKey, int]) -> set[int]:
        """Partition numbers of which an output ends in the very transaction that it did."""
        return {at[1] for at, offset in self._open_at(left).items() if offset == left[at]}

    def _open_at(self, topics: Iterable[TopicPartitionKey]) -> dict[TopicPartitionKey, int]:
        """Where the first open transaction begins, of those that end in one."""
        asked = list(topics)
        if not asked:
            return {}
        ends = self._cluster.high_watermarks(asked)
        stable = self._cluster.last_stable_offsets(asked)
        return {at: stable[at] for at in asked if stable[at] < ends[at]}

    def _offsets(self, numbers: list[int]) -> dict[TopicPartitionKey, int]:
        """The next offset of every input of these numbers, checked against the logs."""
        inputs = list(self._layout.inputs(numbers))
        committed = self._stable(inputs)
        starts = self._cluster.starts(inputs)
        ends = self._cluster.high_watermarks(inputs)
        offsets: dict[TopicPartitionKey, int] = {}
        for topic, number in inputs:
            offset = committed[topic, number]
            start, end = starts[topic, number], ends[topic, number]
            if offset is None:
                offset = start
            elif not start <= offset <= end:
                raise StateError(
                    f"{topic}[{number}]: the group stands at offset {offset}, the log has "
                    f"{start} to {end}; events were deleted before they were read, or the topic "
                    "was made anew. Restore the topic, or begin again with another CCSTREAM_APP_ID"
                )
            offsets[topic, number] = offset
        self._check_not_forgotten(numbers, committed)
        return offsets

    def _stable(self, inputs: list[TopicPartitionKey]) -> dict[TopicPartitionKey, int | None]:
        for _ in range(_STABLE_ATTEMPTS):
            committed = self._cluster.committed(inputs)
            if committed is not None:
                return committed
        raise BrokerUnavailableError("the group's offsets became unstable again; try again")

    def _check_not_forgotten(
        self, numbers: list[int], committed: Mapping[TopicPartitionKey, int | None]
    ) -> None:
        changelogs = list(self._layout.changelogs(numbers))
        starts = self._cluster.starts(changelogs)
        ends = self._cluster.high_watermarks(changelogs)
        for number in numbers:
            known = any(committed[tp] is not None for tp in self._layout.inputs([number]))
            for topic, _ in self._layout.changelogs([number]):
                if ends[topic, number] > 0 and not known:
                    raise StateError(
                        f"partition {number} has state in {topic}, but the group "
                        f"{self._layout.app_id!r} has no offsets any more; folding from the "
                        "beginning would count everything twice. Restore the group's offsets, "
                        "or begin again with another CCSTREAM_APP_ID"
                    )
                if starts[topic, number] > 0 and self._cluster.deletes_old_records(topic):
                    raise StateError(
                        f"{topic}[{number}] begins at offset {starts[topic, number]}: rows were "
                        "deleted from it. A changelog must be compacted, never deleted from"
                    )

    def _prepared(
        self,
        number: int,
        owner: Owner | None,
        offsets: Mapping[TopicPartitionKey, int],
        retained: Mapping[int, Partition],
    ) -> Partition:
        folded = [
            offsets.get((topic, number), 0) - 1 for topic in self._layout.input_topics_by_number
        ]
        kept = retained.get(number)
        if kept is not None and owner is not None and kept.epoch == owner.epoch:
            if kept.folded == folded:
                return kept
            raise StateError(
                f"partition {number}: the group's offsets are not where this worker left them; "
                "something else committed for the group"
            )
        state_id = self._lineage.state_id(number, self._all_owners)
        scope = Scope(state_id, number, self._layout.partitions)
        standby = self._standbys.take(number, state_id) if self._standbys is not None else None
        if self._stores is None:
            tables = self._layout.new_tables() if standby is None else standby.tables
            self._followed[number] = {} if standby is None else standby.positions
            return Partition(scope, tables, folded)
        store = self._stores.open(scope, owner.epoch if owner is not None else 0)
        return Partition(scope, self._stores.tables(store), folded, store)

    def _restore(
        self,
        numbers: list[int],
        partitions: Mapping[int, Partition],
        cancelled: Callable[[], bool],
    ) -> None:
        changelogs = list(self._layout.changelogs(numbers))
        starts = self._cluster.starts(changelogs)
        ends = self._cluster.high_watermarks(changelogs)
        self._check_held([partitions[number] for number in numbers], starts, ends)
        ranges = [
            ChangelogRange(t, n, self._reached(partitions[n]).get(t, starts[t, n]), ends[t, n])
            for t, n in changelogs
        ]

        def restored(progress: RestoreProgress) -> None:
            for number in numbers:
                self._write_restored(partitions[number], progress.positions)
            self._progress(progress)

        # What there is nothing to read of, no progress will be told of.
        known = {(r.topic, r.partition): r.start for r in ranges}
        for number in numbers:
            store = partitions[number].store
            if store is not None:
                store.begin(of_number(number, known), self._clock.now_ms())
        self._cluster.restore(
            ranges,
            lambda topic, number: partitions[number].tables[self._layout.table_of(topic)],
            cancelled,
            self._progress if self._stores is None else restored,
        )

    def _check_held(
        self,
        partitions: Iterable[Partition],
        starts: Mapping[TopicPartitionKey, int],
        ends: Mapping[TopicPartitionKey, int],
    ) -> None:
        """What is there of a partition number and does not fit its changelogs is let go."""
        now_ms, kept_ms = self._clock.now_ms(), 0
        if self._stores is not None and ends:  # nothing is restored of what is only retained
            kept_ms = self._cluster.tombstones_kept_ms({topic for topic, _ in ends})
        for partition in partitions:
            if partition.store is not None:
                wipe_if_unfit(partition.store, starts, ends, now_ms, kept_ms)
                continue
            number = partition.number
            if not all(
                starts[topic, number] <= at <= ends[topic, number]
                for topic, at in self._reached(partition).items()
            ):
                partition.tables = self._layout.new_tables()
                self._followed[number] = {}

    def _reached(self, partition: Partition) -> Mapping[str, int]:
        """How far in the changelogs reaches what is there already."""
        if partition.store is not None:
            return partition.store.positions
        return self._followed.get(partition.number, {})

    def _write_restored(
        self, partition: Partition, positions: Mapping[TopicPartitionKey, int]
    ) -> None:
        if partition.store is not None:
            partition.store.write_restored(of_number(partition.number, positions))

    def _raise_epochs(
        self,
        assignment: Assignment,
        partitions: Mapping[int, Partition],
        offsets: Mapping[TopicPartitionKey, int],
        cancelled: Callable[[], bool],
    ) -> None:
        rows = []
        ids, now_ms = self._delivery.transactional_ids, self._clock.now_ms()
        for number, partition in partitions.items():
            before = epoch_before(number, partition.scope.state_id, self._all_owners)
            partition.begin_epoch(max(partition.epoch, before) + 1)
            ours = owner_of(partition, self._layout.app_id, ids, self._reached_at, now_ms)
            rows.append(owner_record(ours))
        moved = tuple(SourceOffset(topic, n, offset) for (topic, n), offset in offsets.items())
        for left in reversed(range(_JOINING_ATTEMPTS)):
            self._delivery.commit(Snapshot(assignment, tuple(rows), moved))
            try:
                self._delivery.settle(_RAISE_DEADLINE)
                break
            except RebalancingError:  # others are still joining, or another assignment is to come
                if cancelled():
                    raise TakeOverCancelled from None
                if not left:
                    raise
            self._clock.sleep(_PENDING_POLL)
        for partition in partitions.values():
            if partition.store is not None:
                partition.store.write_current(self._clock.now_ms(), partition.epoch)
