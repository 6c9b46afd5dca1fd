from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ccstream.devkit.embedded import EmbeddedKafka
from ccstream.errors import BrokerRefusedError
from ccstream.ops import doctor
from ccstream.ops.broker import Broker, Cluster
from ccstream.ops.doctor import PROBE_TOPIC, Finding, examine
from ccstream.ops.doctor_keys import keys
from ccstream.ops.doctor_producers import RECORDS_MAX, Sample, judged
from ccstream.ops.settings import Settings
from ccstream.ops.topics import apply, survey
from ccstream.wire.partition import partition_for
from tests.support.certificates import Authority
from tests.support.produce import Sent, produce
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
    found = findings(kafka__bootstrap="127.0.0.1:1", kafka__connect_timeout_ms=3_000)
    assert "Connection refused" in said(found, "brokers", "fail")
    assert of(found, "settings")[0].state == "ok"
    assert of(found, "schemas")[0].state == "ok"
    assert not of(found, "topics")


def test_a_file_that_is_no_certificate_is_a_line_and_the_rest_is_looked_at(tmp_path: Path) -> None:
    garbage = tmp_path / "garbage.pem"
    garbage.write_text("no certificate")
    found = findings(
        kafka__bootstrap="127.0.0.1:1",
        kafka__security_protocol="SSL",
        kafka__ssl_ca_file=str(garbage),
    )
    said_of_it = said(found, "brokers", "fail")
    assert f"kafka.ssl_ca_file, {garbage}, cannot be used" in said_of_it
    assert "start Kafka" not in said_of_it
    assert of(found, "schemas")[0].state == "ok"


def test_what_it_advises_fits_why_the_cluster_cannot_be_asked(embedded_kafka: str) -> None:
    login = {"kafka__sasl_username": "ann", "kafka__sasl_password": "hunter2"}
    for bootstrap, protocol, words in (
        ("127.0.0.1:1", "SASL_SSL", "start Kafka"),
        (embedded_kafka, "SASL_SSL", "does that listener speak SASL_SSL"),
        (embedded_kafka, "SASL_PLAINTEXT", "correct the login"),  # it knows no logins
    ):
        found = findings(
            kafka__bootstrap=bootstrap,
            kafka__security_protocol=protocol,
            kafka__sasl_mechanism="PLAIN",
            kafka__connect_timeout_ms=3_000,
            **login,
        )
        said_of_it = said(found, "brokers", "fail")
        assert words in said_of_it
        assert ("start Kafka" in said_of_it) == (words == "start Kafka")


def test_a_registry_that_does_not_answer_is_not_told_as_one_without_schemas() -> None:
    found = findings(
        registry__url="http://127.0.0.1:1",
        kafka__bootstrap="127.0.0.1:1",
        kafka__connect_timeout_ms=100,
    )
    said_of_it = said(found, "schemas", "fail")
    assert "start the registry, or correct registry.url" in said_of_it
    assert "schemas register" not in said_of_it


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


def test_it_says_what_is_installed() -> None:
    found = findings(kafka__bootstrap="127.0.0.1:1", kafka__connect_timeout_ms=100)
    assert "confluent-kafka" in said(found, "versions", "ok")


def test_what_it_does_not_know_of_itself_is_asked_of_others() -> None:
    def load() -> Settings:
        return Settings.load(kafka__bootstrap="127.0.0.1:1", kafka__connect_timeout_ms=100)

    other = Finding("other", "ok", "looked at")
    assert other in list(examine(load, [lambda settings: iter([other])]))


@pytest.fixture(scope="module")
def embedded() -> Iterator[str]:
    """One of this module's own: what is in its inputs is what these tests put there."""
    with EmbeddedKafka() as broker:
        yield broker.bootstrap


def test_where_nobody_has_published_there_is_nothing_to_say_of_producers(embedded: str) -> None:
    found = findings(kafka__bootstrap=embedded, kafka__partitions=4)
    assert "no channel has published" in said(found, "producers", "ok")


def test_a_producer_with_another_partitioner_is_told_by_its_newest_records(embedded: str) -> None:
    topic = "channel.till.events.v1"
    settings = {
        "kafka__bootstrap": embedded,
        "kafka__partitions": 4,
        "channels_extra": ("till", "quiet"),
    }
    keys = [f"customer:{number}".encode() for number in range(60)]
    Broker(Settings.load(**settings)).mention(topic)
    produce(embedded, [Sent(topic, key, b"old", partition=0) for key in keys])
    produce(embedded, [Sent(topic, key, b"x") for key in keys for _ in range(8)])
    assert "records of 1 channel(s) are where" in said(findings(**settings), "producers", "ok")
    produce(
        embedded,
        [Sent(topic, key, b"x", partition=(partition_for(key, 4) + 1) % 4) for key in keys[:3]],
    )
    told = said(findings(**settings), "producers", "warn")
    assert told.startswith(f"3 of the newest {4 * RECORDS_MAX} records of {topic}")
    assert "set partitioner=murmur2_random there" in told
    assert "customer:" not in told


def test_each_channel_with_strays_has_a_line() -> None:
    found = list(judged({"a": Sample(9, 1), "b": Sample(9, 0), "c": Sample(9, 9)}))
    assert [one.state for one in found] == ["warn", "warn"]
    assert [one.found.split()[0] for one in found] == ["1", "9"]


def test_a_certificate_is_good_until_it_ends_and_soon_is_worth_a_word(tmp_path: Path) -> None:
    authority = Authority(tmp_path)

    def look(lasts: timedelta, now: datetime | None = None) -> list[Finding]:
        signed = authority.sign("client", lasts=lasts)
        settings = Settings.load(
            kafka__security_protocol="SSL",
            kafka__ssl_certificate_file=signed.certificate,
            kafka__ssl_key_file=signed.key,
        )
        return list(keys(settings, now))

    assert "is good until" in said(look(timedelta(days=90)), "keys", "ok")
    assert "renew it" in said(look(timedelta(days=5)), "keys", "warn")
    assert "ended on" in said(look(timedelta(days=-1)), "keys", "fail")
    years_ago = datetime.now(UTC) - timedelta(days=900)
    assert "begins on" in said(look(timedelta(days=90), years_ago), "keys", "fail")


def test_a_key_that_is_not_that_of_the_certificate_is_a_failure(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    one, other = authority.sign("one"), authority.sign("other", password="of the key")
    for key, password in ((other.key, "of the key"), (other.key, None)):
        settings = Settings.load(
            gateway__tls_certificate_file=one.certificate,
            gateway__tls_key_file=key,
            gateway__tls_key_password=password,
        )
        assert "cannot be used together" in said(list(keys(settings)), "keys", "fail")
    settings = Settings.load(
        gateway__tls_certificate_file=other.certificate,
        gateway__tls_key_file=other.key,
        gateway__tls_key_password="of the key",
    )
    assert "gateway.tls_certificate_file is good until" in said(
        list(keys(settings)), "keys", "warn"
    )


def test_the_brokers_authority_is_looked_at_and_has_to_be_pem(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    protocol = {"kafka__security_protocol": "SSL"}
    settings = Settings.load(kafka__ssl_ca_file=authority.file, **protocol)
    assert "kafka.ssl_ca_file is good until" in said(list(keys(settings)), "keys", "warn")
    authority.file.write_text("not PEM")
    assert "cannot be read" in said(list(keys(settings)), "keys", "fail")


def test_a_gateway_that_asks_who_calls_needs_a_signing_key() -> None:
    settings = Settings.load(gateway__auth="required")
    assert "openssl rand -hex 32" in said(list(keys(settings)), "keys", "fail")


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
