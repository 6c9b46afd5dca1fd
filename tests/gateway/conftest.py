"""A gateway in this process, on an embedded broker."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from starlette.applications import Starlette

from ccstream.gateway.app import make_app
from ccstream.gateway.ingest import Ingest
from ccstream.gateway.tickets import Tickets
from ccstream.ops.settings import Settings
from tests.gateway.calls import running
from tests.gateway.process import GatewayProcess, gateway
from tests.support.topics import make_pushed_topics


@pytest.fixture(autouse=True)
def bare_surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No settings from the environment or the working directory of whoever runs the tests."""
    make_bare(monkeypatch, tmp_path)


def make_bare(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    for name in list(os.environ):
        if name.upper().startswith("CCSTREAM_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(folder)


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
    async with running(make_app(settings, makers=(Ingest, Tickets))) as one:
        await until_ready(one)
        yield one


@pytest.fixture
async def whole_app(settings: Settings) -> AsyncIterator[Any]:
    """The same with all its parts."""
    await asyncio.to_thread(make_pushed_topics, settings.kafka.bootstrap, settings.app_id)
    async with running(make_app(settings)) as one:
        await until_ready(one)
        yield one


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_app(
    embedded_kafka: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Any]:
    """The same, shared by the tests of a module; they run on the module's event loop."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        make_bare(monkeypatch, tmp_path_factory.mktemp("shared"))
        given = Settings.load(kafka__bootstrap=embedded_kafka)
        made = make_app(given, makers=(Ingest, Tickets))
    async with running(made) as one:
        await until_ready(one)
        yield one


@pytest.fixture(scope="session")
def process(embedded_kafka: str) -> Iterator[GatewayProcess]:
    """A gateway as a process of its own, for tests that neither hurt nor set it."""
    with gateway(embedded_kafka) as one:
        yield one
