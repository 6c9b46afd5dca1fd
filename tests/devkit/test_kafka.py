"""The real broker, started for the test alone: its life, death and excuses."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from ccstream.devkit.kafka import LocalKafka
from ccstream.devkit.ports import LOOPBACK, free_port, is_free
from ccstream.errors import DevkitError
from tests.support.brokers import why_no_local_kafka
from tests.support.proxy import Proxy
from tests.support.topics import make_topic

START_S_MAX = 120


def store(bootstrap: str, topic: str, value: bytes) -> None:
    producer = Producer({"bootstrap.servers": bootstrap})
    producer.produce(topic, value, partition=0)
    assert producer.flush(20) == 0


def stored(bootstrap: str, topic: str, count: int) -> list[bytes | None]:
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "none"})
    consumer.assign([TopicPartition(topic, 0, 0)])
    try:
        return [record.value() for record in consumer.consume(count, timeout=20)]
    finally:
        consumer.close()


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.timeout(3 * START_S_MAX)
def test_what_was_stored_before_a_kill_is_there_after_the_restart(
    local_kafka: Callable[..., LocalKafka], unique: str
) -> None:
    node = local_kafka()
    address, first = node.bootstrap, node.pid
    assert make_topic(address, unique, partitions=3) == 3
    store(address, unique, b"before")

    node.kill()
    assert node.pid is None
    node.restart()

    assert node.bootstrap == address
    assert node.pid not in {None, first}
    store(address, unique, b"after")
    assert stored(address, unique, 2) == [b"before", b"after"]


@pytest.mark.timeout(START_S_MAX)
def test_a_stopped_node_leaves_neither_process_nor_folder(
    local_kafka: Callable[..., LocalKafka], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    node = local_kafka()
    pid = node.pid
    assert pid is not None
    assert list(tmp_path.iterdir())
    node.stop()
    node.stop()
    assert not is_alive(pid)
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def strict_node() -> Iterator[LocalKafka]:
    missing = why_no_local_kafka()
    if missing:
        pytest.skip(missing)
    with LocalKafka(config={"message.max.bytes": "2000"}) as node:
        yield node


@pytest.mark.timeout(START_S_MAX)
def test_settings_given_by_the_caller_reach_the_node(strict_node: LocalKafka, unique: str) -> None:
    make_topic(strict_node.bootstrap, unique)
    producer = Producer({"bootstrap.servers": strict_node.bootstrap})
    failures: list[object] = []
    producer.produce(unique, b"x" * 5000, on_delivery=lambda error, _: failures.append(error))
    producer.flush(20)
    assert "too large" in str(failures[0]).lower()


@pytest.mark.timeout(START_S_MAX)
def test_a_topic_nobody_made_does_not_come_into_being_by_being_read(
    strict_node: LocalKafka, unique: str
) -> None:
    admin = AdminClient({"bootstrap.servers": strict_node.bootstrap})
    assert admin.list_topics(unique, timeout=10).topics[unique].error is not None
    assert unique not in admin.list_topics(timeout=10).topics


@pytest.mark.long
@pytest.mark.timeout(START_S_MAX)
def test_a_kept_folder_is_used_again_and_stays(
    local_kafka: Callable[..., LocalKafka], tmp_path: Path, unique: str
) -> None:
    node = local_kafka(data=tmp_path / "kept")
    make_topic(node.bootstrap, unique)
    store(node.bootstrap, unique, b"kept")
    node.stop()
    assert (tmp_path / "kept" / "data").is_dir()
    node.start()
    assert stored(node.bootstrap, unique, 1) == [b"kept"]


@pytest.mark.timeout(START_S_MAX)
def test_the_node_ends_even_when_the_process_that_started_it_is_killed(
    local_kafka: Callable[..., LocalKafka], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del local_kafka  # only for its skip where there is no Java
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    code = (
        "import time\n"
        "from ccstream.devkit.kafka import LocalKafka\n"
        "node = LocalKafka().start()\n"
        "print(node.pid, flush=True)\n"
        "time.sleep(300)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert is_alive(pid)
        assert list(tmp_path.iterdir())
        parent.send_signal(signal.SIGKILL)
        parent.wait(10)
    deadline = time.monotonic() + 10
    while (is_alive(pid) or list(tmp_path.iterdir())) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_alive(pid)
    assert not list(tmp_path.iterdir())


def test_a_taken_port_is_named_before_anything_is_started() -> None:
    with socket.create_server((LOOPBACK, free_port())) as server:
        port = server.getsockname()[1]
        assert not is_free(port)
        with pytest.raises(DevkitError, match=f"Port {port} of 127.0.0.1 is taken"):
            LocalKafka(port=port).start()


def test_a_machine_without_java_is_told_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(DevkitError, match="needs Java 17 or newer, and there is no `java`"):
        LocalKafka().start()


def test_a_java_that_is_too_old_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    java = tmp_path / "bin" / "java"
    java.parent.mkdir()
    java.write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\" 2019' >&2\n")
    java.chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(DevkitError, match=r"needs Java 17 or newer, and .* is Java 11\."):
        LocalKafka().start()


@pytest.fixture
def without_java(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ccstream.devkit.kafka.find_java", lambda: "java")


@pytest.mark.usefixtures("without_java")
def test_a_machine_without_maven_and_jars_is_told_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CCSTREAM_CACHE", str(tmp_path))
    with pytest.raises(DevkitError, match="there is no `mvn` on the path"):
        LocalKafka().start()


@pytest.mark.usefixtures("without_java")
def test_a_download_that_fails_gives_mavens_reason_and_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    maven = tmp_path / "mvn"
    maven.write_text("#!/bin/sh\nmkdir jars\necho '[ERROR] Unknown host repo.example'\nexit 1\n")
    maven.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    cache = tmp_path / "cache"
    monkeypatch.setenv("CCSTREAM_CACHE", str(cache))
    told: list[str] = []
    with pytest.raises(DevkitError, match=r"could not fetch Apache Kafka 4\.\d.*: Unknown host"):
        LocalKafka(report=told.append).start()
    assert "Fetching Apache Kafka" in told[0]
    assert [path.suffix for path in cache.iterdir()] == [".lock"]


@pytest.mark.usefixtures("without_java")
@pytest.mark.parametrize("version", ["", "4", "4.1", "../4.1.1", "4.1.1-SNAPSHOT"])
def test_a_version_that_is_none_is_refused(version: str) -> None:
    with pytest.raises(DevkitError, match="is no Apache Kafka version"):
        LocalKafka(version=version).start()


@pytest.mark.usefixtures("without_java")
def test_a_cache_folder_that_cannot_be_written_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CCSTREAM_CACHE", str(tmp_path / "file"))
    with pytest.raises(DevkitError, match="CCSTREAM_CACHE"):
        LocalKafka().start()


@pytest.mark.timeout(START_S_MAX)
def test_a_setting_kafka_refuses_is_reported_in_its_words(
    local_kafka: Callable[..., LocalKafka],
) -> None:
    with pytest.raises(DevkitError, match=r"Invalid value several for .*num\.partitions"):
        local_kafka(config={"num.partitions": "several"})


def test_nothing_can_be_asked_of_a_node_that_was_never_started() -> None:
    node = LocalKafka()
    node.stop()
    node.kill()
    with pytest.raises(DevkitError, match=r"call start\(\) first"):
        _ = node.bootstrap
    with pytest.raises(DevkitError, match=r"call start\(\) first"):
        node.restart()


def test_the_shared_broker_keeps_what_it_is_given(kafka: str, unique: str) -> None:
    make_topic(kafka, unique)
    store(kafka, unique, b"shared")
    assert stored(kafka, unique, 1) == [b"shared"]


def test_either_broker_keeps_what_it_is_given(each_kafka: str, unique: str) -> None:
    make_topic(each_kafka, unique)
    store(each_kafka, unique, b"either")
    assert stored(each_kafka, unique, 1) == [b"either"]


@pytest.mark.realkafka
def test_a_real_broker_has_transactions(kafka: str, unique: str) -> None:
    make_topic(kafka, unique)
    producer = Producer({"bootstrap.servers": kafka, "transactional.id": unique})
    producer.init_transactions(20)
    producer.begin_transaction()
    producer.produce(unique, b"aborted", partition=0)
    producer.abort_transaction(20)
    producer.begin_transaction()
    producer.produce(unique, b"committed", partition=0)
    producer.commit_transaction(20)
    assert stored(kafka, unique, 1) == [b"committed"]


@pytest.mark.long
@pytest.mark.timeout(START_S_MAX)
def test_clients_behind_a_proxy_are_told_to_stay_with_it(
    local_kafka: Callable[..., LocalKafka], unique: str
) -> None:
    with Proxy() as proxy:
        node = local_kafka(proxy_port=proxy.port)
        proxy.target = node.behind_proxy
        make_topic(node.bootstrap, unique)
        # A client gives up the address it began with as soon as it is told others: only where
        # something listens at both is there always an answer.
        for bootstrap in (proxy.bootstrap, node.bootstrap):
            admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
            (broker,) = admin.list_topics(timeout=20).brokers.values()
            assert f"{LOOPBACK}:{broker.port}" == bootstrap
    before = node.behind_proxy
    node.kill()
    node.restart()
    assert node.behind_proxy == before
    store(node.bootstrap, unique, b"direct")


def test_without_a_proxy_there_is_no_port_for_one() -> None:
    with pytest.raises(DevkitError, match="proxy"):
        _ = LocalKafka().behind_proxy
