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

PLAIN = {
    "DELIVERY": "plain",
    "GROUP__SESSION_TIMEOUT_MS": "3000",
    "GROUP__HEARTBEAT_INTERVAL_MS": "1000",
}


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

    with worker(settings, **PLAIN, COMMIT__INTERVAL_MS="10000") as first:
        publish(bootstrap, [added(0, "customer:1")])
        wait_until(lambda: stored() == {"customer:1": 1}, 20)
        publish(bootstrap, (added(number, "customer:1") for number in range(1, 20)))
        wait_until(lambda: synced_units(bootstrap) == {"customer:1": 20}, 20)
        assert stored() == {"customer:1": 1}
        first.signal(signal.SIGKILL)
        first.wait_ended(10)

    def epochs_shown() -> list[int | None]:
        return [epoch_of(m.headers()) for m in read(bootstrap, SYNC_TOPICS["carts"])]

    with worker(settings, **PLAIN):
        wait_until(lambda: stored() == {"customer:1": 20}, 20)
        wait_until(lambda: len(epochs_shown()) >= 20 + 19, 20)
    assert synced_units(bootstrap) == {"customer:1": 20}
    epochs = epochs_shown()
    assert len(epochs) == 20 + 19
    assert epochs == sorted(epochs, key=lambda epoch: epoch or 0)
    assert epochs[19] != epochs[20]
