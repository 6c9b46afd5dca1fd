"""``ccstream worker --processes 2``: both work, one that dies comes back, one port for both.

Events go on arriving while the group is put together anew: offsets that it refuses meanwhile stay
behind in the plain strategy, and are no reason to end.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import signal
import urllib.error
import urllib.request
from typing import Any

import pytest

from ccstream.engine.status import ExitStatus
from ccstream.ops.settings import Settings
from tests.integration.harness import (
    Worker,
    added,
    publish,
    settings_for,
    synced_units,
    wait_until,
    worker,
)
from tests.support.machine import Stopwatch

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]

CUSTOMERS = 40


def readiness(one: Worker) -> dict[str, Any]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{one.port}/readyz", timeout=5) as answer:
            return dict(json.loads(answer.read()))
    except urllib.error.HTTPError as error:
        return dict(json.loads(error.read()))
    except OSError:
        return {"processes": {}}  # a machine with much else to do


def partitions(one: Worker) -> list[set[int]]:
    return [set(process.get("partitions", ())) for process in readiness(one)["processes"].values()]


def shared(one: Worker) -> bool:
    found = partitions(one)
    if len(found) != 2:
        return False
    first, second = found
    return bool(first) and bool(second) and first | second == {0, 1, 2, 3} and not first & second


def pids(one: Worker) -> list[int]:
    children = f"/proc/{one.process.pid}/task/{one.process.pid}/children"
    with open(children, encoding="ascii") as listed:  # noqa: PTH123
        return [int(pid) for pid in listed.read().split()]


def restarts(one: Worker) -> list[int]:
    return [int(process["restarts"]) for process in readiness(one)["processes"].values()]


def test_two_share_the_partitions_and_one_that_is_killed_comes_back(each_app: Settings) -> None:
    bootstrap = each_app.kafka.bootstrap
    names = [f"customer:{each_app.app_id}-{n}" for n in range(CUSTOMERS)]
    with worker(each_app, "--processes", "2", supervised=True) as both:
        wait_until(lambda: shared(both), 90)
        publish(bootstrap, [added(n, name) for n, name in enumerate(names)])
        for process in "0", "1":
            wait_until(lambda p=process: both.metric("ccstream_events_total", process=p) > 0, 60)
        first, second = pids(both)
        before = restarts(both)
        os.kill(first, signal.SIGKILL)
        rounds = itertools.count(1)

        def another_round() -> None:
            at = next(rounds) * CUSTOMERS
            publish(bootstrap, [added(at + n, name) for n, name in enumerate(names)])

        def back() -> bool:
            another_round()
            return len(pids(both)) == 2 and first not in pids(both)

        def shared_again() -> bool:
            another_round()
            return both.ready() and shared(both)

        wait_until(back, 60)
        assert second in pids(both)
        wait_until(shared_again, 90)
        units = [next(rounds)] * CUSTOMERS
        wait_until(lambda: folded(bootstrap, names) == units, 60, every=0.5)
        assert sum(restarts(both)) > sum(before), "the one that was killed was started anew"
        wait_until(lambda: both.metric("ccstream_build_info") == 2, 30)
        children = pids(both)
        with Stopwatch() as stopping:
            assert both.stop() == ExitStatus.STOPPED
        assert stopping.kept(9), "it takes 1 to 2 s; at 10 the supervisor would kill"
        assert not [pid for pid in children if os.path.exists(f"/proc/{pid}")]  # noqa: PTH110
        assert set(re.findall(r'"process": (\d)', both.log)) == {"0", "1"}


def folded(bootstrap: str, names: list[str]) -> list[int]:
    units = synced_units(bootstrap)
    return [units.get(name, 0) for name in names]


def test_one_that_ends_for_good_ends_all_with_its_status(embedded_kafka: str, unique: str) -> None:
    app = settings_for(embedded_kafka, unique)
    with worker(app, "--processes", "2", "--partitions", "7", supervised=True, ready=False) as both:
        assert both.wait_ended(60) == ExitStatus.STATE, both.log[-2000:]
