"""What merges take is compared with the letters that they wait for, counted from the log."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from benchmarks import merges
from benchmarks.instruments.merging import GROUP, SETTLING, account_of, guest_of, merging, plain
from benchmarks.merges import hops_to_both
from benchmarks.records import BenchmarkError
from ccstream.domain.events import IdentifiersLinked
from ccstream.wire.mail import ACKNOWLEDGE, HAND_OVER, LINK, Mail
from tests.support.brokers import why_no_local_kafka

GUEST, ACCOUNT = "loyalty:1", "customer:1"


def letter(at: int, kind: str, to: str, table: str = "carts") -> tuple[int, Mail]:
    mail = Mail(
        mail_id=f"m{at}",
        hops=1,
        to=to,
        kind=kind,
        origin_topic="t",
        origin_partition=0,
        origin_offset=0,
        origin_appended_at=0,
        value=b"",
        table=table,
    )
    return at, mail


HANDED_OVER = [
    letter(50, HAND_OVER, ACCOUNT),
    letter(50, HAND_OVER, ACCOUNT, "windows"),
    letter(70, ACKNOWLEDGE, GUEST, "touches"),
    letter(70, ACKNOWLEDGE, GUEST),
]


def test_a_log_in_waits_for_the_row_and_for_its_acknowledgement() -> None:
    assert hops_to_both(GUEST, HANDED_OVER) == 2


def test_letters_about_links_count_where_one_answers_the_other() -> None:
    asked, told = letter(10, LINK, ACCOUNT, "links"), letter(30, LINK, GUEST, "links")
    again, later = letter(31, LINK, GUEST, "links"), letter(60, LINK, GUEST, "links")
    assert hops_to_both(GUEST, [*HANDED_OVER, later, again, told, asked]) == 4


def test_a_basket_that_was_not_acknowledged_is_no_merge() -> None:
    with pytest.raises(BenchmarkError, match="handed over"):
        hops_to_both(GUEST, HANDED_OVER[:3])


def test_one_event_in_twenty_brings_a_guest_and_an_account_together_who_have_a_basket_each() -> (
    None
):
    make = merging("r", 1_000)
    events = [make(number, number) for number in range(2 * SETTLING)]
    log_ins = [event for event in events if isinstance(event, IdentifiersLinked)]
    assert len(log_ins) == SETTLING // GROUP
    assert all(int(event.event_id.partition("-")[0]) >= SETTLING for event in log_ins)
    filled = Counter(event.subject for event in events[:SETTLING])
    for group, event in enumerate(log_ins):
        assert (event.subject, event.identifiers) == (
            guest_of("r", group),
            (account_of("r", group),),
        )
        assert filled[event.subject] == filled[event.identifiers[0]] == 1
    counted = [event for event in events if event.subject.startswith(f"{plain('r')}:")]
    assert len(counted) == SETTLING * (GROUP - 3) // GROUP


@pytest.mark.long
@pytest.mark.timeout(240)
def test_merges_are_measured_on_a_real_kafka(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("BENCH_SCRATCH", str(tmp_path))
    missing = why_no_local_kafka()
    if missing:
        pytest.skip(f"needs a Kafka of its own: {missing}")
    found = merges.run(rate=200, seconds=2.0, warm_up_s=1.0, runs=1)
    hops = {one.subject: one.value for one in found if one.metric == "hops"}
    assert hops["visitor"] == 2
    assert hops["card"] >= hops["visitor"]
    assert all(one.value > 0 for one in found)
