"""A producer with hardly any room makes folding wait, and everything arrives."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ccstream.devkit.embedded import EmbeddedKafka
from ccstream.ops.settings import Settings
from tests.integration.harness import (
    added,
    make_topics,
    publish,
    settings_for,
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


@pytest.fixture(params=["embedded", "real"])
def app(request: pytest.FixtureRequest, unique: str) -> Iterator[Settings]:
    if request.param == "real":
        made = settings_for(request.getfixturevalue("cluster").bootstrap, unique)
        make_topics(made)
        yield made
        return
    with EmbeddedKafka() as kafka:
        made = settings_for(kafka.bootstrap, unique)
        make_topics(made)
        yield made


def test_chunks_with_far_more_outputs_and_letters_than_a_producer_takes_arrive_whole(
    app: Settings,
) -> None:
    bootstrap = app.kafka.bootstrap
    names = [f"customer:{app.app_id}-{number}" for number in range(50)]
    events = [added(number, name) for number in range(EACH) for name in names]
    publish(bootstrap, events, "consistent_random")  # a good part of them has to be sent on
    with worker(app, program=NO_ROOM) as one:

        def shown() -> set[int]:
            units = synced_units(bootstrap)
            return {units.get(name, 0) for name in names}

        wait_until(lambda: shown() == {EACH}, 90, every=0.5)
        assert one.metric("ccstream_mail_total") > 100
        assert one.stop() == 0, one.log[-2000:]
