"""A Kafka of each test module's own: workers share their input topics with all of a cluster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from ccstream.devkit.embedded import EmbeddedKafka
from ccstream.devkit.kafka import LocalKafka
from ccstream.ops.settings import Settings
from tests.integration.harness import make_topics, settings_for
from tests.integration.pipeline import Pipeline
from tests.support.brokers import why_no_local_kafka


def _own_kafka() -> LocalKafka:
    missing = why_no_local_kafka()
    if missing:
        pytest.skip(f"needs a Kafka of its own: {missing}")
    return LocalKafka()


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalKafka]:
    with _own_kafka() as kafka:
        yield kafka


@pytest.fixture
def app(cluster: LocalKafka, unique: str) -> Settings:
    """Settings of an application of this test's own, on the module's cluster."""
    made = settings_for(cluster.bootstrap, unique)
    make_topics(made)
    return made


@pytest.fixture(params=["embedded", "real"])
def each_app(request: pytest.FixtureRequest, unique: str) -> Iterator[Settings]:
    """As ``app``, on an embedded broker of the test's own and on the module's cluster."""
    if request.param == "real":
        yield request.getfixturevalue("app")
        return
    with EmbeddedKafka() as kafka:
        made = settings_for(kafka.bootstrap, unique)
        make_topics(made)
        yield made


@pytest.fixture(scope="module", params=["embedded", "real"])
def pipeline(request: pytest.FixtureRequest) -> Iterator[Pipeline]:
    """A cluster with one worker, shared by a module's tests: each uses subjects of its own."""
    real = request.param == "real"
    with ExitStack() as stack:
        kafka = stack.enter_context(_own_kafka() if real else EmbeddedKafka())
        settings = settings_for(kafka.bootstrap, "app")
        make_topics(settings)
        made = Pipeline(settings, real=real)
        stack.callback(made.close)
        made.worker.wait_ready()
        yield made
