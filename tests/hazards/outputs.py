"""What a plain ``faust.App`` does about the hazards of outputs, and of what counts as done."""

from __future__ import annotations

import json
import signal
import time

from confluent_kafka import Consumer, KafkaError, TopicPartition

from ccstream.ops.settings import Settings
from tests.hazards.plain import committed, plain_app, put, topics, within

SHORT_SESSION = {"broker_session_timeout": 3, "broker_heartbeat_interval": 1}


def stored(settings: Settings, topic: str) -> int:
    """How many records of a topic a reader sees that leaves out what is not committed."""
    reader = Consumer(
        {
            "bootstrap.servers": settings.kafka.bootstrap,
            "group.id": "reader",
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            "enable.auto.commit": False,
        }
    )
    partitions = reader.list_topics(topic, timeout=10).topics[topic].partitions
    reader.assign([TopicPartition(topic, number, 0) for number in partitions])
    seen = ended = 0
    deadline = time.monotonic() + 20
    while ended < len(partitions) and time.monotonic() < deadline:
        if (record := reader.poll(1)) is None:
            continue
        if (error := record.error()) is None:
            seen += 1
        elif error.code() == KafkaError._PARTITION_EOF:
            ended += 1
    reader.close()
    return seen


def ahead_of_outputs(settings: Settings, name: str, **options: object) -> str:
    """Whether it commits while its outputs cannot be sent: their topic does not exist."""
    topics(settings, name)
    environment = {
        "PLAIN_OUTPUT": f"{name}-missing",
        "PLAIN_SOON": "1",
        "PLAIN_SETTINGS": json.dumps(options),
    }
    with plain_app(settings, name, **environment) as app:
        app.has(within(lambda: app.said("assigned")))
        put(settings, name, 4)
        app.has(within(lambda: len(app.said("folded")) == 4))
        within(lambda: committed(settings, name) == 4, 20)
        rows = stored(settings, f"{name}-counts-changelog")
        done = committed(settings, name)
    return f"is beyond {done} of 4 records, with 0 of 4 outputs and {rows} of 4 rows stored"


def flush_gives_up(settings: Settings) -> str:
    return ahead_of_outputs(settings, "flush")


def threaded(settings: Settings) -> str:
    return ahead_of_outputs(settings, "threaded", producer_threaded=True)


def resumed(settings: Settings, name: str, **options: object) -> str:
    """What is stored when an app that was stopped for long goes on with the event it had begun."""
    topics(settings, name)
    chosen = json.dumps(SHORT_SESSION | options)
    with plain_app(settings, name, PLAIN_HANDLING_S="2", PLAIN_SETTINGS=chosen) as one:
        one.has(within(lambda: one.said("assigned")))
        put(settings, name, 1)
        one.has(within(lambda: one.said("folding")))
        one.process.send_signal(signal.SIGSTOP)
        with plain_app(settings, name, PLAIN_SETTINGS=chosen) as other:
            other.has(within(lambda: other.said("folded"), 40))
            one.process.send_signal(signal.SIGCONT)
            within(lambda: one.said("folded") or one.process.poll() is not None, 10)
            time.sleep(5)  # longer than a commit interval
        running = one.process.poll() is None
    return f"{stored(settings, f'{name}-out')} outputs of 1 event; the first is running: {running}"


def zombie(settings: Settings) -> str:
    return resumed(settings, "zombie")


def zombie_exactly_once(settings: Settings) -> str:
    return resumed(settings, "fenced", processing_guarantee="exactly_once")


def outside_transaction(settings: Settings) -> str:
    """What readers of committed records see of an event whose offset is not committed yet."""
    name = "untransacted"
    topics(settings, name)
    options = {"processing_guarantee": "exactly_once", "broker_commit_interval": 60}
    with plain_app(settings, name, PLAIN_SETTINGS=json.dumps(options)) as app:
        app.has(within(lambda: app.said("assigned")))
        put(settings, name, 1)
        app.has(within(lambda: app.said("folded")))
        within(lambda: stored(settings, f"{name}-out"), 5)
        seen = stored(settings, f"{name}-out")
        rows = stored(settings, f"{name}-counts-changelog")
        done = committed(settings, name)
    return f"while {done} records are committed, {seen} output and {rows} rows can be read"


def table_outside(settings: Settings) -> str:
    """What a row is after a death between its being stored and the commit."""
    name = "outside"
    topics(settings, name)
    options = {"PLAIN_SETTINGS": json.dumps(SHORT_SESSION | {"broker_commit_interval": 60})}
    with plain_app(settings, name, **options) as app:
        app.has(within(lambda: app.said("assigned")))
        put(settings, name, 1)
        app.has(within(lambda: app.said("folded")))
        app.has(within(lambda: stored(settings, f"{name}-counts-changelog") == 1))
        app.process.kill()
    with plain_app(settings, name, **options) as app:
        app.has(within(lambda: app.said("folded")))
        count = app.said("folded")[-1][1]
    return f"1 event is counted {count} times"


SCENARIOS = (
    *(flush_gives_up, threaded, zombie, zombie_exactly_once, outside_transaction, table_outside),
)
