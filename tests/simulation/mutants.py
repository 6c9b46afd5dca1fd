"""Workers with one barrier taken out each: what the checker must be able to find.

Every one is a mistake that somebody could make, or that a library makes by default.
"""

from __future__ import annotations

from typing import Any
from unittest.mock import MagicMock, patch

from msgspec import structs

from ccstream.domain import linking
from ccstream.domain.events import LegalHoldChanged
from ccstream.domain.forest import forest
from ccstream.domain.identity_events import ProfileMerged, ProfileSplit
from ccstream.engine import assignment as engine_assignment
from ccstream.engine import restore as engine_restore
from ccstream.engine.assignment import Assignment
from ccstream.engine.chunks import ChunkLoop
from ccstream.engine.committer import Step
from ccstream.engine.delivery import Appended, Snapshot
from ccstream.engine.firing import Firing
from ccstream.engine.fold import Folder
from ccstream.engine.store_writer import StoreWriter
from ccstream.engine.takeover import TakeOver
from ccstream.engine.timers import TIMERS, TimerIndex
from ccstream.engine.transactional import TransactionalDelivery
from ccstream.wire.catalogue import OWNERS_TOPIC
from ccstream.wire.mail import ERASE, ERASE_LINKED
from tests.simulation.fakes import FakeCluster, SteppedCommitter
from tests.simulation.following import SteppedStandbys
from tests.simulation.process import STEPS, Parts

__all__ = ["MUTANTS", "OFFSETS_ONLY_WHERE_THEY_MOVED"]


class _EpochNotRaised(TakeOver):
    """The new owner goes on in the epoch of its predecessor."""

    def _raise_epochs(self, *arguments: Any) -> None:
        self._all_owners = {
            app_id: {n: structs.replace(o, epoch=o.epoch - 1) for n, o in owners.items()}
            for app_id, owners in self._all_owners.items()
        }
        super()._raise_epochs(*arguments)


class _OffsetsLeftOut(TransactionalDelivery):
    """Only take-overs send offsets within their transaction."""

    def commit(
        self, snapshot: Snapshot, appended: Appended | None = None, pause: float = 0.0
    ) -> None:
        if all(row.topic != OWNERS_TOPIC for row in snapshot.rows):
            snapshot = structs.replace(snapshot, offsets=())
        super().commit(snapshot, appended, pause)


class _OutputsIntoTheCommit(TransactionalDelivery):
    """What is folded during a commit goes with it, its offsets do not."""

    def send(self, topic: str, partition: int, key: Any, value: Any, headers: Any) -> None:
        if self._committer.busy and self._other._producer._in_transaction:
            self._other.send(topic, partition, key, value, headers)
        else:
            super().send(topic, partition, key, value, headers)


class _OutputsNotHeldBack(TransactionalDelivery):
    """The first outputs of a transaction do not wait for the last ones of that before."""

    def send(self, topic: str, partition: int, key: Any, value: Any, headers: Any) -> None:
        self._open.send(topic, partition, key, value, headers)


class _WaitingOvertaken(TransactionalDelivery):
    """As soon as outputs need not wait any more, the next one leaves before those that did."""

    def send(self, topic: str, partition: int, key: Any, value: Any, headers: Any) -> None:
        if self._acknowledged.is_set():
            self._open.send(topic, partition, key, value, headers)
        else:
            super().send(topic, partition, key, value, headers)


class _CommitterEach(SteppedCommitter):
    """As if each producer had a committer of its own: two commits at a time, in any order."""

    def __init__(self, point: Any) -> None:
        self._jobs: list[list[Step]] = []
        self._steps_taken = 0
        super().__init__(point)

    @property
    def busy(self) -> bool:  # type: ignore[override]
        """Whether another commit cannot begin."""
        return len(self._jobs) > 1 or any(len(job) == STEPS for job in self._jobs)

    @busy.setter
    def busy(self, busy: bool) -> None:
        pass

    @property
    def steps_left(self) -> int:
        return sum(map(len, self._jobs))

    def begin(self, *job: Step) -> None:
        assert not self.busy
        self._jobs.append(list(job))

    def step(self) -> None:
        self._steps_taken += 1
        for job in sorted(filter(None, self._jobs), key=len, reverse=self._steps_taken % 3 > 0)[:1]:
            try:
                job.pop(0)()
            except Exception as error:  # noqa: BLE001 - handed on, as a thread would
                self._failure = error
                job.clear()

    def finished(self) -> float | None:
        if not self._jobs or self._jobs[0]:
            return None
        self._jobs.pop(0)
        if self._failure is not None:
            raise self._failure
        return 0.0

    def wait(self, timeout: float) -> float | None:
        while self.steps_left:
            self._point("waiting for a commit")
            self.step()
        if self._jobs:
            self._point("after a commit")
        seconds = None
        while self._jobs:
            seconds = self.finished()
        return seconds

    def close(self) -> None:
        self._jobs.clear()


class _CommitsOverlap(TransactionalDelivery):
    """Rows and offsets do not wait until the commit before has succeeded; outputs do."""

    def send(self, topic: str, partition: int, key: Any, value: Any, headers: Any) -> None:
        if self._committer.busy:
            self._waiting.append((topic, partition, key, value, headers))
        else:
            super().send(topic, partition, key, value, headers)

    def _send_waiting(self) -> None:
        if not self._committer.busy:
            super()._send_waiting()


class _Unchecked(Assignment, frozen=True, eq=False):
    """Offsets that name no generation, which a broker takes from anyone."""

    def group_metadata(self) -> bytes:
        return engine_assignment._group_metadata(self.group, -1, "", None)


class _PastWorkKept(ChunkLoop):
    """What was folded and not committed is left to the next assignment's transaction."""

    def end(self, assignment: Assignment, timeout: float) -> Any:
        self._delivery.settle(timeout)
        self._plane.unassign()
        self.partitions = {}
        return {}


class _PatientOutputsLeftBehind(ChunkLoop):
    """Outputs that wait for others go into whichever transaction is open when they leave."""

    def _commit(self, assignment: Assignment, pause: float = 0.0) -> None:
        folder = self._folder
        self._folder = MagicMock()
        super()._commit(assignment, pause)
        self._folder = folder


class _WrittenTooEarly(StoreWriter):
    """Rows are in the local store before they are facts, as if they already were."""

    def commit(self, folded: Any) -> Any:
        appended = super().commit(folded)
        self.committed()
        return appended


class _StoredTooEarly(ChunkLoop):
    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._stores = _WrittenTooEarly(self._layout.input_topics_by_number, self._clock)


class _PositionsAreEnds(TakeOver):
    """A local store is taken as it is, without what it has missed."""

    def _restore(self, numbers: Any, partitions: Any, cancelled: Any) -> None:
        ends = self._cluster.high_watermarks(self._layout.changelogs(numbers))
        for (topic, number), end in ends.items():
            store = partitions[number].store
            if topic in store.positions:
                store.header.positions[topic] = end
        super()._restore(numbers, partitions, cancelled)


class _WindowsNotRestored(FakeCluster):
    """The duplicates' windows begin empty at each take-over."""

    def restore(self, ranges: Any, table_of: Any, cancelled: Any, progress: Any) -> Any:
        kept = [one for one in ranges if "windows" not in one.topic]
        return super().restore(kept, table_of, cancelled, progress)


class _LinksNotRestored(FakeCluster):
    """At each take-over nothing is known of who was linked, unlinked and kept apart."""

    def restore(self, ranges: Any, table_of: Any, cancelled: Any, progress: Any) -> Any:
        kept = [one for one in ranges if not one.topic.endswith("-links-changelog")]
        return super().restore(kept, table_of, cancelled, progress)


class _PendingOffsetsIgnored(FakeCluster):
    """The group's offsets as they were before a transaction that is not decided yet."""

    def committed(self, partitions: Any) -> Any:
        offsets = self._broker.group.offsets
        return {at: offsets.get(at) for at in partitions}


class _EndsAreStable(FakeCluster):
    """Changelogs are read to their last stable offset, which a consumer takes for their end."""

    def high_watermarks(self, partitions: Any) -> Any:
        return self.last_stable_offsets(partitions)


class _AbortedRowsRestored(FakeCluster):
    """Changelogs are read uncommitted."""

    def restore(self, ranges: Any, table_of: Any, cancelled: Any, progress: Any) -> Any:
        config = {"broker": self._broker, "isolation.level": "read_uncommitted"}
        return engine_restore.restore(
            config, ranges, table_of, cancelled=cancelled, progress=progress
        )


class _OwnersReadCommitted(FakeCluster):
    """An epoch is only seen once no open transaction hides it."""

    def read_all(self, topic: str, partition: int, isolation: str) -> Any:
        return super().read_all(topic, partition, "read_committed")


class _OffsetsOnlyWhereTheyMoved(TransactionalDelivery):
    """A transaction of timers alone has no offsets, and so is anybody's."""

    def commit(
        self, snapshot: Snapshot, appended: Appended | None = None, pause: float = 0.0
    ) -> None:
        known: set[Any] = self.__dict__.setdefault("_known", set())
        moved = tuple(offset for offset in snapshot.offsets if offset not in known)
        known.update(snapshot.offsets)
        if all(row.topic != OWNERS_TOPIC for row in snapshot.rows):
            snapshot = structs.replace(snapshot, offsets=moved)
        super().commit(snapshot, appended, pause)


class _TimersNotRestored(FakeCluster):
    """The timers begin empty at every take-over."""

    def restore(self, ranges: Any, table_of: Any, cancelled: Any, progress: Any) -> Any:
        kept = [one for one in ranges if not one.topic.endswith("-timers-changelog")]
        return super().restore(kept, table_of, cancelled, progress)


class _TimersNotIndexed(TakeOver):
    """The timers are restored, and nobody looks."""

    def acquire(self, *args: Any) -> Any:
        partitions = super().acquire(*args)
        for partition in partitions.values():
            partition.timers = TimerIndex()
        return partitions


class _ForgottenInMemoryOnly(Firing):
    """That a timer has fired is not part of what is committed."""

    def fire(self, partition: Any, entity: str, *args: Any, **more: Any) -> int:
        told = super().fire(partition, entity, *args, **more)
        if told:
            partition.tables[TIMERS]._dirty.pop(entity, None)
        return told


class _FiresTwice(Folder):
    """A timer fires again for each worker that finds it."""

    def __init__(self, **parts: Any) -> None:
        super().__init__(**parts)
        self._firing = _ForgottenInMemoryOnly(self._firing._aggregates, self._outlet)


class _QuietFolder(Folder):
    """What changes nothing publishes nothing."""

    def _publish_unchanged(
        self, partition: Any, entity: str, event: Any, source: Any, outcome: str
    ) -> None:
        pass


class _StandbysReadAll(SteppedStandbys):
    """Changelogs are followed uncommitted."""

    def __init__(self, config: Any, *parts: Any) -> None:
        super().__init__({**config, "isolation.level": "read_uncommitted"}, *parts)


class _StandbysTakenForCurrent(SteppedStandbys):
    """Whoever followed is thought to have read everything."""

    def take(self, number: int, state_id: bytes) -> Any:
        held = super().take(number, state_id)
        if held is not None:
            changelogs = [(topic, number) for topic in held.positions]
            ends = self._follower._cluster.high_watermarks(changelogs)
            held.positions = {topic: end for (topic, _), end in ends.items()}
        return held


class _RowsLeftBehind(Folder):
    """A log-in makes an alias, and what that had stays with it."""

    def __init__(self, **parts: Any) -> None:
        super().__init__(**parts)
        self._hand_overs.follow = MagicMock()  # type: ignore[method-assign]


class _RowsKept(Folder):
    """What the account has taken over is shown by the alias, too, as long as it is logged in."""

    def __init__(self, **parts: Any) -> None:
        super().__init__(**parts)
        self._hand_overs._acknowledged = MagicMock()  # type: ignore[method-assign]


class _RowsOfTheAbsorbedStay(Folder):
    """A row that arrives at one that was absorbed meanwhile is that one's, and nobody sees it."""

    def __init__(self, **parts: Any) -> None:
        super().__init__(**parts)
        self._hand_overs._letters.send_on = MagicMock()  # type: ignore[method-assign]


class _ErasuresNotRestored(FakeCluster):
    """At each take-over nobody is known to have been erased."""

    def restore(self, ranges: Any, table_of: Any, cancelled: Any, progress: Any) -> Any:
        kept = [one for one in ranges if not one.topic.endswith("-erasures-changelog")]
        return super().restore(kept, table_of, cancelled, progress)


class _LateBringsBack(Folder):
    """What occurred before an erasure and is late is folded like anything else."""

    def __init__(self, **parts: Any) -> None:
        super().__init__(**parts)
        self._erasing.meet = lambda *_: (None, None)  # type: ignore[method-assign]


class _LettersBringBack(Folder):
    """Rows and links on their way to somebody who was erased are taken in."""

    def __init__(self, **parts: Any) -> None:
        super().__init__(**parts)
        takes = self._erasing.takes

        def takes_erasures(partition: Any, mail: Any, *more: Any) -> bool:
            return mail.kind in {ERASE, ERASE_LINKED} and takes(partition, mail, *more)

        self._erasing.takes = takes_erasures  # type: ignore[method-assign]


class _QuietErasing(Folder):
    """A request that erases nothing publishes nothing."""

    def __init__(self, **parts: Any) -> None:
        super().__init__(**parts)
        self._erasing.publish_rows = MagicMock()  # type: ignore[method-assign]


class _SegmentsStayOpen(ChunkLoop):
    """Nothing is written where nothing comes, so that the last segments are never compacted."""

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        self._rolls = MagicMock()


class _RowsOfTheErasedStay(Folder):
    """Rows that were on their way to somebody who was erased stay where they came from."""

    def __init__(self, **parts: Any) -> None:
        super().__init__(**parts)
        self._erasing._late._end_row = MagicMock()  # type: ignore[method-assign]


class _UnnamedStay(Folder):
    """Only identifiers that the request names are told to go."""

    def __init__(self, **parts: Any) -> None:
        super().__init__(**parts)
        self._erasing._along.tell_others = MagicMock()  # type: ignore[method-assign]


class _FactsStay(Folder):
    """What is known of links of somebody who is erased stays known."""

    def __init__(self, **parts: Any) -> None:
        super().__init__(**parts)
        self._linking.forget = MagicMock()  # type: ignore[method-assign]


class _LinksOfOthersGo(Folder):
    """What is known of links of others where somebody is erased goes with them."""

    def __init__(self, **parts: Any) -> None:
        super().__init__(**parts)
        self._linking.erased.keep = MagicMock(return_value=0)  # type: ignore[method-assign]


class _HoldsForgotten(Folder):
    """A legal hold does not hold an erasure up."""

    def __init__(self, **parts: Any) -> None:
        super().__init__(**parts)
        ask = self._erasing.ask

        def asked(partition: Any, entity: Any, event: Any, *more: Any) -> Any:
            return None if type(event) is LegalHoldChanged else ask(partition, entity, event, *more)

        self._erasing.ask = asked  # type: ignore[method-assign]


class _RowsOfTheSplitStay(Folder):
    """What has gone to the profile that an identifier leaves stays with that identifier, too."""

    def __init__(self, **parts: Any) -> None:
        super().__init__(**parts)
        keeping = MagicMock(wraps=self._hand_overs)
        keeping.delete_rows = MagicMock()
        self._linking._hand_overs = keeping


class _QuietLinking(Folder):
    """Letters about links publish an alias only if it is another one than before."""

    def __init__(self, **parts: Any) -> None:
        super().__init__(**parts)
        publish = self._linking._outlet.publish_as_is

        def publish_changes(
            aggregate: Any, partition: Any, entity: str, key: str, cause: Any, trace: Any
        ) -> None:
            if cause.outcome == "applied":
                publish(aggregate, partition, entity, key, cause, trace)

        quiet = MagicMock(wraps=self._linking._outlet)
        quiet.publish_as_is = publish_changes
        self._linking._outlet = quiet


class _ConflictsToldAgain(Folder):
    """Links that are passed over are told of whenever a coordinator learns something."""

    def __init__(self, **parts: Any) -> None:
        super().__init__(**parts)
        learned = linking._learned

        def forgetful(now: Any, letter: Any, rules: Any, *more: Any, **when: Any) -> Any:
            outcome = learned(now, letter, rules, *more, **when)
            facts = outcome.links.facts
            return structs.replace(outcome, conflicts=forest(facts, rules.is_account).conflicts)

        linking_take = self._linking._read

        def read(*args: Any) -> Any:
            with patch.object(linking, "_learned", forgetful):
                return linking_take(*args)

        self._linking._read = read  # type: ignore[method-assign]


class _RepetitionsForgotten(Folder):
    """A link that says again what holds is not remembered, though that may be undone."""

    def __init__(self, **parts: Any) -> None:
        super().__init__(**parts)
        take = self._linking._read

        def read(*args: Any) -> Any:
            with patch.object(linking, "sifted", lambda facts, _: (facts, frozenset())):
                return take(*args)

        self._linking._read = read  # type: ignore[method-assign]


class _SplitsCalledMerges(Folder):
    """Whoever has come to a root was merged."""

    def __init__(self, **parts: Any) -> None:
        super().__init__(**parts)
        tell = self._outlet.tell

        def told(partition: Any, event: Any, trace: Any) -> None:
            fact = event.fact
            if isinstance(fact, ProfileSplit) and fact.root != event.subject:
                event = structs.replace(event, fact=ProfileMerged(fact.root, fact.former_root))
            tell(partition, event, trace)

        telling = MagicMock(wraps=self._outlet)
        telling.tell = told
        self._linking._telling._outlet = telling


MUTANTS: dict[str, Parts] = {
    "the epoch is not raised": Parts(takeover=_EpochNotRaised),
    "offsets are left out of the transaction": Parts(delivery=_OffsetsLeftOut),
    "outputs join the transaction that is being committed": Parts(delivery=_OutputsIntoTheCommit),
    "outputs do not wait for those of the transaction before": Parts(delivery=_OutputsNotHeldBack),
    "outputs that waited are overtaken": Parts(delivery=_WaitingOvertaken),
    "a commit does not wait for the one before": Parts(
        delivery=_CommitsOverlap, committer=_CommitterEach
    ),
    "offsets name no generation": Parts(assignment=_Unchecked),
    "work of a past assignment is committed under the next": Parts(chunks=_PastWorkKept),
    "outputs that wait for others miss their transaction": Parts(chunks=_PatientOutputsLeftBehind),
    "duplicates' windows are not restored": Parts(cluster=_WindowsNotRestored),
    "rows are stored before they are committed": Parts(chunks=_StoredTooEarly, stored=True),
    "a local store is not brought up to date": Parts(takeover=_PositionsAreEnds, stored=True),
    "pending offsets are ignored": Parts(cluster=_PendingOffsetsIgnored),
    "changelogs are restored to their last stable offset": Parts(cluster=_EndsAreStable),
    "aborted rows are restored": Parts(cluster=_AbortedRowsRestored),
    "epochs are read committed": Parts(cluster=_OwnersReadCommitted),
    "a timer that fired is not forgotten with its transaction": Parts(folder=_FiresTwice),
    "timers are not restored": Parts(cluster=_TimersNotRestored),
    "timers are not found among the rows": Parts(takeover=_TimersNotIndexed),
    "inputs are read uncommitted": Parts(isolation="read_uncommitted"),
    "what changes nothing is not published": Parts(folder=_QuietFolder),
    "standbys follow what is not committed": Parts(standbys=_StandbysReadAll),
    "a standby is not brought up to date": Parts(standbys=_StandbysTakenForCurrent),
    "letters that change nothing publish nothing": Parts(folder=_QuietLinking),
    "rows of one that was absorbed stay with it": Parts(folder=_RowsOfTheAbsorbedStay),
    "links are not restored": Parts(cluster=_LinksNotRestored),
    "erasures are not restored": Parts(cluster=_ErasuresNotRestored),
    "what is late brings back who was erased": Parts(folder=_LateBringsBack),
    "letters bring back who was erased": Parts(folder=_LettersBringBack),
    "a request that erases nothing publishes nothing": Parts(folder=_QuietErasing),
    "the last segments stay open": Parts(chunks=_SegmentsStayOpen),
    "rows on their way to who was erased stay": Parts(folder=_RowsOfTheErasedStay),
    "cards that nobody named stay with who was erased": Parts(folder=_UnnamedStay),
    "facts about who was erased stay": Parts(folder=_FactsStay),
    "links of others go with who was erased": Parts(folder=_LinksOfOthersGo),
    "legal holds are forgotten": Parts(folder=_HoldsForgotten),
    "rows of one that is split off come back": Parts(folder=_RowsOfTheSplitStay),
    "conflicts are told of again": Parts(folder=_ConflictsToldAgain),
    "links that are said again are forgotten": Parts(folder=_RepetitionsForgotten),
    "who leaves one root for another was merged": Parts(folder=_SplitsCalledMerges),
    "rows stay with an alias": Parts(folder=_RowsLeftBehind),
    "rows taken over stay with an alias, too": Parts(folder=_RowsKept),
}
"""By what is missing."""

OFFSETS_ONLY_WHERE_THEY_MOVED = Parts(delivery=_OffsetsOnlyWhereTheyMoved)
"""Found by one history in many thousands: a zombie that has nothing to do but to fire a timer."""
