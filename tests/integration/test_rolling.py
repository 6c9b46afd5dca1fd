"""All workers are restarted one after the other while events come: nothing is lost, and how long
each partition stood still is known.

The gap of a partition is the longest that an event of it waited, by the broker's clock: from its
own record to the first sync event that it caused, as a live screen reads them.

It is judged by what is promised: no partition silent for more than 5 s with static membership, 2 s
with dynamic membership and standbys. A restart that took longer is repeated twice, and of the three
the median counts. Only what keeps to that passes. Where others were measured to take the
processors, meanwhile or in between, the time that a process takes to start is theirs: a longer gap
has failed there, too, if it is what a rebalance that waits for somebody who is gone would take, and
is skipped otherwise, which says that nothing was shown. The gaps are told in any case, with how
busy it was.
"""

from __future__ import annotations

import statistics
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
from tests.support.machine import QUIET_MAX, Stopwatch, stretch

pytestmark = [pytest.mark.long, pytest.mark.timeout(480)]

WORKERS = 3

STATIC_S_MAX = 5.0
"""A process's end and start."""

DYNAMIC_S_MAX = 2.0
"""A rebalance among those that are there, and what a standby has not read yet."""

BUSY_S_MAX = 10.0
"""More is a failure on a busy machine, too. A rebalance that waits for a member that is gone would
take the session timeout, which is set to a minute; to wait for a restore or a start is as long."""

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


def is_kept(gap_s: float, promised_s: float, *, quiet: bool) -> bool | None:
    """Whether what was promised was kept; None if that cannot be told."""
    if gap_s < promised_s:
        return True
    if quiet or gap_s >= BUSY_S_MAX:
        return False
    return None


@pytest.mark.parametrize(
    ("gap_s", "quiet", "kept"),
    [
        (4.9, True, True),
        (4.9, False, True),
        (5.1, True, False),
        (5.1, False, None),
        (10.0, False, False),
    ],
)
def test_what_was_not_kept_fails_and_is_not_judged_only_on_a_busy_machine(
    gap_s: float, quiet: bool, kept: bool | None
) -> None:
    assert is_kept(gap_s, STATIC_S_MAX, quiet=quiet) is kept


@pytest.mark.parametrize("membership", ["static", "dynamic with standbys"])
def test_a_rolling_restart_under_load_loses_nothing_and_its_gaps_are_short(
    app: Settings, membership: str, record_property: pytest.RecordProperty
) -> None:
    def environment(number: int) -> Mapping[str, str]:
        patient = {"GROUP__SESSION_TIMEOUT_MS": "60000", "GROUP__REBALANCE_TIMEOUT_MS": "60000"}
        if membership == "static":
            return patient | {"GROUP__INSTANCE_ID": f"{app.app_id}-{number}"}
        return patient | {"STATE__STANDBY_REPLICAS": "1"}

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
        stretched: list[float] = [stretch()]
        longest: list[float] = []
        watches: list[Stopwatch] = []
        while not longest or (longest[0] >= promised and len(longest) < REPEATED):
            with Stopwatch() as watch:
                longest.append(restart(f"{app.app_id}-{len(longest)}"))
            watches.append(watch)
            stretched.append(stretch())
    gap, busy, others = statistics.median(longest), max(stretched), max(w.others for w in watches)
    told = (
        f"{gap:.2f} s of {promised:g} s, on a machine that takes {busy:.2f} times its time and "
        f"gives {others:.0%} to others"
    )
    sys.stderr.write(f"longest gap, {membership}: {told}\n")
    record_property("gap_seconds_max", gap)
    record_property("machine_stretch_max", busy)
    record_property("machine_others_max", others)
    assert gap > 0
    quiet = busy <= QUIET_MAX and not any(watch.busy for watch in watches)
    kept = is_kept(gap, promised, quiet=quiet)
    if kept is None:
        pytest.skip(f"the machine is too busy to judge it: {told}")
    assert kept, told


def served(workers: list[Worker]) -> int:
    """How many partitions are served by all together."""
    return sum(len(one.serving()) for one in workers)
