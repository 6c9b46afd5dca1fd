"""Two files of customers that contradict each other end as what they say together."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ccstream.devkit.kafka import LocalKafka
from tests.imports.two_files import run


@pytest.mark.long
@pytest.mark.timeout(600)
def test_imports_that_are_killed_and_repeated_end_as_one_set_of_profiles(
    local_kafka: Callable[..., LocalKafka], unique: str, tmp_path: Path
) -> None:
    run(local_kafka().bootstrap, unique, tmp_path, 10_000, settle_s_max=240.0)
