"""Looks at everything that a worker needs, and says what to do about what is not well.

Each check yields findings: *ok*, *warn* (it works, and somebody should know), *fail* (it
does not, or loses something). Only the clock is measured by writing: one record to a topic
that is made for it and deleted again, as a broker tells its time in no other way.
"""

from __future__ import annotations

import platform
import secrets
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.metadata import version
from ipaddress import ip_address
from typing import Final
from zlib import crc32

from confluent_kafka import KafkaError, KafkaException, Message, Producer, libversion

from ccstream import __version__
from ccstream.errors import AccessDeniedError, CcstreamError, DeliveryError, TopicMismatchError
from ccstream.ops.broker import Broker, Cluster
from ccstream.ops.doctor_advice import CONNECT_SECONDS_MAX, FOR_RIGHTS, for_brokers, for_registry
from ccstream.ops.doctor_keys import keys
from ccstream.ops.doctor_producers import producers
from ccstream.ops.doctor_rights import worker_rights
from ccstream.ops.finding import Finding, State
from ccstream.ops.kafka_clients import make_client
from ccstream.ops.kafka_config import TRANSACTION_TIMEOUT_MS, producer_config
from ccstream.ops.local_store import FREE_BYTES_SAFE, free_bytes
from ccstream.ops.settings import Settings
from ccstream.ops.settings_sources import config_file
from ccstream.ops.topics import Plan, survey
from ccstream.wire import primitives
from ccstream.wire.schemas import default_schemas

__all__ = ["Check", "Finding", "State", "examine"]

REPLICATION_FACTOR_SAFE: Final = 3
"""With three copies one broker may be away while another is restarted."""

SKEW_WARN_MS: Final = 1_000
SKEW_FAIL_MS: Final = 60_000
"""Latencies are measured against the channels' clocks, and lateness is judged by the
broker's: a second blurs the first, a minute means that nobody synchronises the clocks."""

PROBE_TOPIC: Final = "ccstream.doctor."
PROBE_SECONDS_MAX: Final = 10.0

VITAL: Final = frozenset({"cleanup.policy", "message.timestamp.type"})
"""Settings of topics that decide what is kept and what is late: another value loses data."""

VERSION_SIGNS: Final = (
    ("group.streams.session.timeout.ms", "4.1 or later"),
    ("group.share.session.timeout.ms", "4.0 or later"),
)
"""Since Kafka 4 no setting names the version; these came with it."""


Check = Callable[[Settings], Iterator[Finding]]


def examine(load: Callable[[], Settings], more: Iterable[Check] = ()) -> Iterator[Finding]:
    """Every finding, as it is made; what cannot be looked at is left out.

    Args:
        load: reads the settings; that it cannot is a finding.
        more: looked at as well, of parts that are not known here.
    """
    try:
        settings = load()
    except CcstreamError as problem:
        yield Finding("settings", "fail", str(problem), "docs/configuration.md lists all settings")
        return
    yield from _settings(settings)
    yield _versions()
    yield _hot_path()
    yield _store(settings)
    for check in (keys, *more):
        yield from check(settings)
    yield from _schemas(settings)
    try:
        broker = Broker(settings)
        cluster = broker.cluster()
    except CcstreamError as problem:
        yield Finding("brokers", "fail", str(problem), for_brokers(problem, settings.kafka))
        return
    yield from _brokers(cluster)
    if cluster.embedded:
        yield from _embedded(settings)
    else:
        yield from _guarded("brokers", lambda: _broker_settings(settings, cluster, broker))
    yield from _guarded("topics", lambda: _topics(settings, cluster, broker))
    yield from _guarded("producers", lambda: producers(settings, cluster, broker))
    if not cluster.embedded:
        yield from _guarded("rights", lambda: worker_rights(settings, broker))
        yield from _guarded("clock", lambda: _clock(settings, broker))


def _guarded(check: str, findings: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    try:
        yield from findings()
    except CcstreamError as problem:
        advice = FOR_RIGHTS if isinstance(problem, AccessDeniedError) else ""
        yield Finding(check, "warn", f"could not be looked at: {problem}", advice)


def _settings(settings: Settings) -> Iterator[Finding]:
    file = config_file()
    origin = f"from {file} and the environment" if file else "from the environment"
    yield Finding(
        "settings",
        "ok",
        f"ccstream {__version__}, application {settings.app_id}, read {origin}",
    )
    plain = settings.kafka.security_protocol == "PLAINTEXT"
    if plain and not all(map(_on_this_machine, settings.kafka.bootstrap.split(","))):
        yield Finding(
            "settings",
            "warn",
            "kafka.security_protocol is PLAINTEXT, and the brokers are on other machines",
            "customers' data crosses the network unencrypted: use SASL_SSL or SSL",
        )


def _versions() -> Finding:
    """What is installed, for whoever is asked for help."""
    parts = ("aiokafka", "confluent-kafka", "fastavro", "faust-streaming")
    found = ", ".join(f"{name} {version(name)}" for name in parts)
    return Finding("versions", "ok", f"Python {platform.python_version()}, {found}")


def _hot_path() -> Finding:
    """Whether this installation was compiled; both forms do the same, at different speeds."""
    if primitives.__file__.endswith(".py"):
        found = "interpreted, which is fine for a few thousand events a second; see `make compile`"
    else:
        found = "compiled to machine code"
    return Finding("hot path", "ok", found)


def _store(settings: Settings) -> Finding:
    state = settings.state
    if state.store == "memory":
        return Finding("store", "ok", "rows in memory, read from the changelogs at each start")
    try:
        free = free_bytes(state)
    except CcstreamError as problem:
        return Finding("store", "fail", str(problem), "correct its permissions, or state.directory")
    found = f"rows in files at {state.directory}, with {free / 1e9:.1f} GB free"
    if free < FREE_BYTES_SAFE:
        return Finding("store", "warn", found, "make room: a worker ends when there is none")
    return Finding("store", "ok", found)


def _on_this_machine(address: str) -> bool:
    host = address.rpartition(":")[0].strip("[]")
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _schemas(settings: Settings) -> Iterator[Finding]:
    try:
        schemas = default_schemas()
    except CcstreamError as problem:
        yield Finding("schemas", "fail", str(problem), "reinstall the ccstream package")
        return
    every = list(schemas)
    changed = [
        info.name
        for info in every
        if (released := schemas.released(info.fullname))
        and released[-1].fingerprint != info.fingerprint
    ]
    if changed:
        yield Finding(
            "schemas",
            "warn",
            f"{', '.join(changed)} differ from their last release",
            "release them (`ccstream schemas release`) before others read them",
        )
    digest = crc32(b"".join(sorted(info.fingerprint for info in every)))
    yield Finding("schemas", "ok", f"{len(every)} schemas, fingerprint of all {digest:08x}")
    if settings.registry.url is not None:
        yield from _registry(settings)


def _registry(settings: Settings) -> Iterator[Finding]:
    from ccstream.ops.codecs import registry_of
    from ccstream.wire.registry import published_schemas

    try:
        registry = registry_of(settings)
        assert registry is not None
        with registry:
            known = [registry.schema_id(info) for info in published_schemas(default_schemas())]
    except CcstreamError as problem:
        yield Finding("schemas", "fail", str(problem), for_registry(problem))
        return
    yield Finding("schemas", "ok", f"the registry has all {len(known)} published schemas")


def _brokers(cluster: Cluster) -> Iterator[Finding]:
    kind = "the embedded broker" if cluster.embedded else f"{len(cluster.brokers)} broker(s)"
    yield Finding(
        "brokers",
        "ok",
        f"{kind}, cluster {cluster.cluster_id}; librdkafka {libversion()[0]} here",
    )
    for number, address in cluster.brokers.items():
        host, _, port = address.rpartition(":")
        try:
            with socket.create_connection((host, int(port)), timeout=CONNECT_SECONDS_MAX):
                pass
        except OSError as problem:
            yield Finding(
                "brokers",
                "fail",
                f"broker {number} says that it is at {address}, which cannot be reached "
                f"from here: {problem}",
                "correct its advertised.listeners, or the network",
            )


def _embedded(settings: Settings) -> Iterator[Finding]:
    if settings.delivery == "transactional":
        yield Finding(
            "brokers",
            "fail",
            "delivery is transactional, and the embedded broker keeps no transactions",
            "set delivery to auto or plain",
        )
    else:
        yield Finding(
            "brokers",
            "warn",
            "the embedded broker keeps nothing on disk and about 5 MB a partition",
            "use it for demos and quick tests only",
        )


def _broker_settings(settings: Settings, cluster: Cluster, broker: Broker) -> Iterator[Finding]:
    configs = broker.broker_configs(cluster.brokers)
    for number, config in configs.items():
        yield Finding("brokers", "ok", f"broker {number} is Kafka {_version(config)}")
        least = _number(config, "group.min.session.timeout.ms", 0)
        most = _number(config, "group.max.session.timeout.ms", settings.group.session_timeout_ms)
        if not least <= settings.group.session_timeout_ms <= most:
            yield Finding(
                "brokers",
                "fail",
                f"broker {number} takes session timeouts of {least} to {most} ms, and "
                f"group.session_timeout_ms is {settings.group.session_timeout_ms}",
                "change one of them: the worker could not join its group",
            )
        longest = _number(config, "transaction.max.timeout.ms", TRANSACTION_TIMEOUT_MS)
        if longest < TRANSACTION_TIMEOUT_MS:
            yield Finding(
                "brokers",
                "fail",
                f"broker {number} takes transactions of at most {longest} ms",
                f"set its transaction.max.timeout.ms to {TRANSACTION_TIMEOUT_MS} or more",
            )
    if len({_version(config) for config in configs.values()}) > 1:
        yield Finding("brokers", "warn", "the brokers differ in version", "finish the upgrade")


def _version(config: Mapping[str, str | None]) -> str:
    named = config.get("inter.broker.protocol.version")
    if named:
        return named.partition("-")[0]
    return next((version for name, version in VERSION_SIGNS if name in config), "(unknown)")


def _number(config: Mapping[str, str | None], name: str, otherwise: int) -> int:
    return int(config.get(name) or otherwise)


def _topics(settings: Settings, cluster: Cluster, broker: Broker) -> Iterator[Finding]:
    try:
        planned = survey(settings, broker)
    except TopicMismatchError as problem:
        yield Finding("topics", "fail", str(problem), "see docs/configuration.md, kafka.partitions")
        return
    if cluster.embedded:
        yield Finding("topics", "ok", f"{len(planned.steps)} topics, made when first used")
        return
    yield from _missing(planned)
    yield from _drift(planned)
    if planned.done:
        yield Finding(
            "topics",
            "ok",
            f"{len(planned.steps)} topics of {settings.kafka.partitions} partitions, with the "
            "catalogue's policies and broker's time",
        )
    copies = settings.kafka.replication_factor
    if copies < REPLICATION_FACTOR_SAFE:
        enough = len(cluster.brokers) >= REPLICATION_FACTOR_SAFE
        yield Finding(
            "topics",
            "warn",
            f"kafka.replication_factor is {copies}"
            + ("" if enough else f", and there are {len(cluster.brokers)} broker(s)"),
            "in production have three brokers and three copies: one broker lost is data lost"
            if copies == 1
            else "with two copies nothing can be written while one broker is away",
        )


def _missing(planned: Plan) -> Iterator[Finding]:
    missing = planned.of("create")
    if missing:
        yield Finding(
            "topics",
            "fail",
            f"{len(missing)} of {len(planned.steps)} topics are missing, "
            f"{missing[0].topic} for one",
            "run `ccstream topics apply`",
        )


def _drift(planned: Plan) -> Iterator[Finding]:
    for step in planned.of("drift"):
        vital = any(one.setting in VITAL for one in step.differences)
        what = ", ".join(
            f"{one.setting} is {one.found} instead of {one.expected}" for one in step.differences
        )
        yield Finding(
            "topics",
            "fail" if vital else "warn",
            f"{step.topic}: {what}",
            "run `ccstream topics apply --alter-config`"
            if step.alterable
            else "kafka-reassign-partitions changes the number of copies",
        )


def _clock(settings: Settings, broker: Broker) -> Iterator[Finding]:
    topic = PROBE_TOPIC + secrets.token_hex(4)
    broker.create(
        topic, 1, 1, {"message.timestamp.type": "LogAppendTime", "min.insync.replicas": "1"}
    )
    try:
        ahead, uncertain = _skew(settings, topic)
    finally:
        broker.delete(topic)
    text = f"the broker's clock is {ahead:+.0f} ms from this machine's (± {uncertain:.0f} ms)"
    certain = abs(ahead) - uncertain
    if certain > SKEW_FAIL_MS:
        yield Finding("clock", "fail", text, "synchronise the clocks (NTP) of both machines")
    elif certain > SKEW_WARN_MS:
        yield Finding("clock", "warn", text, "synchronise the clocks: latencies are off by it")
    else:
        yield Finding("clock", "ok", text)


def _skew(settings: Settings, topic: str) -> tuple[float, float]:
    """How far the broker's clock is ahead, and how uncertain that is, in milliseconds.

    The append time lies between sending and the acknowledgement (Cristian's algorithm); the
    second record is measured, as the first one waits for connection and producer id.
    """
    appended: list[float] = []

    def note(error: KafkaError | None, message: Message) -> None:
        if error is None:
            appended.append(message.timestamp()[1])

    producer = make_client(Producer, producer_config(settings, role="doctor", linger_ms=0))
    for _ in range(2):
        before = time.time() * 1000
        try:
            producer.produce(topic, b"what time is it?", on_delivery=note)
            producer.flush(PROBE_SECONDS_MAX)
        except KafkaException as problem:
            raise DeliveryError(f"nothing could be written: {problem.args[0].str()}") from None
        after = time.time() * 1000
    if len(appended) < 2:
        raise DeliveryError(f"no record was stored within {PROBE_SECONDS_MAX:g} s")
    return appended[-1] - (before + after) / 2, (after - before) / 2 + 1
