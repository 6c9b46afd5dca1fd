"""The demo, as a stranger runs it: the whole path on the embedded broker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import orjson
import pytest

from ccstream.devkit.demo_session import Latencies
from tests.support.machine import Stopwatch

CCSTREAM = [sys.executable, "-m", "ccstream"]


@pytest.mark.timeout(120)
def test_every_channel_shows_what_was_expected_by_hand() -> None:
    ended = subprocess.run(
        [*CCSTREAM, "demo", "--check"], capture_output=True, text=True, timeout=100, check=False
    )
    assert ended.returncode == 0, ended.stderr
    lines = ended.stdout.strip().splitlines()
    report = orjson.loads(lines[-1])
    assert set(report) == {"events", "p50_ms", "p99_ms", "converged"}
    assert report["converged"] is True
    assert report["events"] > 100
    assert 0 < report["p50_ms"] <= report["p99_ms"]
    assert sum("8 of 8" in line for line in lines) == 10


@pytest.mark.timeout(60)
def test_a_signal_ends_it_within_five_seconds_and_leaves_no_worker_behind() -> None:
    demo = subprocess.Popen(
        [*CCSTREAM, "demo", "--check"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        time.sleep(4)
        with Stopwatch() as ending:
            os.killpg(demo.pid, signal.SIGINT)
            demo.wait(timeout=30)
        assert ending.kept(5), ending
        assert demo.returncode != 0
    finally:
        demo.kill()
        demo.wait(timeout=10)


def test_a_cluster_that_is_not_there_is_said_in_one_sentence() -> None:
    ended = subprocess.run(
        [*CCSTREAM, "demo", "--check", "--bootstrap", "127.0.0.1:1"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 3
    assert "127.0.0.1:1" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_an_event_sent_again_is_timed_from_its_own_sending() -> None:
    latencies = Latencies()
    latencies.sent("one")
    time.sleep(0.03)
    latencies.sent("one")
    latencies.seen("web", "one")
    latencies.seen("app", "one", again=True)
    first, repeated = latencies.quantile(0.5, "web"), latencies.quantile(0.5, "app")
    assert first is not None and first >= 30
    assert repeated is not None and repeated < 30
