"""All workers are restarted one after the other while events come: nothing is lost, and how long
each partition stood still is known.

The gap of a partition is the longest that an event of it waited, by the broker's clock: from its
own record to the first sync event that it caused, as a live screen reads them.

On a quiet machine it is judged by what is promised: no partition silent for more than 5 s with
static membership, 2 s with dynamic membership and standbys. A restart that took longer is repeated
twice, and of the three the median counts. Where others take the processors, the time that a process
takes to start is theirs: there it is judged only by what a rebalance that waits for somebody who is
gone would take, and the gaps are told with how busy it was.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack

import pytest

from ccstream.engine.status import ExitStatus
from ccstream.ops.settings import Settings
from ccstream.wire.catalogue import SYNC_TOPICS
from tests.integration.feed import Feed, settled
from tests.integration.harness import PARTITIONS, Worker, codec, read, wait_until, worker

pytestmark = [pytest.mark.long, pytest.mark.timeout(480)]

WORKERS = 3

STATIC_S_MAX = 5.0
"""A process's end and start."""

DYNAMIC_S_MAX = 2.0
"""A rebalance among those that are there, and what a standby has not read yet."""

BUSY_S_MAX = {STATIC_S_MAX: 10.0, DYNAMIC_S_MAX: 5.0}
"""Where the machine is busy. A rebalance that waits for a member that is gone would take the
session timeout, which is set to a minute; to wait for a restore or a start would be longer, too."""

QUIET_MAX = 1.25
"""How many times its processor time a process that needs nothing else may take to be over."""

REPEATED = 3

WARM_S = 1.0
"""Before the first restart and after the last: the gap is not that of starting up."""


def gaps(bootstrap: str, since_ms: int, name: str) -> dict[int, float]:
    """By partition, the longest in seconds that an event appended since then waited."""
    shown: dict[str, tuple[int, float]] = {}
    for message in read(bootstrap, SYNC_TOPICS["carts"], "read_uncommitted"):
        if message.value() is None or name not in message.key().decode():
            continue
        cause = codec.decode(message.value())[1]["cause"]
        if cause["appended_at"] >= since_ms:
            waited = (message.timestamp()[1] - cause["appended_at"]) / 1000
            shown.setdefault(cause["event_id"], (message.partition(), waited))
    found = dict.fromkeys(range(PARTITIONS), 0.0)
    for partition, waited in shown.values():
        found[partition] = max(found[partition], waited)
    return found


def stretch() -> float:
    """How many times its own processor time it takes to start what a worker is made of."""
    before = os.times()
    subprocess.run([sys.executable, "-c", "import ccstream.engine.worker"], check=True, timeout=60)
    after = os.times()
    used = after.children_user + after.children_system
    used -= before.children_user + before.children_system
    return (after.elapsed - before.elapsed) / used


@pytest.mark.parametrize("membership", ["static", "dynamic with standbys"])
def test_a_rolling_restart_under_load_loses_nothing_and_its_gaps_are_short(
    app: Settings, membership: str, record_property: pytest.RecordProperty
) -> None:
    def environment(number: int) -> Mapping[str, str]:
        if membership == "static":
            return {
                "GROUP__INSTANCE_ID": f"{app.app_id}-{number}",
                "GROUP__SESSION_TIMEOUT_MS": "60000",
            }
        return {"STATE__STANDBY_REPLICAS": "1"}

    with ExitStack() as stack:

        def start(number: int) -> Worker:
            return stack.enter_context(worker(app, ready=False, **environment(number)))

        workers = [start(number) for number in range(WORKERS)]
        for one in workers:
            one.wait_ready()
        wait_until(lambda: served(workers) == PARTITIONS, 60)

        def restart(name: str) -> float:
            """Restart all of them; the longest gap in seconds."""
            with Feed(app.kafka.bootstrap, name) as feed:
                time.sleep(WARM_S)
                since_ms = int(time.time() * 1000)
                for number in range(WORKERS):
                    assert workers[number].stop() == ExitStatus.STOPPED, workers[number].log[-2000:]
                    workers[number] = start(number)
                    workers[number].wait_ready()
                    wait_until(lambda: served(workers) == PARTITIONS, 60)
                time.sleep(WARM_S)
                expected = feed.finish()
            settled(app, expected)
            for one in workers:
                assert one.process.poll() is None, one.log[-2000:]
            found = gaps(app.kafka.bootstrap, since_ms, name)
            told = ", ".join(f"{number}: {seconds:.2f} s" for number, seconds in found.items())
            sys.stderr.write(f"gaps by partition, {membership}: {told}\n")
            return max(found.values())

        promised = STATIC_S_MAX if membership == "static" else DYNAMIC_S_MAX
        stretched, longest = [stretch()], [restart(f"{app.app_id}-0")]
        stretched.append(stretch())
        while longest[0] >= promised and max(stretched) <= QUIET_MAX and len(longest) < REPEATED:
            longest.append(restart(f"{app.app_id}-{len(longest)}"))
            stretched.append(stretch())
    quiet = max(stretched) <= QUIET_MAX
    busy = ", ".join(f"{one:.2f}" for one in stretched)
    sys.stderr.write(f"judged as on a {'quiet' if quiet else 'busy'} machine: {busy}\n")
    record_property("gap_seconds_max", statistics.median(longest))
    record_property("machine_stretch_max", max(stretched))
    assert 0 < statistics.median(longest) < (promised if quiet else BUSY_S_MAX[promised])


def served(workers: list[Worker]) -> int:
    """How many partitions are served by all together."""
    return sum(len(one.serving()) for one in workers)
