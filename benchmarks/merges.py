"""How long from a log-in to the merged basket in both channels?

1,000 events a second, one in twenty a log-in of a visitor or the scan of a loyalty card, whose
basket then meets that of an account. A live view, as screens have it, says when both channels show
the merged basket: that which looks at the account, and that which looks at the visitor or the card.
Beside it, from the same worker at the same time, plain additions as a reader of committed records
hears them. A letter is read once it is committed, so what a merge takes is to be judged by its
*hops*: letters that have to be written one after the other until both channels show it.

``visitor``          a log-in
``card``             a link between a card and an account
``plain-committed``  additions to other carts, read committed
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from contextlib import ExitStack

from benchmarks.budget import rounds
from benchmarks.instruments import bystander, merge_pacer, merge_watcher, pacer
from benchmarks.instruments.merging import CARD, SETTLING, VISITOR, plain
from benchmarks.latency import INPUT, WARM_UP_RATE
from benchmarks.processes import (
    Instrument,
    ccstream_worker,
    fresh_topics,
    kafka,
    worker_environment,
)
from benchmarks.records import BenchmarkError, read
from benchmarks.results import Result, median_of
from ccstream.wire.catalogue import MAIL_TOPIC, SYNC_TOPICS
from ccstream.wire.codec import Codec
from ccstream.wire.mail import ACKNOWLEDGE, HAND_OVER, LINK, Mail, decode_mail

__all__ = ["hops_to_both", "run"]

QUESTION = "merges"
CARTS = SYNC_TOPICS["carts"]
SUBJECTS = {VISITOR: "visitor", CARD: "card"}

RATE = 1_000
SECONDS = 10.0
WARM_UP_S = 20.0
"""At a higher rate than is measured; less than `latency` takes, for the time there is. Plain
events and merges are warmed up alike, and compared with each other."""

RESULT_S_MAX = 90.0
LAST_S = 1.0
"""From the last merge that was seen to the last plain event that is committed."""

SLACK_MS = 15.0
"""What a merge may take beyond its hops."""

Measured = dict[str, dict[str, float]]


def run(
    *,
    rate: int = RATE,
    seconds: float = SECONDS,
    warm_up_s: float = WARM_UP_S,
    runs: int = 3,
    budget_s: float = 85.0,
    say: Callable[[str], None] = print,
) -> list[Result]:
    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    began = time.monotonic()
    with kafka() as broker:
        env = worker_environment(broker.bootstrap, "bench-merges", "transactional")
        fresh_topics(broker.bootstrap, env)
        with ccstream_worker(env):
            _warm_up(broker.bootstrap, warm_up_s)
            for number in rounds(QUESTION, runs, budget_s, say, began=began):
                measured = _measure(broker.bootstrap, f"r{number}", rate, seconds)
                for subject, figures in measured.items():
                    words = ", ".join(f"{name} {value:.1f}" for name, value in figures.items())
                    say(f"{QUESTION}: {subject}: {words}")
                    for name, value in figures.items():
                        found[subject][name].append(value)
    return [
        median_of(QUESTION, subject, name, "ms" if name.endswith("_ms") else "letters", values)
        for subject, figures in found.items()
        for name, values in figures.items()
    ]


def _warm_up(bootstrap: str, seconds: float) -> None:
    pacing = Instrument(pacer.__name__, bootstrap, INPUT, "warm", WARM_UP_RATE, seconds)
    try:
        pacing.result(seconds + RESULT_S_MAX)
    finally:
        pacing.stop()


def _measure(bootstrap: str, name: str, rate: int, seconds: float) -> Measured:
    length = SETTLING / rate + seconds
    with ExitStack() as stack:

        def started(module: str, *arguments: object) -> Instrument:
            instrument = Instrument(module, bootstrap, *arguments)
            stack.callback(instrument.stop)
            return instrument

        watching = started(merge_watcher.__name__, name)
        beside = started(bystander.__name__, CARTS, plain(name), "read_committed")
        pacing = started(merge_pacer.__name__, INPUT, name, rate, length)
        published = pacing.result(length + RESULT_S_MAX)
        watching.tell(published["log_ins"])
        seen = watching.result(RESULT_S_MAX)
        time.sleep(LAST_S)
        beside.tell(0)
        heard = beside.result(RESULT_S_MAX)
    if published["published"] != published["acknowledged"]:
        raise BenchmarkError(f"not all events were stored: {published}")
    if seen["merged"] != published["log_ins"] or heard["heard"] != published["plain"]:
        raise BenchmarkError(
            f"of {published['log_ins']} log-ins {seen['merged']} were seen to be merged, of "
            f"{published['plain']} plain events {heard['heard']}"
        )
    committed = {share: float(heard[share]) for share in ("p50_ms", "p99_ms")}
    hops = _hops(bootstrap, name)
    measured = {}
    for kind, subject in SUBJECTS.items():
        figures = {share: float(seen[kind][share]) for share in committed}
        figures["account_alone_p99_ms"] = float(seen[kind]["app_p99_ms"])
        figures["hops"] = float(hops[kind])
        figures["p99_allowed_ms"] = hops[kind] * committed["p99_ms"] + SLACK_MS
        measured[subject] = figures
    return {**measured, "plain-committed": committed}


def _hops(bootstrap: str, name: str) -> dict[str, int]:
    """The most letters that a merge of each kind of guest has waited for."""
    decode = Codec().decode_event
    letters: dict[str, list[tuple[int, Mail]]] = defaultdict(list)
    for message in read(bootstrap, MAIL_TOPIC):
        mail = decode_mail(message.value())
        subject = decode(mail.value).subject
        if subject.startswith((f"{VISITOR}:{name}-", f"{CARD}:{name}-")):
            letters[subject].append((message.timestamp()[1], mail))
    found = {VISITOR: 0, CARD: 0}
    for guest, some in letters.items():
        kind = guest.partition(":")[0]
        found[kind] = max(found[kind], hops_to_both(guest, some))
    return found


def hops_to_both(guest: str, letters: Iterable[tuple[int, Mail]]) -> int:
    """How many letters lie between a log-in and the end of the guest's own basket.

    The last acknowledges that the account has it, the one before handed it over; before those,
    guest and account write to each other in turn until they know that they belong together.

    Args:
        guest: who logged in.
        letters: all of the one log-in, with their append times in ms.
    """
    some = list(letters)
    carts = [(at, mail) for at, mail in some if mail.table == "carts"]
    if {mail.kind for _, mail in carts} != {HAND_OVER, ACKNOWLEDGE}:
        raise BenchmarkError(f"the basket of {guest} was not handed over")
    at = next(at for at, mail in carts if mail.kind == HAND_OVER)
    hops, to_guest = 2, True
    links = ((sent, mail.to) for sent, mail in some if mail.kind == LINK)
    for sent, to in sorted(links, reverse=True):
        if sent <= at and (to == guest) is to_guest:
            hops, at, to_guest = hops + 1, sent, not to_guest
    return hops
