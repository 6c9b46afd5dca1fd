"""How long from publishing an event to a live reader having the new basket?

At 100, 1,000 and 5,000 events a second, from just before ``produce`` to the record in a
reader's hands: publisher, worker and readers are processes of their own. The bare echo,
measured in the same way between the others, is what clients, broker and machine take.
Subjects:

``ccstream-full``            transactions, read uncommitted: what a live screen sees
``ccstream-full-committed``  the same events of the same worker, read committed: what a lasting
                             copy sees
``echo``                     each record produced again as it is
``ccstream-embedded``, ``echo-embedded``  on the embedded broker (delivery plain)

A broker that has just started runs its transactions interpreted until its JVM has compiled
them, which takes thousands of them. So the pipeline and the echo first run uncounted.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

from benchmarks.budget import rounds
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

RATES = (100, 1_000, 5_000)
RATE_EMBEDDED = 1_000
"""The embedded broker is for trying things; what it does under load nobody asks."""

SECONDS = 8.0
SETTLE_S = 2.0
"""At the beginning of each run, not counted: clients find their leaders, carts their rows."""

RESULT_S_MAX = 180.0
"""For what comes late, and to decode and compare what came."""

WARM_UP_RATE = 1_500
WARM_UP_S = 40.0
"""Commits follow each other every 100 ms, whatever the rate: this is some 250 transactions
over all partitions, after which p50 no longer falls from run to run."""
WARM_UP_ECHO_S = 8.0

FETCH_WAIT_MS = 500
"""librdkafka's own; a broker answers a fetch as soon as there is something."""
FETCH_WAIT_EMBEDDED_MS = 5
"""The embedded broker answers an empty fetch only when that time has passed."""

Measured = dict[str, float]
Isolations = Sequence[tuple[str, str]]
"""Of each reader the subject and the isolation level."""

FULL: Isolations = (
    ("ccstream-full", "read_uncommitted"),
    ("ccstream-full-committed", "read_committed"),
)


def run(
    *,
    rates: Sequence[int] = RATES,
    seconds: float = SECONDS,
    warm_up_s: float = WARM_UP_S,
    runs: int = 3,
    embedded: bool = True,
    budget_s: float = 300.0,
    say: Callable[[str], None] = print,
) -> list[Result]:
    found: dict[tuple[str, int], list[Measured]] = {}

    def note(rate: int, measured: dict[str, Measured]) -> None:
        for subject, one in measured.items():
            found.setdefault((subject, rate), []).append(one)
            figures = ", ".join(f"{name} {value:.1f}" for name, value in one.items())
            say(f"{QUESTION}: {subject} at {rate:,}/s: {figures}")

    began = time.monotonic()
    with kafka() as broker:
        bootstrap = broker.bootstrap
        with _pipeline(bootstrap, "bench-warm-up"):
            warming = (bootstrap, CARTS, FULL, "carts", WARM_UP_RATE, warm_up_s)
            _say_warm(say, _measure(*warming, settle_s=warm_up_s / 2))
        with _echo(bootstrap, FETCH_WAIT_MS):
            _measure(bootstrap, ECHO, _echoed("echo"), "echo", WARM_UP_RATE, WARM_UP_ECHO_S)
        for number in rounds(QUESTION, runs, budget_s * 0.75, say, began=began):
            with _echo(bootstrap, FETCH_WAIT_MS):
                for rate in rates:
                    measuring = (bootstrap, ECHO, _echoed("echo"), "echo", rate, seconds)
                    note(rate, _measure(*measuring))
            with _pipeline(bootstrap, f"bench-latency-{number}"):
                for rate in rates:
                    note(rate, _measure(bootstrap, CARTS, FULL, "carts", rate, seconds))
    if embedded:
        for number in rounds(QUESTION, runs, budget_s, say, began=began):
            for measured in _on_embedded(number, seconds):
                note(RATE_EMBEDDED, measured)
    return [
        median_of(
            QUESTION,
            subject,
            f"{metric}_at_{rate}",
            "ms",
            [one[metric] for one in measured],
        )
        for (subject, rate), measured in sorted(found.items(), key=lambda one: one[0][1])
        for metric in ("p50_ms", "p99_ms")
    ]


def _on_embedded(number: int, seconds: float) -> Iterator[dict[str, Measured]]:
    wait = FETCH_WAIT_EMBEDDED_MS
    with EmbeddedKafka() as embedded:
        bootstrap = embedded.bootstrap
        touch_topics(bootstrap, INPUT, ECHO)
        with _running(Instrument(echo.__name__, bootstrap, INPUT, ECHO, wait)):
            measuring = (bootstrap, ECHO, _echoed("echo-embedded"), "echo", RATE_EMBEDDED, seconds)
            yield _measure(*measuring, fetch_wait_ms=wait)
    with EmbeddedKafka() as embedded:
        bootstrap = embedded.bootstrap
        env = worker_environment(
            bootstrap, f"bench-embedded-{number}", "plain", kafka__partitions="4"
        )
        touch_topics(bootstrap, INPUT, CARTS)
        with ccstream_worker(env):
            readers = (("ccstream-embedded", "read_uncommitted"),)
            measuring = (bootstrap, CARTS, readers, "carts", RATE_EMBEDDED, seconds)
            yield _measure(*measuring, fetch_wait_ms=wait)


def _say_warm(say: Callable[[str], None], measured: dict[str, Measured]) -> None:
    p50 = measured["ccstream-full"]["p50_ms"]
    say(f"{QUESTION}: warmed up at {WARM_UP_RATE:,}/s, not counted; p50 {p50:.1f}")


def _echoed(subject: str) -> Isolations:
    return ((subject, "read_uncommitted"),)


@contextmanager
def _pipeline(bootstrap: str, app_id: str) -> Iterator[None]:
    """A worker without state on new topics."""
    env = worker_environment(bootstrap, app_id, "transactional")
    fresh_topics(bootstrap, env)
    with ccstream_worker(env):
        yield


@contextmanager
def _echo(bootstrap: str, fetch_wait_ms: int) -> Iterator[None]:
    create_topic(bootstrap, ECHO, 8)
    create_topic(bootstrap, INPUT, 8)
    with _running(Instrument(echo.__name__, bootstrap, INPUT, ECHO, fetch_wait_ms)):
        yield


def _measure(
    bootstrap: str,
    topic: str,
    readers: Isolations,
    kind: str,
    rate: int,
    seconds: float,
    *,
    settle_s: float = SETTLE_S,
    fetch_wait_ms: int = FETCH_WAIT_MS,
) -> dict[str, Measured]:
    """Pace events at ``rate`` and listen to what comes; figures by the readers' subjects."""
    namespace = f"{kind}_{time.monotonic_ns()}"  # the customers of this run alone
    length = seconds + settle_s
    with ExitStack() as stack:
        listening = {
            subject: stack.enter_context(
                _running(
                    Instrument(
                        listener.__name__,
                        *(bootstrap, topic, isolation, kind),
                        *(settle_s, fetch_wait_ms, namespace, rate),
                    )
                )
            )
            for subject, isolation in readers
        }
        pacing = Instrument(pacer.__name__, bootstrap, INPUT, namespace, rate, length)
        published = stack.enter_context(_running(pacing)).result(length + 60)
        for one in listening.values():
            one.tell(published["published"])
        heard = {subject: one.result(RESULT_S_MAX) for subject, one in listening.items()}
    for figures in heard.values():
        if not published["published"] == published["acknowledged"] == figures["heard"]:
            raise BenchmarkError(f"published {published}, but heard {figures['heard']}")
    return {
        subject: {name: float(value) for name, value in figures.items() if name != "heard"}
        for subject, figures in heard.items()
    }


@contextmanager
def _running(instrument: Instrument) -> Iterator[Instrument]:
    try:
        yield instrument
    finally:
        instrument.stop()
