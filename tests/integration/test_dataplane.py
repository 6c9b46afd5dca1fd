"""What the data plane knows of the logs' ends, on a broker with transactions."""

from __future__ import annotations

import pytest
from confluent_kafka import Producer

from ccstream.devkit.kafka import LocalKafka
from ccstream.engine.dataplane import DataPlane
from ccstream.engine.delivery import SourceOffset
from tests.integration.harness import wait_until
from tests.support.topics import make_topic

pytestmark = pytest.mark.timeout(90)


def test_markers_of_transactions_are_nothing_to_read(cluster: LocalKafka, unique: str) -> None:
    topic = f"letters-{unique}"
    make_topic(cluster.bootstrap, topic, partitions=1)
    producer = Producer({"bootstrap.servers": cluster.bootstrap, "transactional.id": unique})
    producer.init_transactions(30)
    for records, committed in ((3, True), (2, False)):
        producer.begin_transaction()
        for number in range(records):
            producer.produce(topic, b"%d" % number)
        producer.flush(30)
        if committed:
            producer.commit_transaction(30)
        else:
            producer.abort_transaction(30)
    plane = DataPlane(
        {
            "bootstrap.servers": cluster.bootstrap,
            "group.id": unique,
            "isolation.level": "read_committed",
        },
        500,
    )
    try:
        plane.assign([SourceOffset(topic, 0, 0)])
        read: list[int | None] = []

        def have_read(records: int) -> bool:
            read.extend(message.offset() for message in plane.poll(0.2))
            return len(read) == records

        def nothing_is_left() -> bool:
            assert not plane.poll(0.2)
            return plane.ends() == {(topic, 0): 0}

        wait_until(lambda: have_read(3), 30)
        wait_until(nothing_is_left, 30)
        producer.begin_transaction()
        producer.produce(topic, b"one more")
        producer.commit_transaction(30)
        wait_until(lambda: have_read(4), 30)
        assert read[-1] == 7
        wait_until(lambda: not plane.poll(0.1) and plane.ends() == {(topic, 0): 0}, 30)
    finally:
        plane.close()
