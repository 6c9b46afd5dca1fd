"""What a ``faust.App`` that is never started answers; nothing is connected.

Each asks what the test of the same hazard asks of ccstream.
"""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import faust
from faust.types import TP

from ccstream.ops.settings import Settings

PARTITION = TP("input", 2)


def never_started(**options: Any) -> Any:
    return faust.App("alone", broker="kafka://localhost", **options)


def gap(settings: Settings) -> str:
    """Of 10 to 13 is 11 a marker; 12 is being handled."""

    async def look() -> int | None:
        consumer = never_started().consumer
        consumer._committed_offset[PARTITION] = 10
        await consumer._add_gap(PARTITION, 11, 12)
        consumer._acked[PARTITION] += [10, 13]
        return consumer._new_offset(PARTITION)

    return f"with 12 being handled it would commit {asyncio.run(look())}"


def head(settings: Settings) -> str:
    """12 is the next to be read; it is being handled, and 13 is done."""

    async def look() -> int | None:
        consumer = never_started().consumer
        consumer._committed_offset[PARTITION] = 12
        consumer._acked[PARTITION] += [13]
        return consumer._new_offset(PARTITION)

    return f"with 12 being handled it would commit {asyncio.run(look())}"


def replay(settings: Settings) -> str:
    """Whether it commits again where an offset is acknowledged twice, or some never are."""

    async def look(*acked: int) -> list[int | None]:
        consumer = never_started().consumer
        consumer._committed_offset[PARTITION] = 10
        consumer._acked[PARTITION] += acked
        answers: list[int | None] = []
        for last in range(14, 17):
            answers.append(found := consumer._new_offset(PARTITION))
            consumer._committed_offset[PARTITION] = found or 10
            consumer._acked[PARTITION].append(last)
        return answers

    twice, missing = asyncio.run(look(10, 11, 11, 12, 13)), asyncio.run(look(12, 13))
    return f"with 11 twice it would commit {twice}, without 10 and 11 {missing}"


def fetch_wait(settings: Settings) -> str:
    async def look() -> tuple[int, list[str]]:
        app = never_started()
        thread = app.consumer._thread
        consumer = thread._create_worker_consumer(thread.transport)
        await consumer.stop()
        names = [name for name in dir(type(app.conf)) if "fetch" in name and "wait" in name]
        return consumer._fetch_max_wait_ms, names

    waits, named = asyncio.run(look())
    return f"an empty fetch waits {waits} ms; settings for that: {len(named)}"


def assigned_nothing(settings: Settings) -> str:
    async def look() -> list[str]:
        app = never_started()
        asked: list[str] = []

        async def ask(what: str) -> None:
            asked.append(what)

        app._consumer = SimpleNamespace(assignment=set, stop_flow=lambda: asked.append("stop"))
        app._consumer_wait_empty = lambda *_: ask("wait")
        app._producer_flush = lambda *_: ask("flush")
        await app._on_partitions_revoked(set())
        return asked

    return f"before the next assignment it does {asyncio.run(look()) or 'nothing'}"


SCENARIOS = (gap, head, replay, fetch_wait, assigned_nothing)
