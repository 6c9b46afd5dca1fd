"""Of a changelog the latest row of each key is read, and only what is wanted is held."""

from __future__ import annotations

import pytest
from confluent_kafka.admin import AdminClient

from ccstream.ops.latest_rows import latest_rows
from ccstream.ops.settings import Settings
from tests.support.produce import Sent, produce


@pytest.fixture
def read(embedded_kafka: str, unique: str) -> tuple[Settings, str]:
    client = AdminClient({"bootstrap.servers": embedded_kafka})
    client.list_topics(unique, timeout=10)  # the embedded broker makes it
    rows = [
        (0, "a", b"mine 1"),
        (0, "b", b"mine 1"),
        (0, "gone", b"mine 1"),
        (0, "theirs", b"mine 1"),
        (0, "a", b"mine 2"),
        (0, "gone", None),
        (0, "theirs", b"another's 2"),
        (1, "c", b"mine 1"),
        (2, "d", b"mine 1"),
    ]
    produce(embedded_kafka, [Sent(unique, key, row, partition=number) for number, key, row in rows])
    return Settings.load(kafka__bootstrap=embedded_kafka), unique


def test_a_row_is_the_latest_of_its_key_if_that_is_wanted(read: tuple[Settings, str]) -> None:
    said: list[str] = []
    found = latest_rows(*read, (0, 1), lambda _, value: b"mine" in value, said.append)
    assert found == {b"b": b"mine 1", b"a": b"mine 2", b"c": b"mine 1"}
    assert said == [f"reading {read[1]}, 2 partitions: 8 records"]


def test_of_an_empty_partition_there_are_none_and_nothing_is_said(
    read: tuple[Settings, str],
) -> None:
    said: list[str] = []
    assert latest_rows(*read, (3,), lambda *_: True, said.append) == {}
    assert said == []
    assert latest_rows(*read, (2, 3), lambda key, _: key == b"d", said.append) == {b"d": b"mine 1"}
    assert said == [f"reading {read[1]}, partition 2: 1 records"]
