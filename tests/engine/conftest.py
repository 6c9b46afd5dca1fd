from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.engine.takeovers import Place
from tests.simulation.process import on_fakes


@pytest.fixture
def place() -> Iterator[Place]:
    with on_fakes():
        yield Place()
