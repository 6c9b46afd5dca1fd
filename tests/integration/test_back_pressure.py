"""A producer with hardly any room makes folding wait, and everything arrives."""

from __future__ import annotations

import pytest

from ccstream.ops.settings import Settings
from tests.integration.harness import (
    added,
    publish,
    synced_units,
    wait_until,
    worker,
)

pytestmark = [pytest.mark.long, pytest.mark.timeout(240)]

NO_ROOM = """
from ccstream.engine import worker

config = worker.producer_config
worker.producer_config = lambda *given, **named: config(*given, **named) | {
    "queue.buffering.max.messages": 10
}
"""
EACH = 20


def test_chunks_with_far_more_outputs_and_letters_than_a_producer_takes_arrive_whole(
    each_app: Settings,
) -> None:
    bootstrap = each_app.kafka.bootstrap
    names = [f"customer:{each_app.app_id}-{number}" for number in range(50)]
    events = [added(number, name) for number in range(EACH) for name in names]
    publish(bootstrap, events, "consistent_random")  # a good part of them has to be sent on
    with worker(each_app, program=NO_ROOM) as one:

        def shown() -> set[int]:
            units = synced_units(bootstrap)
            return {units.get(name, 0) for name in names}

        wait_until(lambda: shown() == {EACH}, 90, every=0.5)
        assert one.metric("ccstream_mail_total") > 100
        assert one.stop() == 0, one.log[-2000:]
