"""Without transactions: a worker that dies between its outputs and their commit."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from ccstream.devkit.embedded import EmbeddedKafka
from ccstream.wire.catalogue import SYNC_TOPICS
from ccstream.wire.headers import epoch_of
from tests.integration.harness import (
    added,
    make_topics,
    publish,
    read,
    settings_for,
    synced_units,
    table,
    units,
    wait_until,
    worker,
)

pytestmark = [pytest.mark.long, pytest.mark.timeout(240)]

PLAIN = {"DELIVERY": "plain"}
DIES = {"GROUP__SESSION_TIMEOUT_MS": "10000", "COMMIT__INTERVAL_MS": "10000"}
STAYS = {"GROUP__SESSION_TIMEOUT_MS": "45000"}

REPEATED = 3
"""A commit is due ten seconds after the last one, whether or not all has been shown by then."""


@pytest.fixture(params=["embedded", "real"])
def bootstrap(request: pytest.FixtureRequest) -> Iterator[str]:
    if request.param == "real":
        yield request.getfixturevalue("cluster").bootstrap
    else:
        with EmbeddedKafka() as kafka:
            yield kafka.bootstrap


def test_what_was_shown_and_not_committed_is_folded_again_and_shown_by_a_higher_epoch(
    bootstrap: str,
) -> None:
    settings = settings_for(bootstrap, "app")
    make_topics(settings)

    def stored() -> dict[str, int]:
        return units(table(bootstrap, "app", "carts"))

    def epochs_shown() -> list[int | None]:
        return [epoch_of(m.headers()) for m in read(bootstrap, SYNC_TOPICS["carts"])]

    def killed_with_nineteen_shown(known: int) -> int:
        """After one event that is committed; how many sync events there were until then."""
        with worker(settings, **PLAIN, **DIES) as first:
            publish(bootstrap, [added(known, "customer:1")])
            committed = {"customer:1": known + 1}
            wait_until(lambda: stored() == synced_units(bootstrap) == committed, 60)
            before = len(epochs_shown())
            publish(bootstrap, (added(known + n, "customer:1") for n in range(1, 20)))
            wait_until(lambda: synced_units(bootstrap) == {"customer:1": known + 20}, 60)
            first.signal(signal.SIGKILL)
            first.wait_ended()
        return before

    for known in range(0, 20 * REPEATED, 20):
        before = killed_with_nineteen_shown(known)
        if stored() == {"customer:1": known + 1}:
            break
    assert stored() == {"customer:1": known + 1}
    with worker(settings, **PLAIN, **STAYS):
        wait_until(lambda: stored() == {"customer:1": known + 20}, 60)
        wait_until(lambda: len(epochs_shown()) >= before + 19 + 19, 60)
    assert synced_units(bootstrap) == {"customer:1": known + 20}
    epochs = epochs_shown()
    assert len(epochs) == before + 19 + 19
    assert epochs == sorted(epochs, key=lambda epoch: epoch or 0)
    assert epochs[before + 18] != epochs[before + 19]
