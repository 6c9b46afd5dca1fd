"""How long from publishing an event to a live reader having the new basket?

At 1,000 events a second, from just before ``produce`` to the record in a reader's hands:
publisher, worker and reader are processes of their own. The bare echo, measured in the same
way between the others, is what clients, broker and machine take. Subjects:

``ccstream-full``            transactions, read uncommitted: what a live screen sees
``ccstream-full-committed``  the same, read committed: what a lasting copy sees
``echo``                     each record produced again as it is
``ccstream-embedded``, ``echo-embedded``  on the embedded broker (delivery plain)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from benchmarks.instruments import listener, pacer
from benchmarks.load import CHANNEL
from benchmarks.peers import echo
from benchmarks.processes import (
    Instrument,
    ccstream_worker,
    fresh_topics,
    kafka,
    worker_environment,
)
from benchmarks.records import BenchmarkError, create_topic, touch_topics
from benchmarks.results import Result, median_of
from ccstream.devkit.embedded import EmbeddedKafka
from ccstream.wire.catalogue import SYNC_TOPICS, input_topic

__all__ = ["run"]

QUESTION = "latency"
INPUT = input_topic(CHANNEL)
CARTS = SYNC_TOPICS["carts"]
ECHO = "bench-echo"

RATE = 1_000
SECONDS = 10.0
WARM_UP_S = 3.0
DRAIN_S = 2.0

FETCH_WAIT_MS = 500
"""librdkafka's own; a broker answers a fetch as soon as there is something."""
FETCH_WAIT_EMBEDDED_MS = 5
"""The embedded broker answers an empty fetch only when that time has passed."""

Measured = dict[str, float]


def run(*, runs: int = 3, say: Callable[[str], None] = print) -> list[Result]:
    found: dict[str, list[Measured]] = {}

    def note(subject: str, measured: Measured) -> None:
        found.setdefault(subject, []).append(measured)
        figures = ", ".join(f"{name} {value:.1f}" for name, value in measured.items())
        say(f"{QUESTION}: {subject} run {len(found[subject])} of {runs}: {figures}")

    with kafka() as bootstrap:
        create_topic(bootstrap, ECHO, 8)
        create_topic(bootstrap, INPUT, 8)
        # A broker that has just started still compiles itself; what it takes then is no figure.
        _echo(bootstrap, FETCH_WAIT_MS)
        for number in range(1, runs + 1):
            create_topic(bootstrap, ECHO, 8)
            create_topic(bootstrap, INPUT, 8)
            note("echo", _echo(bootstrap, FETCH_WAIT_MS))
            for subject, isolation in (
                ("ccstream-full", "read_uncommitted"),
                ("ccstream-full-committed", "read_committed"),
            ):
                env = worker_environment(bootstrap, f"bench-{subject}-{number}", "transactional")
                fresh_topics(bootstrap, env)
                with ccstream_worker(env):
                    note(subject, _measure(bootstrap, CARTS, isolation, "carts", FETCH_WAIT_MS))
    for number in range(1, runs + 1):
        with EmbeddedKafka() as embedded:
            touch_topics(embedded.bootstrap, INPUT, ECHO)
            note("echo-embedded", _echo(embedded.bootstrap, FETCH_WAIT_EMBEDDED_MS))
        with EmbeddedKafka() as embedded:
            env = worker_environment(
                embedded.bootstrap, f"bench-embedded-{number}", "plain", kafka__partitions="4"
            )
            touch_topics(embedded.bootstrap, INPUT, CARTS)
            with ccstream_worker(env):
                measured = _measure(
                    embedded.bootstrap, CARTS, "read_uncommitted", "carts", FETCH_WAIT_EMBEDDED_MS
                )
                note("ccstream-embedded", measured)
    return [
        median_of(QUESTION, subject, metric, "ms", [one[metric] for one in measured])
        for subject, measured in found.items()
        for metric in ("p50_ms", "p99_ms")
    ]


def _echo(bootstrap: str, fetch_wait_ms: int) -> Measured:
    with _running(Instrument(echo.__name__, bootstrap, INPUT, ECHO, fetch_wait_ms)):
        return _measure(bootstrap, ECHO, "read_uncommitted", "echo", fetch_wait_ms)


def _measure(bootstrap: str, topic: str, isolation: str, kind: str, fetch_wait_ms: int) -> Measured:
    listening = Instrument(
        listener.__name__,
        *(bootstrap, topic, isolation, kind),
        *(SECONDS + WARM_UP_S + DRAIN_S, WARM_UP_S, fetch_wait_ms),
    )
    with (
        _running(listening),
        _running(Instrument(pacer.__name__, bootstrap, INPUT, RATE, SECONDS + WARM_UP_S)) as pacing,
    ):
        published = pacing.result(120)
        heard = listening.result(120)
    if not published["published"] == published["acknowledged"] == heard["heard"]:
        raise BenchmarkError(f"published {published}, but heard {heard['heard']}")
    return {name: float(value) for name, value in heard.items() if name != "heard"}


@contextmanager
def _running(instrument: Instrument) -> Iterator[Instrument]:
    try:
        yield instrument
    finally:
        instrument.stop()
