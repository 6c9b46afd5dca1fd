"""How the tests choose their Kafka: a choice that goes wrong unseen makes them prove too little."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ccstream.devkit.kafka_jars import KAFKA_VERSION
from ccstream.errors import DevkitError
from tests.support.brokers import BOOTSTRAP, REQUIRE_REAL, Kafka, Source, sources
from tests.support.containers import container_environment, container_kafka, why_no_docker
from tests.support.source import ROOT
from tests.support.topics import make_topic


@contextmanager
def given(address: str) -> Iterator[str]:
    yield address


@contextmanager
def broken() -> Iterator[str]:
    raise DevkitError("it does not start")
    yield ""


def real(name: str, missing: str | None = None) -> Source:
    return Source(name, missing, lambda: given(f"{name}:9092"))


BROKEN = Source("broken", None, broken)
EMBEDDED = Source("embedded", None, lambda: given("embedded:9092"), real=False)


@pytest.fixture(autouse=True)
def nothing_required(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(REQUIRE_REAL, raising=False)
    monkeypatch.delenv(BOOTSTRAP, raising=False)


def test_the_first_that_is_there_is_taken_and_the_others_named() -> None:
    kafka = Kafka([real("a", "no a here"), real("b"), real("c"), EMBEDDED])
    assert kafka.open().name == "b"
    assert kafka.bootstrap == "b:9092"
    assert kafka.told() == "b at b:9092 (passed over: a: no a here)"


def test_it_is_opened_once() -> None:
    opened: list[str] = []

    @contextmanager
    def counting() -> Iterator[str]:
        opened.append("once")
        yield "a:9092"

    kafka = Kafka([Source("a", None, counting)])
    assert kafka.open() is kafka.open()
    assert opened == ["once"]


def test_one_that_does_not_start_is_passed_over_and_named() -> None:
    kafka = Kafka([BROKEN, EMBEDDED])
    assert kafka.open().name == "embedded"
    assert "broken: it does not start" in kafka.told()


@pytest.mark.parametrize("first", [real("a", "no a here"), BROKEN])
def test_a_fall_back_is_an_error_where_a_real_one_is_required(
    first: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(REQUIRE_REAL, "1")
    with pytest.raises(DevkitError, match=f"No real Kafka, and {REQUIRE_REAL}=1. {first.name}: "):
        Kafka([first, EMBEDDED]).open()


def test_a_real_one_satisfies_the_requirement(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(REQUIRE_REAL, "1")
    assert Kafka([real("a"), EMBEDDED]).open().real


def test_a_cluster_that_is_given_comes_before_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(BOOTSTRAP, "given:9092")
    kafka = Kafka(sources())
    assert kafka.planned() == "a running cluster"
    kafka.open()
    assert kafka.bootstrap == "given:9092"


def test_the_order_is_given_docker_maven_embedded() -> None:
    assert [source.name for source in sources()] == [
        "a running cluster",
        "apache/kafka in Docker",
        f"Apache Kafka {KAFKA_VERSION} (Java, Maven)",
        "the embedded broker",
    ]


def test_before_anything_is_started_the_plan_says_why() -> None:
    assert Kafka([real("a", "no a here"), real("b"), EMBEDDED]).planned() == "b (no a here)"


@pytest.mark.parametrize(
    "address", ["unix:///no/such/socket", "tcp://127.0.0.1:1", "tcp://nowhere", "garbage"]
)
def test_a_docker_engine_that_does_not_answer_is_none(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", address)
    assert why_no_docker() == "no Docker engine answers"


def test_settings_reach_a_container_under_the_names_its_image_reads() -> None:
    environment = container_environment(port=29092)
    assert environment["KAFKA_TRANSACTION_STATE_LOG_MIN_ISR"] == "1"
    assert environment["KAFKA_ADVERTISED_LISTENERS"] == "PLAINTEXT://127.0.0.1:29092"


def run_of_one_test(tmp_path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """A test run of its own on a machine without Java, Maven and Docker."""
    test = "tests/devkit/test_kafka.py::test_the_shared_broker_keeps_what_it_is_given"
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", test],
        cwd=ROOT,
        env={"PATH": str(tmp_path), "DOCKER_HOST": "unix:///no/such/socket", **environment},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )


def test_a_run_that_falls_back_names_it_at_both_ends_of_the_report(tmp_path: Path) -> None:
    done = run_of_one_test(tmp_path)
    assert done.returncode == 0, done.stdout
    lines = [line for line in done.stdout.splitlines() if line.startswith("kafka")]
    assert lines[0].startswith("kafka: the embedded broker (CCSTREAM_TEST_BOOTSTRAP is not set;")
    assert lines[-1].startswith("kafka of this run: the embedded broker at 127.0.0.1:")
    assert all("there is no `java` on the path" in line for line in lines)


def test_a_run_that_falls_back_fails_where_a_real_one_is_required(tmp_path: Path) -> None:
    done = run_of_one_test(tmp_path, CCSTREAM_REQUIRE_REAL_KAFKA="1")
    assert done.returncode not in {0, 1, 5}
    assert "No real Kafka, and CCSTREAM_REQUIRE_REAL_KAFKA=1." in done.stdout + done.stderr


@pytest.mark.long
@pytest.mark.timeout(300)
def test_a_container_serves(unique: str) -> None:
    missing = why_no_docker()
    if missing:
        pytest.skip(missing)
    with container_kafka() as bootstrap:
        assert make_topic(bootstrap, unique, partitions=3) == 3
