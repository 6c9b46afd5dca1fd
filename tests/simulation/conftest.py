from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.simulation.process import on_fakes


@pytest.fixture(scope="module", autouse=True)
def fakes() -> Iterator[None]:
    with on_fakes(patient_above=0.0, busy_above=0.5):
        yield
