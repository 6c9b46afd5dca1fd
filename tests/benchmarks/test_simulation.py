"""The simulation of many workers obeys what is known of queues, and of partitions that move."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.simulation.model import Incident, Outcome, Setup, Simulation
from benchmarks.simulation.skew import weights


def simulated(**more: Any) -> Outcome:
    given: dict[str, Any] = {
        "weights": [1 / 8] * 8,
        "workers": 4,
        "rate": 20_000.0,
        "seconds": 4.0,
        "session_s": 0.5,
        "rebalance_s": 0.1,
        "take_over_s": 0.2,
    }
    return Simulation(Setup(**(given | more))).run()


CRASH = Incident(1.0, "crash", 0)
RESTART = Incident(1.0, "restart", 0, 0.7)


@pytest.mark.parametrize(
    "incidents", [(), (CRASH,), (RESTART,), (RESTART, Incident(2, "crash", 1))]
)
def test_whatever_happens_every_event_is_folded_once(incidents: tuple[Incident, ...]) -> None:
    found = simulated(incidents=incidents)
    assert found.arrived > 70_000
    assert found.folded == found.arrived == sum(found.waits.values()) == sum(found.of_worker)


def test_the_same_seed_gives_the_same_run_and_another_seed_another() -> None:
    first, again, other = simulated(), simulated(), simulated(seed=2)
    assert first == again
    assert first != other


def test_while_a_worker_restarts_only_its_own_partitions_wait() -> None:
    found = simulated(incidents=(RESTART,))
    assert [number for number, waited in found.worst.items() if waited > 0.5] == [0, 1]
    assert 0.7 <= max(found.worst.values()) < 1.0


def test_after_a_crash_partitions_wait_for_the_session_the_rebalance_and_the_take_over() -> None:
    found = simulated(incidents=(CRASH,))
    assert 0.8 <= found.worst[0] < 1.1
    assert 0.1 <= found.worst[7] < 0.3
    assert found.of_worker[0] < min(found.of_worker[1:])


def test_a_worker_with_more_than_it_can_do_falls_behind_without_end() -> None:
    within, beyond = simulated(rate=55_000.0), simulated(rate=90_000.0)
    assert within.quantile(0.99) < 0.3
    assert beyond.quantile(0.99) > 0.7


def test_partitions_that_cannot_be_shared_out_evenly_make_one_worker_the_busiest() -> None:
    even, odd = simulated(weights=[1 / 8] * 8), simulated(weights=[1 / 5] * 5)
    assert even.imbalance < 1.05
    assert odd.imbalance == pytest.approx(1.6, abs=0.05)


def test_shares_add_up_and_a_few_busy_customers_make_partitions_differ() -> None:
    alike, skewed = weights(24, 1_000_000, 0.0), weights(24, 1_000_000, 1.0)
    for found in (alike, skewed):
        assert sum(found) == pytest.approx(1)
    assert max(alike) * 24 < 1.1
    assert max(skewed) * 24 > 2  # the busiest customer alone does 7 %
