from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from ccstream.errors import BrokerRefusedError
from ccstream.ops import doctor
from ccstream.ops.broker import Broker, Cluster
from ccstream.ops.doctor import PROBE_TOPIC, Finding, examine
from ccstream.ops.settings import Settings
from ccstream.ops.topics import apply, survey
from tests.support.waiting import eventually


def findings(**settings: Any) -> list[Finding]:
    return list(examine(lambda: Settings.load(**settings)))


def of(found: list[Finding], check: str) -> list[Finding]:
    return [one for one in found if one.check == check]


def said(found: list[Finding], check: str, state: str) -> str:
    """What the findings of one check in one state say, with the advice."""
    return "\n".join(f"{one.found}: {one.advice}" for one in of(found, check) if one.state == state)


def test_a_setting_that_is_wrong_ends_the_look_with_what_is_wrong(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CCSTREAM_APP_IDD", "x")
    (finding,) = findings()
    assert finding.state == "fail"
    assert "did you mean CCSTREAM_APP_ID" in finding.found


def test_a_broker_that_is_away_is_a_failure_and_the_rest_is_looked_at() -> None:
    found = findings(kafka__bootstrap="127.0.0.1:1", kafka__connect_timeout_ms=300)
    assert "Connection refused" in said(found, "brokers", "fail")
    assert of(found, "settings")[0].state == "ok"
    assert of(found, "schemas")[0].state == "ok"
    assert not of(found, "topics")


def test_the_embedded_broker_is_told_for_what_it_is(embedded_kafka: str) -> None:
    found = findings(kafka__bootstrap=embedded_kafka, kafka__partitions=4)
    assert "demos and quick tests" in said(found, "brokers", "warn")
    assert not [one for one in found if one.state == "fail"]


def test_transactions_are_not_to_be_had_from_the_embedded_broker(embedded_kafka: str) -> None:
    found = findings(kafka__bootstrap=embedded_kafka, kafka__partitions=4, delivery="transactional")
    assert "set delivery to auto" in said(found, "brokers", "fail")


def test_a_mismatch_of_partition_counts_is_a_failure(embedded_kafka: str) -> None:
    found = findings(kafka__bootstrap=embedded_kafka, kafka__partitions=8)
    assert "kafka.partitions to 4" in said(found, "topics", "fail")


def test_plain_text_over_a_network_is_worth_a_word() -> None:
    for bootstrap, warned in (("127.0.0.1:1,localhost:1", False), ("10.0.0.1:1", True)):
        found = findings(kafka__bootstrap=bootstrap, kafka__connect_timeout_ms=100)
        assert ("unencrypted" in said(found, "settings", "warn")) == warned


def test_a_folder_that_nothing_can_be_written_to_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for directory, state, words in (
        (tmp_path / "new" / "folder", "ok", "GB free"),
        (tmp_path / "file" / "folder", "fail", "Not a directory"),
    ):
        found = findings(
            state__store="rocksdb",
            state__directory=directory,
            kafka__bootstrap="127.0.0.1:1",
            kafka__connect_timeout_ms=100,
        )
        assert words in said(found, "store", state)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_little_room_on_disk_is_worth_a_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "free_bytes", lambda state: 1_000_000)
    settings = Settings.load(state__store="rocksdb", state__directory=tmp_path)
    assert doctor._store(settings).state == "warn"


def test_a_registry_without_our_schemas_is_a_failure_with_what_to_do() -> None:
    found = findings(
        registry__url="mock://doctor", kafka__bootstrap="127.0.0.1:1", kafka__connect_timeout_ms=100
    )
    assert "ccstream schemas register" in said(found, "schemas", "fail")


def test_an_address_that_the_broker_gives_and_nobody_can_reach_is_told() -> None:
    cluster = Cluster(cluster_id="c", brokers={1: "127.0.0.1:1", 2: "no-such.invalid:9"}, topics={})
    found = list(doctor._brokers(cluster))
    assert said(found, "brokers", "fail").count("advertised.listeners") == 2


@pytest.mark.parametrize(
    ("config", "version"),
    [
        ({"inter.broker.protocol.version": "3.9-IV0"}, "3.9"),
        ({"group.share.session.timeout.ms": "1"}, "4.0 or later"),
        (
            {"group.share.session.timeout.ms": "1", "group.streams.session.timeout.ms": "1"},
            "4.1 or later",
        ),
        ({}, "(unknown)"),
    ],
)
def test_the_version_of_a_broker_is_told_by_its_settings(
    config: Mapping[str, str], version: str
) -> None:
    assert doctor._version(config) == version


def test_limits_of_the_broker_that_would_stop_a_worker_are_found() -> None:
    class Strict:
        def broker_configs(self, brokers: object) -> dict[str, dict[str, str | None]]:
            return {
                "1": {
                    "group.max.session.timeout.ms": "5000",
                    "transaction.max.timeout.ms": "1000",
                }
            }

    cluster = Cluster(cluster_id="c", brokers={1: "x:1"}, topics={})
    strict: Any = Strict()
    found = list(doctor._broker_settings(Settings.load(), cluster, strict))
    assert "group.session_timeout_ms is 10000" in said(found, "brokers", "fail")
    assert "transaction.max.timeout.ms to 10000" in said(found, "brokers", "fail")


@pytest.mark.parametrize(
    ("ahead", "state"), [(0.0, "ok"), (900.0, "ok"), (-5_000.0, "warn"), (3_600_000.0, "fail")]
)
def test_the_further_the_clocks_are_apart_the_worse(
    monkeypatch: pytest.MonkeyPatch, ahead: float, state: str
) -> None:
    class Willing:
        def create(self, *_: object) -> bool:
            return True

        def delete(self, topic: str) -> None:
            deleted.append(topic)

    deleted: list[str] = []
    monkeypatch.setattr(doctor, "_skew", lambda settings, topic: (ahead, 5.0))
    willing: Any = Willing()
    (finding,) = doctor._clock(Settings.load(), willing)
    assert finding.state == state
    assert len(deleted) == 1


def test_what_may_not_be_looked_at_is_a_warning() -> None:
    def refused() -> Any:
        raise BrokerRefusedError("not for you")
        yield

    (finding,) = doctor._guarded("clock", refused)
    assert finding == Finding("clock", "warn", "could not be looked at: not for you")


@pytest.fixture
def app(kafka: str, unique: str) -> Callable[..., list[Finding]]:
    """Looks at an application of the test's own, with the count that the inputs have there."""
    shared = Broker(Settings.load(kafka__bootstrap=kafka)).cluster().topics
    inputs = [topic.partitions for name, topic in shared.items() if name.startswith("channel.")]
    fixed = {
        "kafka__bootstrap": kafka,
        "app_id": unique,
        "kafka__partitions": max(inputs, default=8),
    }

    def look(*, make: bool = False, alter: Mapping[str, str] | None = None) -> list[Finding]:
        settings = Settings.load(**fixed)
        broker = Broker(settings)
        if make:
            apply(survey(settings, broker), broker)
        if alter:
            changelog = f"{unique}-carts-changelog"
            broker.set_config(changelog, alter)
            wanted = alter.items()
            eventually(
                lambda: broker.configs([changelog])[changelog],
                lambda found: wanted <= found.items(),
            )
        return findings(**fixed)

    return look


@pytest.mark.realkafka
def test_on_a_real_cluster_missing_topics_fail_and_made_ones_do_not(
    app: Callable[..., list[Finding]],
) -> None:
    assert "ccstream topics apply" in said(app(), "topics", "fail")
    found = app(make=True)
    assert said(found, "topics", "fail") == ""
    assert "replication_factor is 1" in said(found, "topics", "warn")
    assert "is Kafka" in said(found, "brokers", "ok")


@pytest.mark.realkafka
def test_a_policy_that_loses_rows_is_a_failure_and_a_retention_a_warning(
    app: Callable[..., list[Finding]],
) -> None:
    found = app(make=True, alter={"delete.retention.ms": "60000"})
    assert "delete.retention.ms is 60000" in said(found, "topics", "warn")
    found = app(alter={"cleanup.policy": "delete"})
    assert "cleanup.policy is delete instead of compact" in said(found, "topics", "fail")


@pytest.mark.realkafka
def test_the_clock_is_measured_and_the_topic_for_it_is_gone_again(
    app: Callable[..., list[Finding]], kafka: str
) -> None:
    (finding,) = of(app(), "clock")
    assert finding.state == "ok"
    assert "ms from this machine's" in finding.found
    broker = Broker(Settings.load(kafka__bootstrap=kafka))
    left = eventually(
        lambda: [name for name in broker.cluster().topics if name.startswith(PROBE_TOPIC)],
        lambda found: not found,
    )
    assert left == []
