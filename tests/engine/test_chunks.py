"""The chunk loop: when it folds, when it commits, and what of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka import KafkaError
from msgspec import structs

from ccstream.domain.touch import TouchLimits
from ccstream.domain.window import WindowLimits
from ccstream.engine import chunks as module
from ccstream.engine.answers import Answers
from ccstream.engine.assignment import Assignment
from ccstream.engine.chunks import ChunkLoop, Pace
from ccstream.engine.dataplane import DataPlane
from ccstream.engine.delivery import SourceOffset
from ccstream.engine.gauges import Gauges
from ccstream.errors import AccessDeniedError, DeliveryError, FencedError, StateError
from ccstream.ops.metrics import Metrics
from ccstream.wire.catalogue import SYNC_TOPICS
from ccstream.wire.query import Question, Written
from ccstream.wire.sync import SYNC_CODECS
from tests.engine.world import CODEC, NOW, PARTITIONS, World, added, key_living_at
from tests.simulation.broker import FakeBroker
from tests.simulation.clock import FakeClock
from tests.simulation.fakes import FakeConsumer, FakeGauges
from tests.simulation.process import INPUTS, make_layout, make_topics, on_fakes

WEB, STORE, MAIL = INPUTS
PACE = Pace(
    commit_interval=0.1,
    urgent_interval=0.02,
    catch_up_interval=0.5,
    linger_max=0.005,
    commit_timeout=5.0,
    roll_interval=90_000.0,
)
HERE = key_living_at(0)
CARTS, TOUCHES = SYNC_TOPICS["carts"], SYNC_TOPICS["touches"]


class Loop:
    """A chunk loop over partition 0, its inputs, and what it commits."""

    def __init__(
        self,
        gauges: Any = None,
        world: World | None = None,
        tracing: Any = None,
        clock: FakeClock | None = None,
    ) -> None:
        self.clock = clock or FakeClock()
        self.layout = make_layout(3)
        self.broker = FakeBroker(self.clock, make_topics(self.layout), "simulated")
        self.world = world or World()
        self.delivery = self.world.delivery
        plane = DataPlane({"broker": self.broker, "isolation.level": "read_committed"}, 8_000)
        self.plane: FakeConsumer = plane._consumer
        self.chunks = ChunkLoop(
            plane,
            self.world.folder,
            self.delivery,
            self.layout,
            gauges or FakeGauges(),
            PACE,
            self.clock,
            tracing,
        )
        self.assignment = Assignment("simulated", 1, "me", None, frozenset({0}))
        self.chunks.begin({0: self.world.partition}, frozenset())

    def publish(self, *events: Any, partition: int = 0) -> None:
        for event in events:
            value = CODEC.encode_event(event)
            self.broker.append((WEB, partition), event.subject.encode(), value)

    def turn(self, later: float = 0.0) -> None:
        self.clock.advance(later)
        self.chunks.turn(self.assignment)


@pytest.fixture
def loop() -> Iterator[Loop]:
    with on_fakes():
        yield Loop()


def test_a_whole_fetch_is_folded_and_its_outputs_leave_at_once(loop: Loop) -> None:
    loop.publish(added(), added(event_id="e2"))
    loop.turn()
    assert loop.world.quantity(HERE) == 2
    assert len(loop.delivery.sent) == 4
    assert loop.delivery.commits == []


@pytest.mark.parametrize(("events", "first"), [(199, 0), (200, 199)])
def test_outputs_of_a_full_chunk_leave_together_at_its_end(
    loop: Loop, monkeypatch: pytest.MonkeyPatch, events: int, first: int
) -> None:
    folded: list[int] = []
    send = loop.delivery.send

    def sent(*record: Any) -> None:
        folded.append(loop.world.partition.folded[0])
        send(*record)

    monkeypatch.setattr(loop.delivery, "send", sent)
    loop.publish(*(added(event_id=f"e{number}") for number in range(events)))
    loop.turn()
    assert len(folded) == 2 * events
    assert folded[0] == first
    assert [record.topic for record in loop.delivery.sent[:2]] == list(
        dict.fromkeys(record.topic for record in loop.delivery.sent)
    )


def test_under_load_touches_wait_for_others_and_baskets_do_not(
    loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PATIENT_ABOVE", -1.0)
    for number in range(3):
        loop.publish(added(event_id=f"e{number}"))
        loop.turn(later=0.009)
    assert [record.topic for record in loop.delivery.sent] == [CARTS] * 3
    loop.turn(later=0.009)
    assert [record.topic for record in loop.delivery.sent] == [CARTS] * 3 + [TOUCHES] * 3


def test_what_waits_leaves_in_the_transaction_of_its_rows(
    loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent_at_commit: list[int] = []
    commit = loop.delivery.commit

    def committed(*snapshot: Any) -> None:
        sent_at_commit.append(len(loop.delivery.sent))
        commit(*snapshot)

    monkeypatch.setattr(module, "_PATIENT_ABOVE", -1.0)
    monkeypatch.setattr(loop.delivery, "commit", committed)
    loop.publish(added())
    loop.turn()
    loop.publish(added(event_id="e2"))
    loop.turn(later=0.1)
    assert sent_at_commit == [4]


def test_a_commit_has_one_row_for_each_that_changed_and_the_positions_reached(loop: Loop) -> None:
    loop.publish(added(), added(event_id="e2"))
    loop.turn()
    loop.turn(later=0.1)
    (snapshot,) = loop.delivery.commits
    assert snapshot.assignment is loop.assignment
    rows = [(row.topic, row.partition, row.key) for row in snapshot.rows]
    assert sorted(rows) == [
        (f"simulated-{table}-changelog", 0, HERE) for table in ("carts", "touches", "windows")
    ]
    assert snapshot.offsets == (SourceOffset(WEB, 0, 2),)


def test_a_worker_that_is_behind_commits_less_often_until_it_has_caught_up(loop: Loop) -> None:
    for chunk in range(3):
        loop.publish(*(added(event_id=f"e{chunk}-{number}") for number in range(200)))
        loop.turn(later=0.2)
    (snapshot,) = loop.delivery.commits
    assert snapshot.offsets == (SourceOffset(WEB, 0, 600),)
    loop.delivery.busy = False
    loop.publish(added(event_id="the last"))
    loop.turn(later=0.1)
    assert loop.delivery.commits[1].offsets == (SourceOffset(WEB, 0, 601),)


def test_mail_hastens_commits_also_while_behind(
    loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop.chunks, "_urgent", True)
    for chunk in range(2):
        loop.publish(*(added(event_id=f"e{chunk}-{number}") for number in range(200)))
        loop.turn(later=0.05)
    (snapshot,) = loop.delivery.commits
    assert snapshot.offsets == (SourceOffset(WEB, 0, 400),)


def test_the_next_outputs_go_before_the_rows_of_a_commit_unless_something_waits(
    loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PATIENT_ABOVE", -1.0)
    loop.publish(added())
    loop.turn(later=0.1)
    assert loop.delivery.pauses == [pytest.approx(0.02)]
    assert loop.delivery.hastened == 0
    loop.publish(*(added(event_id=f"e{number}") for number in range(200)))
    loop.turn()
    assert loop.delivery.hastened == 1, "while it is behind"
    loop.delivery.busy = False
    loop.publish(*(added(event_id=f"f{number}") for number in range(200)))
    loop.turn(later=0.5)
    assert loop.delivery.pauses[1:] == [0]
    loop.publish(added(subject=key_living_at(1)))
    loop.turn()
    assert loop.delivery.hastened == 3, "mail waits for the commit after the one on its way"
    loop.delivery.busy = False
    loop.turn(later=0.02)
    assert loop.delivery.pauses[2:] == [0]
    loop.publish(added(event_id="the last"))
    loop.turn()
    loop.delivery.busy = False
    loop.chunks.end(loop.assignment, 5.0)
    assert loop.delivery.pauses[3:] == [0]


@pytest.mark.parametrize(
    ("interval", "above", "below", "pause"),
    [
        (0.1, -1.0, 1e9, 0.02),
        (10.0, -1.0, 1e9, 0.04),
        (0.1, 1e9, 1e9, 0.0),
        (0.1, -1.0, -0.5, 0.0),
    ],
)
def test_the_rows_of_a_commit_wait_for_a_moment_and_only_where_outputs_come(
    loop: Loop,
    monkeypatch: pytest.MonkeyPatch,
    interval: float,
    above: float,
    below: float,
    pause: float,
) -> None:
    monkeypatch.setattr(module, "_PATIENT_ABOVE", above)
    monkeypatch.setattr(module, "_LINGER_ABOVE", below)
    monkeypatch.setattr(loop.chunks, "_pace", structs.replace(PACE, commit_interval=interval))
    loop.publish(added())
    loop.turn(later=interval)
    assert loop.delivery.pauses == [pytest.approx(pause)]


def test_a_commit_waits_for_its_interval(loop: Loop) -> None:
    loop.publish(added())
    loop.turn(later=0.09)
    assert loop.delivery.commits == []
    loop.turn(later=0.02)
    assert len(loop.delivery.commits) == 1


def test_mail_is_committed_sooner(loop: Loop) -> None:
    loop.publish(added(subject=key_living_at(1)))
    loop.turn(later=0.01)
    assert loop.delivery.commits == []
    loop.turn(later=0.01)
    assert len(loop.delivery.commits) == 1


def test_folding_goes_on_during_a_commit_and_no_other_begins(loop: Loop) -> None:
    loop.publish(added())
    loop.turn(later=0.2)
    loop.publish(added(event_id="e2"))
    loop.turn(later=0.2)
    assert loop.world.quantity(HERE) == 2
    assert len(loop.delivery.commits) == 1
    loop.delivery.busy = False
    loop.turn()
    assert [s.offsets for s in loop.delivery.commits] == [
        (SourceOffset(WEB, 0, 1),),
        (SourceOffset(WEB, 0, 2),),
    ]


def test_where_nothing_was_folded_nothing_is_committed(loop: Loop) -> None:
    loop.turn(later=10)
    assert loop.delivery.commits == []


def test_a_record_that_changes_no_row_moves_the_position_all_the_same(loop: Loop) -> None:
    loop.broker.append((STORE, 0), b"k", b"garbage")
    loop.turn(later=1)
    (snapshot,) = loop.delivery.commits
    assert snapshot.rows == ()
    assert snapshot.offsets == (SourceOffset(STORE, 0, 1),)


def test_too_much_folded_during_a_commit_stops_the_fold_until_it_has_ended(
    loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_UNCOMMITTED_MAX", 3)
    loop.publish(added())
    loop.turn(later=0.2)
    assert loop.delivery.busy
    loop.publish(*[added()] * 3)
    loop.turn(later=0.2)
    assert (loop.delivery.settled, loop.world.partition.folded[0]) == (0, 3)
    loop.publish(added())
    loop.turn(later=0.2)
    assert (loop.delivery.settled, loop.delivery.busy) == (1, False)
    loop.turn()
    assert [s.offsets[0].offset for s in loop.delivery.commits] == [1, 5]


def test_too_many_outputs_that_wait_for_a_commit_stop_the_fold_until_it_has_ended(
    loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_WAITING_MAX", 3)
    loop.publish(added())
    loop.turn(later=0.2)
    loop.delivery.waiting = 3
    loop.turn(later=0.2)
    assert (loop.delivery.settled, loop.delivery.busy) == (0, True)
    loop.delivery.waiting = 4
    loop.turn(later=0.2)
    assert (loop.delivery.settled, loop.delivery.busy) == (1, False)


def test_giving_up_commits_what_was_folded_and_ends_reading(loop: Loop) -> None:
    loop.publish(added())
    loop.turn()
    released = loop.chunks.end(loop.assignment, timeout=1)
    assert released == {0: loop.world.partition}
    assert [s.offsets for s in loop.delivery.commits] == [(SourceOffset(WEB, 0, 1),)]
    assert loop.chunks.partitions == {}
    loop.publish(added(event_id="e2"))
    loop.turn(later=1)
    assert loop.world.quantity(HERE) == 1


def test_giving_up_lets_a_commit_end_before_the_last_one(loop: Loop) -> None:
    loop.publish(added())
    loop.turn(later=1)
    loop.publish(added(event_id="e2"))
    loop.turn()
    loop.chunks.end(loop.assignment, timeout=1)
    assert [s.offsets[0].offset for s in loop.delivery.commits] == [1, 2]
    assert loop.delivery.settled == 2


def test_what_is_ahead_of_the_group_is_not_gone_on_with(loop: Loop) -> None:
    loop.publish(added())
    loop.turn()
    loop.delivery.offsets_behind = True
    assert loop.chunks.end(loop.assignment, timeout=1) == {}


def test_what_the_group_did_not_take_is_not_told_as_committed(
    loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = Answers(
        app_id="app",
        partitions=PARTITIONS,
        topics=loop.layout.input_topics_by_number,
        chunks=loop.chunks,
        codecs=SYNC_CODECS,
        limits=WindowLimits(),
        touch_limits=TouchLimits(),
        alive=lambda: True,
    )

    def poll() -> float | None:
        ended, loop.delivery.busy = loop.delivery.busy, False
        return 0.1 if ended else None

    def told(event_id: str, offset: int) -> tuple[bool, int | None]:
        written = Written(WEB, 0, offset, HERE, "web/shop-1", event_id, NOW, False)
        answer = answers.answer(Question(app_id="app", entity=HERE, written=written))
        return answer.included, answer.as_of.get(WEB)

    monkeypatch.setattr(loop.delivery, "poll", poll)
    loop.publish(added())
    loop.turn(later=1)
    assert told("e1", 0) == (False, None)
    loop.turn()
    assert told("e1", 0) == (True, 0)
    loop.publish(added(event_id="e2"))
    loop.turn(later=1)
    loop.delivery.offsets_behind = True
    loop.turn()
    assert told("e2", 1) == (False, 0)
    assert told("e1", 0) == (True, 0)
    loop.delivery.offsets_behind = False  # what is restored is at the group's offset
    loop.chunks.begin({0: loop.world.partition}, frozenset())
    assert told("e2", 1) == (True, 1)


def test_giving_up_where_all_is_committed_commits_nothing(loop: Loop) -> None:
    loop.chunks.end(loop.assignment, timeout=1)
    assert loop.delivery.commits == []


def test_only_what_was_assigned_is_read(loop: Loop) -> None:
    loop.publish(added(), partition=1)
    loop.turn()
    assert loop.delivery.sent == []
    assert loop.world.partition.folded == [-1, -1, -1]


def test_reading_goes_on_where_the_partition_stands(loop: Loop) -> None:
    loop.publish(added(), added(event_id="e2"))
    loop.world.partition.folded[0] = 0
    loop.chunks.begin({0: loop.world.partition}, frozenset())
    loop.turn()
    assert loop.world.quantity(HERE) == 1
    assert loop.world.partition.folded[0] == 1


def test_under_load_the_loop_waits_a_little_for_fuller_chunks(loop: Loop) -> None:
    spent = []
    for _ in range(50):
        loop.publish(*[added()] * 150)
        before = loop.clock.monotonic()
        loop.turn(later=0.03)
        spent.append(loop.clock.monotonic() - before)
    assert spent[0] == pytest.approx(0.03)
    assert spent[-1] == pytest.approx(0.03 + PACE.linger_max)


@pytest.mark.parametrize(
    ("waited", "ahead"), [(0.07, False), (0.08, True)], ids=["early", "near the commit"]
)
def test_rows_are_encoded_for_a_commit_that_is_near_before_it_is_due(
    loop: Loop, waited: float, ahead: bool
) -> None:
    loop.publish(added())
    loop.turn(later=waited)
    assert loop.world.partition.tables["carts"].encode_ahead(9) == (0 if ahead else 1)
    loop.turn(later=0.1)
    (commit,) = loop.delivery.commits
    assert {row.key for row in commit.rows} >= {HERE}


def test_a_single_event_is_never_made_to_wait(loop: Loop) -> None:
    loop.publish(added())
    before = loop.clock.monotonic()
    loop.turn(later=0.03)
    assert loop.clock.monotonic() - before == pytest.approx(0.03)


# what ends it


def test_a_worker_that_the_group_must_take_for_dead_folds_nothing_more() -> None:
    with on_fakes():
        clock = FakeClock()
        gauges = Gauges(
            Metrics(channels=("web", "mail", "unknown")),
            make_layout(3),
            clock,
            last_heartbeat=lambda: clock.monotonic() - 11.0,
            session_timeout=10.0,
            report=lambda progress: None,
        )
        loop = Loop(gauges)
        loop.publish(added())
        with pytest.raises(FencedError, match="no heartbeat"):
            loop.turn()
        assert loop.delivery.sent == []


class Failing:
    """A message that is an error."""

    def __init__(self, code: int) -> None:
        self._error = KafkaError(code, "it failed")

    def error(self) -> KafkaError:
        return self._error

    def topic(self) -> str:
        return WEB

    def partition(self) -> int:
        return 0


def test_a_position_that_is_not_in_the_log_any_more_is_refused(loop: Loop) -> None:
    loop.plane._fetched.append(Failing(KafkaError._AUTO_OFFSET_RESET))
    with pytest.raises(StateError, match="not in the log any more"):
        loop.turn()


def test_an_error_that_mends_itself_ends_nothing(loop: Loop) -> None:
    loop.plane._fetched.append(Failing(KafkaError._TRANSPORT))
    loop.turn()
    loop.publish(added())
    loop.turn()
    assert loop.chunks.partitions


def test_an_error_that_does_not_mend_ends_the_worker(loop: Loop) -> None:
    loop.plane._fetched.append(Failing(KafkaError.INVALID_MSG))
    with pytest.raises(DeliveryError, match="could not read"):
        loop.turn()


def test_a_right_that_was_taken_ends_the_worker_and_is_told_as_that(loop: Loop) -> None:
    loop.plane._fetched.append(Failing(KafkaError.TOPIC_AUTHORIZATION_FAILED))
    with pytest.raises(AccessDeniedError, match=r"could not read .* lacks a right on the topic"):
        loop.turn()


class _Spans:
    """Tracing that notes what it is told."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    def chunk(self, records: int, traces: Any) -> Any:
        self.told.append((records, list(traces)))
        return self

    def end(self) -> None:
        self.told.append("end")

    def close(self) -> None:
        self.told.append("close")


def test_each_chunk_has_one_span_which_ends_when_it_is_folded() -> None:
    spans = _Spans()
    with on_fakes():
        loop = Loop(tracing=spans)
        loop.turn()
        assert spans.told == []
        headers = [("traceparent", b"00-1-1-01")]
        loop.broker.append((WEB, 0), HERE.encode(), CODEC.encode_event(added()), headers)
        loop.publish(added(event_id="e2"))
        loop.turn()
        assert spans.told == [(2, [b"00-1-1-01", None]), "end"]
        loop.chunks.close()
        assert spans.told[-1] == "close"
