"""Of a changelog the latest row of each key is read, and only what is wanted is held."""

from __future__ import annotations

import re

import pytest
from confluent_kafka.admin import AdminClient

from ccstream.cli.exits import ExitCode, code_of
from ccstream.client.rotation import rotate
from ccstream.domain.identity import Alias
from ccstream.domain.personal_keys import PersonalKeys
from ccstream.errors import StateError
from ccstream.evidence.erasures import find_person, is_held, receipts
from ccstream.ops.devices import devices_of
from ccstream.ops.entity import entity
from ccstream.ops.latest_rows import latest_rows, latest_states, state_of
from ccstream.ops.settings import Settings
from ccstream.wire.catalogue import TABLES, changelog_topic
from ccstream.wire.partition import partition_for
from ccstream.wire.rows import ROW_CODECS, Entry
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


def quiet(_: str) -> None: ...


def everything(*_: bytes) -> bool:
    return True


class Application:
    """One whose rows a test writes."""

    def __init__(self, bootstrap: str, app_id: str) -> None:
        self.settings = Settings.load(
            app_id=app_id,
            kafka__bootstrap=bootstrap,
            privacy__erasure_key="e" * 32,
            privacy__master_key="a" * 64,
        )
        client = AdminClient({"bootstrap.servers": bootstrap})
        for table in TABLES:
            client.list_topics(self.changelog(table), timeout=10)  # the embedded broker makes it

    def changelog(self, table: str) -> str:
        return changelog_topic(self.settings.app_id, table)

    def put(self, table: str, key: str, row: bytes) -> None:
        sent = Sent(self.changelog(table), key, row, partition=partition_for(key.encode(), 4))
        produce(self.settings.kafka.bootstrap, [sent])


@pytest.fixture
def application(embedded_kafka: str, unique: str) -> Application:
    return Application(embedded_kafka, unique)


def test_the_states_of_rows_are_found_by_their_keys(application: Application) -> None:
    alias = Alias("customer:1", 5, "e")
    application.put("aliases", "visitor:a", ROW_CODECS["aliases"].encode_row(Entry(alias, 7)))
    found = latest_states(application.settings, "aliases", range(4), everything, quiet)
    assert found == {"visitor:a": alias}


def test_a_row_that_is_damaged_is_a_fault_of_the_state_and_told_with_its_topic(
    application: Application,
) -> None:
    account, another, settings = "customer:1", "customer:2", application.settings
    named = ROW_CODECS["aliases"].encode_row(Entry(Alias(account, 5, "e"), 7))
    application.put("aliases", "visitor:a", named[:-1])  # with the account in it
    application.put("erasures", another, b"no row")
    application.put("keys", another, b"no row")
    for table, read in (
        ("aliases", lambda: find_person(settings, account, quiet)),
        ("aliases", lambda: devices_of(settings, account, quiet)),
        ("aliases", lambda: entity(settings, "visitor:a", quiet)),
        ("aliases", lambda: latest_states(settings, "aliases", range(4), everything, quiet)),
        ("erasures", lambda: receipts(settings, None, quiet)),
        ("erasures", lambda: is_held(settings, another, quiet)),
        ("erasures", lambda: state_of(settings, "erasures", b"")),
        ("keys", lambda: rotate(settings, "web", quiet)),
    ):
        told = f"a row in {re.escape(application.changelog(table))} cannot be read: "
        with pytest.raises(StateError, match=told) as refused:
            read()
        assert code_of(refused.value) == ExitCode.STATE


def test_so_is_a_key_that_is_no_text(application: Application) -> None:
    settings = application.settings
    for table, state, read in (
        ("aliases", Alias("customer:1", 5, "e"), lambda: devices_of(settings, "customer:1", quiet)),
        ("keys", PersonalKeys(()), lambda: rotate(settings, "web", quiet)),
    ):
        row = ROW_CODECS[table].encode_row(Entry(state, 7))
        sent = Sent(application.changelog(table), b"\xff", row, partition=0)
        produce(settings.kafka.bootstrap, [sent])
        with pytest.raises(StateError, match="cannot be read"):
            read()
