"""What stock Faust does in the tests of docs/hazards.md; run by hand, on a Kafka of its own.

    python -m tests.hazards.stock [NAME ...]

Prints one line a hazard. The app is that of tests/integration/test_agents_failures.py, as a
``faust.App`` instead of a ``SyncApp``, with Faust's defaults.
"""

from __future__ import annotations

import importlib.metadata
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime

import faust
from confluent_kafka import Producer

from ccstream.devkit.kafka import LocalKafka
from ccstream.devkit.kafka_jars import KAFKA_VERSION
from ccstream.ops.settings import Settings
from ccstream.wire.partition import partition_for
from tests.client.sync_records import cart, encoded
from tests.hazards import alone, membership, outputs, plain
from tests.hazards.plain import PATIENCE_S, within
from tests.integration.agents import NOTER, AgentApp, agent_app
from tests.integration.harness import PARTITIONS, make_topics, settings_for
from tests.support.produce import Sent, produce
from tests.support.topics import make_topic

SYNC = "sync.carts.v1"


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def put(settings: Settings, subject: str, sku: str) -> None:
    value = encoded(cart(subject, 1, **{sku: 1}))
    produce(settings.kafka.bootstrap, [Sent(SYNC, subject, value, (("ccstream-epoch", b"1"),))])


def stock(settings: Settings, name: str) -> AgentApp:
    return AgentApp(NOTER, settings, NOTER_NAME=name, NOTER_STOCK="1")


def skipped_after_restart(settings: Settings, name: str, sku: str) -> str:
    """Whether an event that went wrong is behind the app for good."""
    first, wrong, last = (f"customer:{name}-{number}" for number in range(3))
    with agent_app(NOTER, settings, NOTER_NAME=name, NOTER_STOCK="1") as app:
        put(settings, first, "bowl")
        assert within(lambda: app.get(f"/baskets/{first}") == ["bowl"]), app.log
        put(settings, wrong, sku)
        put(settings, last, "bowl")
        on = within(lambda: app.get(f"/baskets/{last}") == ["bowl"])
        ended = app.process.poll()
        time.sleep(4)  # longer than its commit interval
        app.stop() if ended is None else None
    with agent_app(NOTER, settings, NOTER_NAME=name, NOTER_STOCK="1", NOTER_BRAVE="1") as app:
        again = within(lambda: app.get(f"/baskets/{wrong}") == [sku], 20)
    return f"goes on behind it: {on}; ended: {ended is not None}; the event is seen again: {again}"


def raises(settings: Settings) -> str:
    return skipped_after_restart(settings, "raises", "poison")


def send_fails(settings: Settings) -> str:
    output = "fails-output"
    make_topic(settings.kafka.bootstrap, output, PARTITIONS, max_message_bytes="100000")
    first, wrong = (f"customer:fails-{number}" for number in range(2))
    with agent_app(NOTER, settings, NOTER_NAME="fails", NOTER_STOCK="1") as app:
        put(settings, first, "bowl")
        assert within(lambda: app.get(f"/baskets/{first}") == ["bowl"]), app.log
        put(settings, wrong, "huge")
        noted = within(lambda: app.get(f"/baskets/{wrong}") == ["huge"])
        return f"goes on: {noted}; running: {app.process.poll() is None}"


def no_record_at_the_end(settings: Settings) -> str:
    name, bootstrap = "ends", settings.kafka.bootstrap
    changelog, subject = f"{name}-notes-changelog", f"customer:{name}"
    make_topic(bootstrap, changelog, PARTITIONS, cleanup_policy="compact")
    producer = Producer({"bootstrap.servers": bootstrap, "transactional.id": name})
    producer.init_transactions(20)
    producer.begin_transaction()
    number = partition_for(subject.encode(), PARTITIONS)
    producer.produce(changelog, b'["bowl"]', f'"{subject}"', partition=number)
    producer.commit_transaction(20)
    app = stock(settings, name)
    try:
        done = within(lambda: "Recovery complete" in app.log)
        return f"recovery ended within {PATIENCE_S:.0f} s: {done}"
    finally:
        app.close()


def unreadable(settings: Settings) -> str:
    name, bootstrap = "holes", settings.kafka.bootstrap
    changelog = f"{name}-notes-changelog"
    make_topic(bootstrap, changelog, PARTITIONS, cleanup_policy="compact")
    produce(bootstrap, [Sent(changelog, b'"x"', b"no json")])
    app = stock(settings, name)
    try:
        warned = within(lambda: "Error in recovery" in app.log, 40)
        return f"logs a warning: {warned}; running 5 s later: {not app.process.poll()}"
    finally:
        app.close()


def aborted(settings: Settings) -> str:
    name, bootstrap = "aborted", settings.kafka.bootstrap
    subject = f"customer:{name}-1"
    producer = Producer({"bootstrap.servers": bootstrap, "transactional.id": name})
    producer.init_transactions(20)
    producer.begin_transaction()
    producer.produce(SYNC, encoded(cart(subject, 1, bowl=1)), subject, partition=0)
    assert producer.flush(20) == 0
    producer.abort_transaction(20)
    with agent_app(NOTER, settings, NOTER_NAME=name, NOTER_STOCK="1") as app:
        seen = within(lambda: app.get(f"/baskets/{subject}") == ["bowl"], 30)
        return f"an aborted basket is in its table: {seen}"


def defaults(settings: Settings) -> str:
    conf = faust.App("defaults", broker="kafka://localhost").conf
    return (
        f"copies of a topic: {conf.topic_replication_factor}; session: "
        f"{conf.broker_session_timeout:.0f} s; a send waits {conf.producer_request_timeout:.0f} s; "
        f"web server on {conf.web_bind}:{conf.web_port}"
    )


SCENARIOS = (
    *(defaults, raises, send_fails, no_record_at_the_end, unreadable, aborted),
    *(*plain.SCENARIOS, *outputs.SCENARIOS, *membership.SCENARIOS, *alone.SCENARIOS),
)


def main(names: Sequence[str]) -> None:
    wanted = [one for one in SCENARIOS if one.__name__ in names]
    versions = ", ".join(
        f"{name} {importlib.metadata.version(name)}" for name in ("faust-streaming", "aiokafka")
    )
    say(f"{versions}, Apache Kafka {KAFKA_VERSION}, {datetime.now(UTC):%Y-%m-%d}")
    with LocalKafka() as kafka:
        settings = settings_for(kafka.bootstrap, "app")
        make_topics(settings)
        for scenario in wanted or SCENARIOS:
            try:
                said = scenario(settings)
            except AssertionError as error:
                said = f"could not be tried: {str(error)[-300:]}"
            say(f"{scenario.__name__}: {said}")


if __name__ == "__main__":
    main(sys.argv[1:])
