"""Workers as processes against a Kafka of the test's own, and what is left in its logs.

Reading uses librdkafka and the codec only, none of the engine or the SDK.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition
from prometheus_client.parser import text_string_to_metric_families

from ccstream.devkit.ports import free_port
from ccstream.domain.events import CartItemAdded, Event
from ccstream.ops import topics
from ccstream.ops.broker import Broker
from ccstream.ops.settings import Settings
from ccstream.wire.catalogue import TABLES, changelog_topic, input_topic
from ccstream.wire.codec import Codec

PARTITIONS = 4
PATIENCE_S = 30.0
"""For one answer of a worker or the broker, on a machine that is busy with other tests."""

STEADY_S = 2.5

codec = Codec()


CONNECT_TIMEOUT_MS = 20_000
"""A command or a test gives a first answer up after that: a broker that has just been started, or
is busy with other tests, may need more than the three seconds that an operator waits for one."""


def settings_for(bootstrap: str, app_id: str, **more: Any) -> Settings:
    fixed = {
        "app_id": app_id,
        "kafka__bootstrap": bootstrap,
        "kafka__partitions": PARTITIONS,
        "kafka__connect_timeout_ms": CONNECT_TIMEOUT_MS,
    }
    return Settings.load(**fixed | more)


def make_topics(settings: Settings) -> None:
    broker = Broker(settings)
    topics.apply(topics.survey(settings, broker), broker)


_START = """
import sys
from ccstream.cli import main
sys.exit(main(sys.argv[1:]))
"""


class Worker:
    """``ccstream worker`` as a process that a test may hurt; by itself, or with its supervisor.

    ``program``: Python that is run first, in the same process.
    """

    def __init__(
        self,
        settings: Settings,
        *arguments: str,
        supervised: bool = False,
        program: str | None = None,
        **environment: str,
    ) -> None:
        self.port = free_port()
        self._log = Path(tempfile.mkstemp(prefix="worker-", suffix=".log")[1])
        kafka = settings.kafka
        env = {
            "APP_ID": settings.app_id,
            "KAFKA__BOOTSTRAP": kafka.bootstrap,
            "KAFKA__PARTITIONS": str(kafka.partitions),
            "KAFKA__FETCH_WAIT_MAX_MS": str(kafka.fetch_wait_max_ms),
            "WEB__PORT": str(self.port),
            **environment,
        }
        start = ["-m", "ccstream"] if program is None else ["-c", f"{program}{_START}"]
        command = [sys.executable, *start, "worker", *arguments]
        with self._log.open("wb") as output:
            self.process = subprocess.Popen(
                command if supervised else [*command, "--no-restart"],
                stdout=output,
                stderr=output,
                env=os.environ | {f"CCSTREAM_{name}": value for name, value in env.items()},
            )

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def ready(self) -> bool:
        try:
            url = f"http://127.0.0.1:{self.port}/readyz"
            with urllib.request.urlopen(url, timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def serving(self) -> set[int]:
        """The partition numbers that it folds; none while it does not answer."""
        try:
            url = f"http://127.0.0.1:{self.port}/readyz"
            with urllib.request.urlopen(url, timeout=PATIENCE_S) as answer:
                return set(json.load(answer)["partitions"])
        except OSError:
            return set()

    def wait_ready(self, timeout: float = 90.0) -> None:
        try:
            wait_until(lambda: self.ready() or self.process.poll() is not None, timeout)
        except AssertionError:
            raise AssertionError(f"not ready after {timeout} s: {self.log[-3000:]}") from None
        assert self.process.poll() is None, self.log[-3000:]

    def metric(self, name: str, **labels: str) -> float:
        """The sum of a metric over its labels, as far as they are not given."""
        with urllib.request.urlopen(
            f"http://127.0.0.1:{self.port}/metrics", timeout=PATIENCE_S
        ) as page:
            families = text_string_to_metric_families(page.read().decode())
        return sum(
            sample.value
            for family in families
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def wait_ended(self, timeout: float = 60.0) -> int:
        """How it ends by itself."""
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {timeout} s: {self.log[-2000:]}") from None

    def stop(self, timeout: float = 60.0) -> int:
        if self.process.poll() is None:
            self.process.terminate()
        return self.wait_ended(timeout)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
        self.process.wait(10)
        self._log.unlink(missing_ok=True)


@contextmanager
def worker(
    settings: Settings,
    *arguments: str,
    ready: bool = True,
    supervised: bool = False,
    program: str | None = None,
    **environment: str,
) -> Iterator[Worker]:
    one = Worker(settings, *arguments, supervised=supervised, program=program, **environment)
    try:
        if ready:
            one.wait_ready()
        yield one
    except BaseException as error:
        status = one.process.poll()
        error.add_note(f"the worker, exit status {status}, said last:\n{_told(one.log)}")
        raise
    finally:
        one.close()


def _told(log: str) -> str:
    """What matters of a log: its complaints, then its end."""
    complaints = [line[:600] for line in log.splitlines() if '"level": "error"' in line]
    return "\n".join([*complaints[-10:], log[-2000:]])


def wait_until(condition: Callable[[], object], timeout: float, every: float = 0.1) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, f"not so after {timeout} s"
        time.sleep(every)


def steady(look: Callable[[], float], timeout: float = 60.0) -> float:
    """What ``look`` finds twice, far enough apart: gauges are counted once a second, in turn with
    folding."""
    deadline = time.monotonic() + timeout
    found = look()
    while True:
        time.sleep(STEADY_S)
        before, found = found, look()
        if before == found:
            return found
        assert time.monotonic() < deadline, f"not twice the same within {timeout} s"


def added(number: int, subject: str, channel: str = "web", **more: Any) -> CartItemAdded:
    """One unit of article ``number % 7``."""
    fields = {
        "event_id": f"{subject}/{number}",
        "occurred_at": int(time.time() * 1000),
        "channel": channel,
        "source": f"{channel}-1",
        "subject": subject,
        "sku": f"sku{number % 7}",
        "quantity": 1,
    }
    return CartItemAdded(**(fields | more))


def publish(bootstrap: str, events: Iterable[Event], partitioner: str = "murmur2_random") -> int:
    """Publish and wait for all acknowledgements; how many."""
    producer = Producer(
        {"bootstrap.servers": bootstrap, "partitioner": partitioner, "enable.idempotence": True}
    )
    count = 0
    for event in events:
        producer.produce(
            input_topic(event.channel), codec.encode_event(event), event.subject.encode()
        )
        count += 1
    assert producer.flush(30) == 0
    return count


def read(bootstrap: str, topic: str, isolation: str = "read_committed") -> list[Any]:
    """Every record of a topic, to its end."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "harness",
            "isolation.level": isolation,
            "enable.partition.eof": True,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "fetch.wait.max.ms": 5,
        }
    )
    try:
        partitions = consumer.list_topics(topic, timeout=PATIENCE_S).topics[topic].partitions
        consumer.assign([TopicPartition(topic, number, 0) for number in partitions])
        open_partitions, messages = set(partitions), []
        while open_partitions:
            message = consumer.poll(PATIENCE_S)
            assert message is not None, f"{topic} could not be read"
            error = message.error()
            if error is None:
                messages.append(message)
            elif error.code() == KafkaError._PARTITION_EOF:
                open_partitions.discard(message.partition())
        return messages
    finally:
        consumer.close()


def latest(bootstrap: str, topic: str, isolation: str = "read_committed") -> dict[str, Any]:
    """The last record of each key, decoded; deleted ones left out."""
    rows: dict[str, Any] = {}
    for message in read(bootstrap, topic, isolation):
        key = message.key().decode()
        if message.value() is None:
            rows.pop(key, None)
        else:
            rows[key] = codec.decode(message.value())[1]
    return rows


def table(bootstrap: str, app_id: str, name: str) -> dict[str, Any]:
    """A table as its committed changelog has it."""
    assert name in TABLES
    return latest(bootstrap, changelog_topic(app_id, name))


def units(rows: dict[str, Any]) -> dict[str, int]:
    """Units by key, of carts as they are published or as the changelog has them."""
    return {key: sum(map(_line_units, row["lines"])) for key, row in rows.items()}


def _line_units(line: dict[str, Any]) -> int:
    if "quantity" in line:
        return int(line["quantity"])
    in_force = line["sets"][-1:]
    return sum(dot["quantity"] for dot in (*line["dots"], *in_force))


def synced_units(bootstrap: str) -> dict[str, int]:
    return units(latest(bootstrap, "sync.carts.v1"))


def rejected(bootstrap: str) -> list[dict[str, Any]]:
    return [codec.decode(m.value())[1] for m in read(bootstrap, "ccstream.rejected.v1")]
