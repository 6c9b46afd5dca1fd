"""Three short seeds on a real Kafka, and three mistakes that have to be found there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.chaos.cluster import Cluster
from tests.chaos.faults import plan_for
from tests.chaos.faulty_worker import MUTANTS
from tests.chaos.run import Run
from tests.support.brokers import why_no_local_kafka

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]

SHORT_SEEDS = (36, 6, 16)
"""A kill in a transaction, a worker frozen, a state on disk damaged: under 20 s each on an idle
machine."""

KILLED = 5
"""A seed of one fault only, that a worker without a mistake survives; see the three above."""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    missing = why_no_local_kafka()
    if missing:
        pytest.skip(f"needs a Kafka of its own: {missing}")
    with Cluster() as made:
        yield made


@pytest.mark.parametrize("seed", SHORT_SEEDS)
def test_every_promise_is_kept_through_the_faults_of_a_seed(cluster: Cluster, seed: int) -> None:
    outcome = Run(cluster, plan_for(seed)).carry_out()
    assert outcome.outcome == "ok", f"{outcome.detail}\nlogs: {outcome.folder}"
    assert outcome.counts["applied"] > 100


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_worker_that_makes_a_mistake_is_found(cluster: Cluster, mutant: str) -> None:
    outcome = Run(cluster, plan_for(KILLED), mutant).carry_out()
    assert outcome.outcome == "violation", outcome
