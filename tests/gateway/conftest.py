"""A gateway in this process, on an embedded broker."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette

from ccstream.gateway.app import make_app
from ccstream.gateway.ingest import Ingest
from ccstream.ops.settings import Settings
from tests.gateway.calls import running
from tests.support.topics import make_pushed_topics


@pytest.fixture(autouse=True)
def bare_surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No settings from the environment or the working directory of whoever runs the tests."""
    for name in list(os.environ):
        if name.upper().startswith("CCSTREAM_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


async def until_ready(app: Starlette) -> None:
    for _ in range(1_500):
        if not any(part.ready() for part in app.state.parts):
            return
        await asyncio.sleep(0.01)
    raise TimeoutError


@pytest.fixture
def settings(embedded_kafka: str) -> Settings:
    return Settings.load(kafka__bootstrap=embedded_kafka)


@pytest.fixture
async def app(settings: Settings) -> AsyncIterator[Any]:
    """A gateway without authentication that takes events, ready."""
    async with running(make_app(settings, makers=(Ingest,))) as one:
        await until_ready(one)
        yield one


@pytest.fixture
async def whole_app(settings: Settings) -> AsyncIterator[Any]:
    """The same with all its parts."""
    await asyncio.to_thread(make_pushed_topics, settings.kafka.bootstrap, settings.app_id)
    async with running(make_app(settings)) as one:
        await until_ready(one)
        yield one
