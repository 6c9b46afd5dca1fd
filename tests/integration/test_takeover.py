"""Taking over what is there: state that cannot be trusted is refused, all other restored.

Most tests make the state by hand, with a client of their own, so that one worker each is
enough. Each application has a name of its own on the module's cluster.
"""

from __future__ import annotations

import time
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from ccstream.devkit.kafka import LocalKafka
from ccstream.engine.owners import Owner, owner_record
from ccstream.engine.status import ExitStatus
from ccstream.ops.broker import Broker
from ccstream.ops.settings import Settings
from ccstream.wire.catalogue import (
    OWNERS_TOPIC,
    SYNC_TOPICS,
    TABLES,
    changelog_topic,
    input_topic,
)
from ccstream.wire.headers import SyncHeaders, epoch_of
from ccstream.wire.partition import partition_for
from tests.integration.harness import (
    PARTITIONS,
    added,
    codec,
    latest,
    make_topics,
    publish,
    read,
    settings_for,
    table,
    units,
    wait_until,
    worker,
)
from tests.support.topics import make_topic

pytestmark = [pytest.mark.long, pytest.mark.timeout(240)]

WEB = input_topic("web")


@pytest.fixture
def settings(app: Settings) -> Settings:
    return app


@pytest.fixture
def by_hand(settings: Settings) -> ByHand:
    return ByHand(settings)


class ByHand:
    """What somebody with the right to do so can do to an application's topics and group."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._kafka = {"bootstrap.servers": settings.kafka.bootstrap, "log_level": 2}
        self._admin = AdminClient(self._kafka)

    def commit(self, offset: int, topic: str = WEB, partition: int = 0) -> None:
        """Let the group have read up to ``offset``."""
        consumer = Consumer(self._kafka | {"group.id": self._settings.app_id})
        consumer.commit(offsets=[TopicPartition(topic, partition, offset)], asynchronous=False)
        consumer.close()

    def write(self, topic: str, key: bytes | None, value: bytes | None, partition: int = 0) -> None:
        producer = Producer(self._kafka)
        producer.produce(topic, value, key, partition)
        assert producer.flush(20) == 0

    def write_row(self, partition: int = 0) -> None:
        """A row of a cart, as a worker would have left it."""
        row = {
            "version": 1 << 32,
            "root": "customer:1",
            "since": 1,
            "event_id": "e",
            "earlier": [],
            "known_from": None,
            "erased_until": 0,
        }
        changelog = changelog_topic(self._settings.app_id, "aliases")
        self.write(changelog, b"visitor:1", codec.encode("AliasRow", row), partition)

    def delete_before(self, topic: str, offset: int, partition: int = 0) -> None:
        (done,) = self._admin.delete_records([TopicPartition(topic, partition, offset)]).values()
        done.result(20)

    def write_owner(self, owner: Owner) -> None:
        row = owner_record(owner)
        self.write(row.topic, row.key.encode(), row.value)

    def epoch(self, partition: int) -> int:
        """Of the last owner of a partition number, as committed."""
        key = f"{self._settings.app_id}/{partition}"
        epoch: int = latest(self._settings.kafka.bootstrap, OWNERS_TOPIC)[key]["epoch"]
        return epoch

    def start(self, topic: str, partition: int = 0) -> int:
        return self._watermarks(topic, partition)[0]

    def end(self, topic: str, partition: int = 0) -> int:
        return self._watermarks(topic, partition)[1]

    def group_metadata(self) -> Any:
        """That of somebody who is not a member, which an empty group takes."""
        consumer = Consumer(self._kafka | {"group.id": self._settings.app_id})
        try:
            return consumer.consumer_group_metadata()
        finally:
            consumer.close()

    def _watermarks(self, topic: str, partition: int) -> tuple[int, int]:
        consumer = Consumer(self._kafka | {"group.id": "watermarks"})
        try:
            low, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=20)
            return low, high
        finally:
            consumer.close()

    def producer(self, transactional_id: str, **config: Any) -> Producer:
        producer = Producer(self._kafka | {"transactional.id": transactional_id} | config)
        producer.init_transactions(20)
        producer.begin_transaction()
        return producer


def refused(settings: Settings, *words: str, **environment: str) -> None:
    """A worker ends for good, and says why."""
    with worker(settings, ready=False, **environment) as one:
        assert one.wait_ended(60) == ExitStatus.STATE, one.log[-2000:]
        last = one.log.strip().splitlines()[-1]
        for word in words:
            assert word in last
        assert "Traceback" not in one.log


# what is refused


def test_state_without_the_groups_offsets_is_refused(settings: Settings, by_hand: ByHand) -> None:
    by_hand.write_row()
    refused(settings, "has no offsets any more", settings.app_id)


def test_state_that_was_made_with_another_partition_count_is_refused(
    settings: Settings, by_hand: ByHand
) -> None:
    by_hand.write_owner(owner(settings, partitions=8))
    refused(settings, "made with 8 partitions", "cannot change")


def test_an_application_without_its_topics_is_refused(cluster: LocalKafka, unique: str) -> None:
    refused(settings_for(cluster.bootstrap, unique), "missing", "topics apply")


def test_topics_of_different_partition_counts_are_refused(cluster: LocalKafka, unique: str) -> None:
    make_topics(settings_for(cluster.bootstrap, f"{unique}-other"))  # the inputs are everybody's
    for name in TABLES:
        make_topic(cluster.bootstrap, changelog_topic(unique, name), 3 if name == "orders" else 4)
    settings = settings_for(cluster.bootstrap, unique)
    refused(settings, f"{unique}-orders-changelog has 3 partitions and 4 are expected")


def test_a_partition_count_that_is_not_the_topics_is_refused(settings: Settings) -> None:
    refused(settings, "has 4 partitions and 2 are expected", KAFKA__PARTITIONS="2")


@pytest.mark.parametrize("lost", ["deleted before they were read", "the topic was made anew"])
def test_a_position_that_is_not_in_the_log_is_refused(
    settings: Settings, by_hand: ByHand, lost: str
) -> None:
    bootstrap = settings.kafka.bootstrap
    subject = next(s for s in map("customer:{}".format, range(99)) if home(s) == 0)
    publish(bootstrap, (added(number, subject) for number in range(8)))
    end = by_hand.end(WEB)
    if "deleted" in lost:
        by_hand.commit(end - 6)
        by_hand.delete_before(WEB, end - 3)
        refused(settings, f"stands at offset {end - 6}", f"{end - 3} to {end}", lost)
    else:
        by_hand.commit(end + 1)
        refused(settings, f"stands at offset {end + 1}", lost)


def test_a_changelog_that_rows_were_deleted_from_is_refused(
    settings: Settings, by_hand: ByHand
) -> None:
    changelog = changelog_topic(settings.app_id, "aliases")
    Broker(settings).set_config(changelog, {"cleanup.policy": "compact,delete"})
    for _ in range(3):
        by_hand.write_row()
    by_hand.commit(by_hand.start(WEB))
    by_hand.delete_before(changelog, 2)
    refused(settings, f"{changelog}[0] begins at offset 2", "rows were deleted")


@pytest.mark.parametrize(
    ("key", "value"),
    [(b"visitor:1", b"no row"), (None, None), (b"\xff", None), (b"visitor:1", b"\x00\x00")],
)
def test_a_record_of_somebody_else_in_a_changelog_is_refused(
    settings: Settings, by_hand: ByHand, key: bytes | None, value: bytes | None
) -> None:
    changelog = changelog_topic(settings.app_id, "windows")
    Broker(settings).set_config(changelog, {"cleanup.policy": "delete"})  # takes any record
    by_hand.write_row()
    by_hand.write(changelog, key, value)
    by_hand.commit(by_hand.start(WEB))
    refused(settings, f"{changelog}[0] offset 0 is no row")


def test_a_row_that_cannot_be_read_ends_the_worker_when_it_is_needed(
    settings: Settings, by_hand: ByHand
) -> None:
    bootstrap = settings.kafka.bootstrap
    alias = {
        "version": 1,
        "root": "customer:1",
        "since": 1,
        "event_id": "",
        "earlier": [],
        "known_from": None,
        "erased_until": 0,
    }
    row = codec.encode("AliasRow", alias)
    subject = f"customer:{settings.app_id}"
    by_hand.write(changelog_topic(settings.app_id, "carts"), subject.encode(), row, home(subject))
    by_hand.commit(by_hand.start(WEB, home(subject)), partition=home(subject))
    with worker(settings) as one:
        publish(bootstrap, [added(1, subject)])
        assert one.wait_ended(30) == ExitStatus.STATE
        assert "changelog is damaged" in one.log


# what is restored


def test_compacted_changelogs_with_aborted_ends_are_restored(
    settings: Settings, by_hand: ByHand
) -> None:
    """And those that hold nothing, which an application has many of."""
    bootstrap, app_id = settings.kafka.bootstrap, settings.app_id
    carts = changelog_topic(app_id, "carts")
    quick = {"segment.ms": "200", "min.cleanable.dirty.ratio": "0.01", "max.compaction.lag.ms": "1"}
    Broker(settings).set_config(carts, quick)
    subjects = [f"customer:{app_id}-{number}" for number in range(8)]
    rounds = 0
    with worker(settings) as first:

        def compacted() -> bool:
            """After one more round: the newest segment is not compacted before another begins."""
            nonlocal rounds
            publish(bootstrap, (added(rounds, subject) for subject in subjects))
            rounds += 1
            written = rounds * len(subjects)
            return rounds >= 12 and len(read(bootstrap, carts)) < written // 2

        wait_until(compacted, 180, every=0.3)
        wait_for_units(settings, subjects, rounds)
        assert first.stop() == ExitStatus.STOPPED
    open_transaction = by_hand.producer(f"{app_id}-somebody")
    for subject in subjects:
        open_transaction.produce(carts, b"no row", subject.encode(), home(subject))
    open_transaction.flush(20)
    open_transaction.abort_transaction(20)
    with worker(settings):
        publish(bootstrap, (added(rounds, subject) for subject in subjects))
        wait_for_units(settings, subjects, rounds + 1)


def test_an_owner_that_died_while_it_raised_its_epoch_is_fenced(
    settings: Settings, by_hand: ByHand
) -> None:
    """Its transaction would stay open for ten minutes, and its epoch is not used again."""
    bootstrap, app_id = settings.kafka.bootstrap, settings.app_id
    subject = f"customer:{app_id}"
    number = home(subject)
    with worker(settings) as first:
        publish(bootstrap, [added(1, subject)])
        wait_for_units(settings, [subject], 1)
        assert first.stop() == ExitStatus.STOPPED
    epoch = by_hand.epoch(number)
    dead = by_hand.producer(f"{app_id}.dead.0", **{"transaction.timeout.ms": 600_000})
    row = owner_record(owner(settings, number, epoch + 1, (f"{app_id}.dead.0",)))
    dead.produce(row.topic, row.value, row.key, row.partition)
    dead.send_offsets_to_transaction(
        [TopicPartition(WEB, number, by_hand.end(WEB, number))], by_hand.group_metadata(), 20
    )
    dead.flush(20)
    with worker(settings):
        publish(bootstrap, [added(2, subject)])
        wait_for_units(settings, [subject], 2)
    with pytest.raises(KafkaException, match="fenced"):
        dead.commit_transaction(20)
    assert by_hand.epoch(number) == epoch + 2
    wait_until(lambda: synced_epochs(bootstrap, subject)[-1:] == [epoch + 2], 10)


def test_an_owner_that_died_with_sync_events_alone_is_fenced(
    settings: Settings, by_hand: ByHand
) -> None:
    """Or readers of committed ones would wait for ten minutes; what others have open may stay."""
    bootstrap, app_id = settings.kafka.bootstrap, settings.app_id
    subject = f"customer:{app_id}"
    number = home(subject)
    with worker(settings) as first:
        publish(bootstrap, [added(1, subject)])
        wait_for_units(settings, [subject], 1)
        assert first.stop() == ExitStatus.STOPPED
    epoch = by_hand.epoch(number) + 1
    name = f"{app_id}.dead.0"
    by_hand.write_owner(owner(settings, number, epoch, (name,)))
    dead = by_hand.producer(name, **{"transaction.timeout.ms": 600_000})
    other = by_hand.producer(f"{app_id}-other")
    for producer, app, partition in (
        (dead, app_id, number),
        (other, "other", (number + 1) % PARTITIONS),
    ):
        headers = SyncHeaders(epoch, "sync", partition, app).of(1, 0)
        producer.produce(SYNC_TOPICS["carts"], None, subject, partition, headers=headers)
        producer.flush(20)
    with worker(settings):
        publish(bootstrap, [added(2, subject)])
        wait_until(lambda: synced_epochs(bootstrap, subject)[-1:] > [epoch], 60)
    with pytest.raises(KafkaException, match="fenced"):
        dead.commit_transaction(20)
    other.abort_transaction(20)


def test_a_transaction_of_nobody_known_is_waited_out(settings: Settings, by_hand: ByHand) -> None:
    app_id = settings.app_id
    by_hand.commit(by_hand.start(WEB))
    started = time.monotonic()
    unknown = by_hand.producer(f"{app_id}-unknown", **{"transaction.timeout.ms": 20_000})
    unknown.produce(changelog_topic(app_id, "carts"), b"no row", b"customer:1", 0)
    unknown.flush(20)
    with worker(settings, ready=False) as one:
        time.sleep(3)
        assert not one.ready()
        one.wait_ready(90)
        assert time.monotonic() - started > 18


def wait_for_units(settings: Settings, subjects: list[str], count: int) -> None:
    """Wait until the committed rows of these subjects hold so many units each."""
    expected = dict.fromkeys(subjects, count)

    def held() -> dict[str, int]:
        rows = table(settings.kafka.bootstrap, settings.app_id, "carts")
        return {key: units(rows)[key] for key in subjects if key in rows}

    wait_until(lambda: held() == expected, 90)


def synced_epochs(bootstrap: str, subject: str) -> list[int | None]:
    """Those of a subject's carts as readers of committed records see them."""
    records = read(bootstrap, SYNC_TOPICS["carts"])
    return [epoch_of(m.headers()) for m in records if m.key() == subject.encode()]


def home(subject: str) -> int:
    return partition_for(subject.encode(), PARTITIONS)


def owner(
    settings: Settings,
    partition: int = 0,
    epoch: int = 1,
    transactional_ids: tuple[str, ...] = (),
    partitions: int = PARTITIONS,
) -> Owner:
    state_id, member = b"12345678", "somewhere:1"
    return Owner(
        settings.app_id, partition, partitions, state_id, epoch, transactional_ids, member, 0
    )
