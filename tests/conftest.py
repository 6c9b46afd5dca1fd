"""The brokers that tests share, and the report of which they were."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from ccstream.devkit.embedded import EmbeddedKafka
from ccstream.devkit.kafka import LocalKafka
from ccstream.errors import DevkitError
from tests.support.brokers import Kafka, why_no_local_kafka

# A test's time limit bounds the whole of it; a limit on each example would only tell how busy the
# machine is. What fails is printed so that it can be run again.
hypothesis.settings.register_profile("ccstream", deadline=None, print_blob=True)
hypothesis.settings.load_profile("ccstream")

ROOT = Path(__file__).parent.parent
KAFKA = pytest.StashKey[Kafka]()
TOLD = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[KAFKA] = Kafka()
    config.stash[TOLD] = []


def pytest_report_header(config: pytest.Config) -> str:
    return f"kafka: {config.stash[KAFKA].planned()}"


def pytest_collection_finish(session: pytest.Session) -> None:
    """Open the session's Kafka before the first test, so that no test's time limit pays for it."""
    if session.config.option.collectonly or not any(map(_needs_kafka, session.items)):
        return
    try:
        session.config.stash[KAFKA].open()
    except DevkitError as error:
        pytest.exit(str(error), returncode=pytest.ExitCode.USAGE_ERROR)


def _needs_kafka(item: pytest.Item) -> bool:
    fixtures = getattr(item, "fixturenames", ())
    return "kafka" in fixtures or item.get_closest_marker("realkafka") is not None


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("realkafka") is not None:
        kafka = item.config.stash[KAFKA]
        if not kafka.open().real:
            pytest.skip(f"needs a real Kafka: {'; '.join(kafka.passed_over)}")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Where several processes share the tests (pytest-xdist), each has a Kafka of its own."""
    if (output := getattr(session.config, "workeroutput", None)) is not None:
        output["kafka"] = session.config.stash[KAFKA].told()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    node.config.stash[TOLD].append(getattr(node, "workeroutput", {}).get("kafka", "it died"))


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    for told in config.stash[TOLD] or [config.stash[KAFKA].told()]:
        terminalreporter.write_line(f"kafka of this run: {told}")


def pytest_unconfigure(config: pytest.Config) -> None:
    if KAFKA in config.stash:
        config.stash[KAFKA].close()


@pytest.fixture(scope="session")
def kafka(pytestconfig: pytest.Config) -> str:
    """The bootstrap address of the best Kafka there is; shared, so use names of your own."""
    pytestconfig.stash[KAFKA].open()
    return pytestconfig.stash[KAFKA].bootstrap


@pytest.fixture(scope="session")
def kafka_is_real(kafka: str, pytestconfig: pytest.Config) -> bool:
    """Whether ``kafka`` has transactions, topic settings and ``read_committed``."""
    return pytestconfig.stash[KAFKA].open().real


@pytest.fixture(scope="session")
def embedded_kafka() -> Iterator[str]:
    """The bootstrap address of an embedded broker; shared, so use names of your own."""
    with EmbeddedKafka() as broker:
        yield broker.bootstrap


@pytest.fixture(params=["embedded", "real"])
def each_kafka(request: pytest.FixtureRequest) -> str:
    """For what must hold on either: the embedded broker, then a real one where there is one."""
    if request.param == "embedded":
        return str(request.getfixturevalue("embedded_kafka"))
    kafka = request.config.stash[KAFKA]
    if not kafka.open().real:
        pytest.skip(f"needs a real Kafka: {'; '.join(kafka.passed_over)}")
    return kafka.bootstrap


@pytest.fixture
def local_kafka() -> Iterator[Callable[..., LocalKafka]]:
    """Starts Kafka nodes of the test's own, to be killed and restarted; all end with the test.

    Takes the arguments of ``LocalKafka``. Mark such a test ``long`` and ``timeout``.
    """
    missing = why_no_local_kafka()
    if missing:
        pytest.skip(missing)
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(LocalKafka(**options))


@pytest.fixture
def unique() -> str:
    """A short name nobody else has, for topics, groups and app ids."""
    return f"t{secrets.token_hex(4)}"


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's folder."""
    return ROOT
