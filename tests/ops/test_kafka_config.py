from __future__ import annotations

from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient

from ccstream.ops.kafka_config import (
    admin_config,
    aiokafka_config,
    consumer_config,
    faust_broker,
    faust_credentials,
    producer_config,
)
from ccstream.ops.settings import Settings

SASL = {
    "kafka__security_protocol": "SASL_SSL",
    "kafka__sasl_username": "ann",
    "kafka__sasl_password": "hunter2",
}


def test_every_setting_rendered_is_one_that_librdkafka_knows() -> None:
    settings = Settings.load(**SASL, kafka__compression="zstd", kafka__max_message_bytes=5_000_000)
    AdminClient(admin_config(settings))
    Producer(producer_config(settings))
    Producer(producer_config(settings, transactional_id="t"))
    Consumer(consumer_config(settings, isolation="read_committed")).close()


def test_a_producer_partitions_as_java_does() -> None:
    assert producer_config(Settings.load())["partitioner"] == "murmur2_random"


def test_only_a_transactional_producer_retries_after_milliseconds() -> None:
    settings = Settings.load()
    assert producer_config(settings, transactional_id="t")["retry.backoff.ms"] == 5
    assert "retry.backoff.ms" not in producer_config(settings)


def test_a_consumer_says_which_records_it_sees_and_never_skips_in_silence() -> None:
    config = consumer_config(Settings.load(), isolation="read_uncommitted", group_id="g")
    assert config["isolation.level"] == "read_uncommitted"
    assert config["auto.offset.reset"] == "error"
    assert config["enable.auto.commit"] is False
    assert config["group.id"] == "g"


def test_all_clients_log_in_the_same_way() -> None:
    settings = Settings.load(**SASL, kafka__sasl_mechanism="SCRAM-SHA-256")
    rdkafka = producer_config(settings)
    aiokafka = aiokafka_config(settings)
    faust = faust_credentials(settings)
    assert faust is not None
    assert rdkafka["security.protocol"] == aiokafka["security_protocol"] == faust.protocol.value
    assert rdkafka["sasl.mechanisms"] == aiokafka["sasl_mechanism"] == "SCRAM-SHA-256"
    assert faust.mechanism.value == "SCRAM-SHA-256"
    assert rdkafka["sasl.password"] == aiokafka["sasl_plain_password"] == "hunter2"
    assert aiokafka["ssl_context"].check_hostname


def test_without_security_there_are_no_credentials() -> None:
    settings = Settings.load(kafka__bootstrap="a:1,b:2")
    assert faust_credentials(settings) is None
    assert faust_broker(settings) == ["ccstream://a:1", "ccstream://b:2"]
    assert "ssl_context" not in aiokafka_config(settings)
    assert "sasl.password" not in producer_config(settings)


def test_a_certificate_authority_reaches_librdkafka(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("")
    settings = Settings.load(
        kafka__security_protocol="SSL", kafka__ssl_ca_file=str(tmp_path / "ca.pem")
    )
    assert admin_config(settings)["ssl.ca.location"] == str(tmp_path / "ca.pem")


@pytest.mark.parametrize("bytes_max", [16_384, 1_000_000, 64_000_000])
def test_the_largest_record_that_may_be_written_can_be_read(bytes_max: int) -> None:
    settings = Settings.load(kafka__max_message_bytes=bytes_max)
    config = consumer_config(settings, isolation="read_committed")
    assert config["max.partition.fetch.bytes"] > bytes_max
    Consumer(config).close()
