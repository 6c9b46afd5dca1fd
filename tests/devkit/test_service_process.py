"""A service as a process: a stop counts whenever it comes."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from ccstream.devkit.worker_process import WorkerProcess
from ccstream.errors import DevkitError


@pytest.mark.parametrize("end", [WorkerProcess.stop, WorkerProcess.kill])
def test_what_was_stopped_before_it_started_does_not_start(
    end: Callable[[WorkerProcess], None],
) -> None:
    worker = WorkerProcess({"KAFKA__BOOTSTRAP": "127.0.0.1:1"})
    end(worker)
    asked = time.monotonic()
    with pytest.raises(DevkitError, match="stopped before it started"):
        worker.__enter__()
    assert time.monotonic() - asked < 1
