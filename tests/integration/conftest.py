"""A Kafka of each test module's own: workers share their input topics with all of a cluster."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ccstream.devkit.kafka import LocalKafka
from ccstream.ops.settings import Settings
from tests.integration.harness import make_topics, settings_for
from tests.support.brokers import why_no_local_kafka


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalKafka]:
    missing = why_no_local_kafka()
    if missing:
        pytest.skip(f"needs a Kafka of its own: {missing}")
    with LocalKafka() as kafka:
        yield kafka


@pytest.fixture
def own_cluster() -> Iterator[LocalKafka]:
    """One for this test alone."""
    missing = why_no_local_kafka()
    if missing:
        pytest.skip(f"needs a Kafka of its own: {missing}")
    with LocalKafka() as kafka:
        yield kafka


@pytest.fixture
def settings(own_cluster: LocalKafka) -> Settings:
    """Settings of an application whose topics are there."""
    made = settings_for(own_cluster.bootstrap, "app")
    make_topics(made)
    return made
