"""Which Kafka the tests run on: the first that is there, and why it was that one.

In this order: ``CCSTREAM_TEST_BOOTSTRAP`` (a running cluster), Docker (``apache/kafka``
through testcontainers), Java and Maven (:class:`LocalKafka`), the embedded broker.
``CCSTREAM_REQUIRE_REAL_KAFKA=1`` makes ending up with the embedded one an error.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import takewhile

from ccstream.devkit.embedded import EmbeddedKafka
from ccstream.devkit.kafka import LocalKafka
from ccstream.devkit.kafka_jars import KAFKA_VERSION, find_java
from ccstream.errors import DevkitError
from tests.support.containers import container_kafka, why_no_docker

__all__ = ["BOOTSTRAP", "REQUIRE_REAL", "Kafka", "Source", "sources", "why_no_local_kafka"]

BOOTSTRAP = "CCSTREAM_TEST_BOOTSTRAP"
REQUIRE_REAL = "CCSTREAM_REQUIRE_REAL_KAFKA"


@dataclass(frozen=True)
class Source:
    """One way to have a Kafka; ``missing`` says in words why it cannot be had here."""

    name: str
    missing: str | None
    open: Callable[[], AbstractContextManager[str]]
    real: bool = True


def sources() -> list[Source]:
    """Every way, best first, judged by what this machine has."""
    given = os.environ.get(BOOTSTRAP, "")
    return [
        Source("a running cluster", None if given else f"{BOOTSTRAP} is not set", given_kafka),
        Source("apache/kafka in Docker", why_no_docker(), container_kafka),
        Source(f"Apache Kafka {KAFKA_VERSION} (Java, Maven)", why_no_local_kafka(), maven_kafka),
        Source("the embedded broker", None, embedded_kafka, real=False),
    ]


def why_no_local_kafka() -> str | None:
    """Why :class:`LocalKafka` cannot be had here, or ``None``."""
    try:
        find_java()
    except DevkitError as error:
        return str(error)
    return None if shutil.which("mvn") else "there is no `mvn` on the path"


@contextmanager
def given_kafka() -> Iterator[str]:
    yield os.environ[BOOTSTRAP]


@contextmanager
def maven_kafka() -> Iterator[str]:
    with LocalKafka() as kafka:
        yield kafka.bootstrap


@contextmanager
def embedded_kafka() -> Iterator[str]:
    with EmbeddedKafka() as kafka:
        yield kafka.bootstrap


@dataclass
class Kafka:
    """The one Kafka of a test session, opened when first asked for."""

    candidates: list[Source] = field(default_factory=sources)
    passed_over: list[str] = field(default_factory=list)
    running: Source | None = None
    bootstrap: str = ""
    _stack: ExitStack = field(default_factory=ExitStack)

    def open(self) -> Source:
        """Open the first source that works, or say why there is none that may be used."""
        if self.running is not None:
            return self.running
        for source in self.candidates:
            if source.missing:
                self.passed_over.append(f"{source.name}: {source.missing}")
                continue
            if not source.real and os.environ.get(REQUIRE_REAL) == "1":
                break
            try:
                self.bootstrap = self._stack.enter_context(source.open())
            except DevkitError as error:
                self.passed_over.append(f"{source.name}: {error}")
                continue
            self.running = source
            return source
        raise DevkitError(f"No real Kafka, and {REQUIRE_REAL}=1. " + "; ".join(self.passed_over))

    def close(self) -> None:
        self._stack.close()

    def planned(self) -> str:
        """What will be tried first, before anything is started."""
        why = list(takewhile(bool, (source.missing for source in self.candidates)))
        first = self.candidates[len(why)]
        return first.name + (f" ({'; '.join(map(str, why))})" if why else "")

    def told(self) -> str:
        """What ran and what was passed over for it."""
        if self.running is None:
            return "no shared one was needed"
        why = f" (passed over: {'; '.join(self.passed_over)})" if self.passed_over else ""
        return f"{self.running.name} at {self.bootstrap}{why}"
