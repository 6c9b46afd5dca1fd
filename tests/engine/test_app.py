"""What Faust's callbacks ask of the engine."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

import pytest

from ccstream.engine.app import make_app
from ccstream.ops.settings import Settings
from tests.simulation.process import make_layout


class OneEngine:
    def __init__(self) -> None:
        self.released = 0

    def release(self) -> Future[None]:
        self.released += 1
        done: Future[None] = Future()
        done.set_result(None)
        return done


class NoPartitions:
    """A consumer that was assigned nothing, as with more workers than partitions."""

    def assignment(self) -> set[Any]:
        return set()


async def test_who_was_assigned_nothing_gives_that_up_before_the_next_assignment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine: Any = OneEngine()
    app = make_app(Settings.load(), make_layout(3), engine, pytest.fail, "http://127.0.0.1:1")
    monkeypatch.setattr(app, "_consumer", NoPartitions())
    await app._on_partitions_revoked(set())
    assert engine.released == 1
