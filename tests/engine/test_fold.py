"""What one record causes."""

from __future__ import annotations

import dataclasses
import random
from typing import Any

import pytest
from msgspec import structs

from ccstream.domain import reasons
from ccstream.domain.events import (
    CartItemRemoved,
    Event,
    IdentifiersLinked,
    Money,
    OrderLine,
    OrderPlaced,
)
from ccstream.domain.moment import Moment
from ccstream.domain.observed import Observed
from ccstream.engine.aggregates import Aggregate
from ccstream.errors import StateError
from ccstream.wire.catalogue import MAIL_TOPIC, REJECTED_TOPIC
from ccstream.wire.headers import EPOCH, TRACEPARENT
from ccstream.wire.mail import FORWARD, HOPS_MAX, Mail, encode_mail
from tests.engine.world import CODEC, NOW, PLANS, World, added, key_living_at, shown
from tests.simulation.broker import LogRecord

CARTS, TOUCHES, ORDERS = "sync.carts.v1", "sync.touches.v1", "sync.orders.v1"
HERE = key_living_at(0)
ELSEWHERE = key_living_at(1)
VISITOR = key_living_at(0, "visitor")
DAY_MS = 24 * 3_600_000


def linked(root: str, **fields: Any) -> IdentifiersLinked:
    common = {"event_id": "link", "occurred_at": NOW, "channel": "web", "source": "shop-1"}
    return IdentifiersLinked(
        **{**common, "subject": VISITOR, "identifiers": (VISITOR, root), **fields}
    )


def outcome(sent: list[Any], topic: str) -> str:
    return str(shown(sent, topic)[-1]["cause"]["outcome"])


def letter(event: Event, to: str, hops: int = 1, **fields: Any) -> bytes:
    whole: dict[str, Any] = {
        "mail_id": "m",
        "hops": hops,
        "to": to,
        "kind": "forward",
        "origin_topic": "channel.web.events.v1",
        "origin_partition": 2,
        "origin_offset": 17,
        "origin_appended_at": NOW - 5_000,
        "value": CODEC.encode_event(event),
    }
    return encode_mail(Mail(**{**whole, **fields}))


def forwarded(world: World) -> list[tuple[int, str]]:
    """To which partition, and whom, events were sent on."""
    return [(home, mail.to) for home, mail in world.letters if mail.kind == FORWARD]


# what an event does


def test_an_event_changes_its_rows_and_each_is_published() -> None:
    world = World()
    sent = world.fold(added(quantity=2))
    assert world.quantity(HERE) == 2
    assert [(s.topic, s.partition, s.key) for s in sent] == [(CARTS, 0, HERE), (TOUCHES, 0, HERE)]
    assert outcome(sent, CARTS) == "applied"


def test_what_is_published_carries_the_epoch_and_versions_that_rise() -> None:
    world = World()
    sent = world.fold(added(), added(event_id="e2"))
    assert {dict(s.headers)[EPOCH] for s in sent} == {b"7"}
    versions = [fields["version"] for fields in shown(sent, CARTS)]
    assert versions[0] < versions[1]
    assert all(version >> 32 == 7 for version in versions)
    assert [f["base_version"] for f in shown(sent, CARTS)] == [0, versions[0]]


def test_a_new_epoch_shows_in_the_headers_at_once() -> None:
    world = World()
    world.fold(added())
    world.partition.begin_epoch(8)
    sent = world.fold(added(event_id="e2"))
    assert {dict(s.headers)[EPOCH] for s in sent} == {b"8"}


def test_a_basket_says_what_was_folded_when_it_was_published() -> None:
    world = World()
    (synced,) = shown(world.fold(added()), CARTS)
    assert synced["observed"] == Observed.encode(world.partition.scope, [0, -1, -1])


def test_the_position_moves_with_every_record_whatever_it_is() -> None:
    world = World()
    world.fold_bytes(b"k", b"garbage")
    world.fold_bytes(b"k", None)
    world.fold(added(channel="store"))
    assert world.partition.folded == [1, 0, -1]
    assert world.partition.changed


def test_a_trace_context_goes_on_to_whatever_the_event_causes() -> None:
    trace = (TRACEPARENT, b"00-1-2-01")
    world = World()
    sent = world.fold(added(), added(subject=ELSEWHERE), headers=[("other", b"x"), trace])
    assert [s.topic for s in sent] == [CARTS, TOUCHES, MAIL_TOPIC]
    assert all(trace in s.headers for s in sent)


def test_time_never_goes_back_for_an_entity() -> None:
    moments: list[Moment] = []

    def step(state: Any, event: Event, at: Moment) -> Any:
        moments.append(at)
        return (state or 0) + 1, ()

    probe = Aggregate("touches", step, None, "", None, lambda entry: b"", hands_out_tokens=False)
    world = World(plans={type(added()): (probe,)})
    world.fold(added(), at=NOW)
    world.fold(added(event_id="e2", source="other"), at=NOW - 60_000)
    assert [at.now for at in moments] == [NOW, NOW]
    assert [at.appended_at for at in moments] == [NOW, NOW - 60_000]


# what an event does not do


def test_a_duplicate_changes_nothing_and_publishes_its_rows_all_the_same() -> None:
    world = World()
    world.fold(added())
    sent = world.fold(added())
    assert world.quantity(HERE) == 1
    assert [s.topic for s in sent] == [CARTS, TOUCHES]
    assert outcome(sent, CARTS) == "duplicate"


def test_ids_of_another_channel_or_source_are_other_ids() -> None:
    world = World()
    world.fold(added(), added(channel="store", sku="cup"), added(source="shop-2", sku="pot"))
    assert [world.quantity(HERE, sku) for sku in ("tea", "cup", "pot")] == [1, 1, 1]


def test_rows_that_are_not_there_are_published_as_tombstones() -> None:
    removed = CartItemRemoved(
        event_id="r",
        occurred_at=NOW,
        channel="web",
        source="shop-1",
        subject=HERE,
        sku="tea",
    )
    sent = World().fold(removed)
    assert [(s.topic, s.value is None) for s in sent] == [(CARTS, True), (TOUCHES, False)]
    assert EPOCH in dict(sent[0].headers)


def test_an_event_that_is_too_old_to_be_told_from_a_duplicate_is_rejected_aloud() -> None:
    world = World()
    sent = world.fold(added(occurred_at=NOW - 31 * DAY_MS))
    assert [s.topic for s in sent] == [REJECTED_TOPIC, CARTS, TOUCHES]
    assert [r.reason for r in world.rejected] == [reasons.TOO_LATE]
    assert world.quantity(HERE) == 0


def test_of_an_event_that_one_aggregate_refuses_the_others_keep_nothing() -> None:
    order = OrderPlaced(
        event_id="o1",
        occurred_at=NOW,
        channel="web",
        source="shop-1",
        subject=HERE,
        order_id="A",
        lines=(OrderLine(sku="tea", quantity=1, amount=Money(1, "EUR")),),
        total=Money(1, "EUR"),
    )
    world = World()
    world.fold(order, added(event_id="e9", occurred_at=NOW - 1))
    touched = world.state("touches", HERE)
    sent = world.fold(structs.replace(order, event_id="o2"))
    assert [r.reason for r in world.rejected] == [reasons.ORDER_ALREADY_PLACED]
    assert world.quantity(HERE) == 1
    assert world.state("touches", HERE) is touched
    assert [s.topic for s in sent] == [REJECTED_TOPIC, ORDERS, CARTS, TOUCHES]


def test_an_event_that_was_rejected_may_come_again() -> None:
    world = World()
    world.fold(added(unit_price=Money(1, "EUR")), added(event_id="e2", unit_price=Money(1, "CHF")))
    assert [r.reason for r in world.rejected] == [reasons.CURRENCY_MISMATCH]
    world.fold(added(event_id="e2", unit_price=Money(1, "EUR")))
    assert world.quantity(HERE) == 2


def failing(event: Event, what: str) -> dict[type[Event], tuple[Aggregate, ...]]:
    def fail(*_: object) -> Any:
        raise ZeroDivisionError("a mistake of ours")

    carts, touches = PLANS[type(event)]
    changed: Any = {what: fail}
    return {type(event): (touches, dataclasses.replace(carts, **changed))}


@pytest.mark.parametrize("what", ["step", "encode_synced"])
def test_an_exception_in_a_step_is_the_events_fate_and_not_the_partitions(what: str) -> None:
    world = World(plans=failing(added(), what))
    sent = world.fold(added())
    (rejected,) = world.rejected
    assert rejected.reason == reasons.FAILED
    assert "ZeroDivisionError" in rejected.detail
    assert world.state("touches", HERE) is None
    assert world.partition.folded[0] == 0
    assert [s.topic for s in sent] == [REJECTED_TOPIC, TOUCHES, CARTS]


def test_what_does_not_fit_into_a_record_is_rejected_and_leaves_no_trace() -> None:
    world = World(message_bytes_max=2_048 + 1_500)
    number = 0
    while not world.rejected:
        number += 1
        assert number < 100
        world.fold(added(event_id=f"e{number:02}", sku=f"a-long-name-of-an-article-{number}"))
    assert world.rejected[0].reason == reasons.TOO_BIG
    assert world.rejected[0].event_id == f"e{number:02}"
    assert len(world.state("carts", HERE).lines) == number - 1
    assert world.quantity(HERE, f"a-long-name-of-an-article-{number}") == 0
    assert world.state("touches", HERE).last.event_id == f"e{number - 1:02}"


# bytes that are no event


def test_a_null_value_is_rejected() -> None:
    world = World()
    world.fold_bytes(b"k", None)
    (rejected,) = world.rejected
    assert (rejected.reason, rejected.key, rejected.value) == (reasons.NULL_VALUE, b"k", None)


def test_garbage_is_rejected_with_its_bytes_and_where_it_was() -> None:
    world = World()
    world.fold(added())
    world.fold_bytes(b"k", b"\xc3\x01garbage", topic=1)
    (rejected,) = world.rejected
    assert rejected.value == b"\xc3\x01garbage"
    assert (rejected.topic, rejected.partition, rejected.offset) == (
        "channel.store.events.v1",
        0,
        0,
    )


def test_a_key_that_is_not_the_subject_is_kept_in_the_dead_letter() -> None:
    world = World()
    world.fold_bytes(b"customer:somebody", CODEC.encode_event(added()))
    (rejected,) = world.rejected
    assert (rejected.reason, rejected.key) == (reasons.KEY_MISMATCH, b"customer:somebody")


def test_an_event_of_another_channel_is_rejected() -> None:
    world = World()
    world.fold_bytes(HERE.encode(), CODEC.encode_event(added()), topic=1)
    assert [r.reason for r in world.rejected] == [reasons.CHANNEL_MISMATCH]


def test_random_bytes_never_end_the_fold() -> None:
    world = World()
    dice = random.Random(5)
    value = CODEC.encode_event(added())
    for _ in range(300):
        damaged = bytearray(value[: dice.randint(0, len(value))])
        for _ in range(dice.randint(0, 3)):
            if damaged:
                damaged[dice.randrange(len(damaged))] = dice.randrange(256)
        world.fold_bytes(HERE.encode(), bytes(damaged), topic=dice.randrange(3))
    assert sum(world.partition.folded) == 297


def test_a_topic_without_append_times_is_refused() -> None:
    class Unstamped(LogRecord):
        def timestamp(self) -> tuple[int, int]:
            return 1, NOW

    world = World()
    record = Unstamped(("channel.web.events.v1", 0), 0, NOW, b"k", b"v", None, None)
    with pytest.raises(StateError, match="topics apply"):
        world.folder.fold(world.partition, 0, record)
    tolerant = World(append_time=False)
    tolerant.folder.fold(tolerant.partition, 0, record)


# mail


def test_a_stray_is_sent_home_and_published_nowhere_else() -> None:
    world = World()
    sent = world.fold(added(subject=ELSEWHERE))
    assert [s.topic for s in sent] == [MAIL_TOPIC]
    ((home, mail),) = world.letters
    assert (home, mail.to, mail.hops) == (1, ELSEWHERE, 1)
    assert (mail.origin_topic, mail.origin_offset) == ("channel.web.events.v1", 0)
    assert CODEC.decode_event(mail.value) == added(subject=ELSEWHERE)


def test_a_letter_is_folded_for_its_addressee_as_of_its_origin() -> None:
    world = World()
    event = added(subject=ELSEWHERE)
    sent = world.fold_bytes(HERE.encode(), letter(event, HERE), topic=2)
    assert world.quantity(HERE) == 1
    (synced,) = shown(sent, CARTS)
    assert synced["subject"] == HERE
    assert synced["cause"]["appended_at"] == NOW - 5_000


def test_a_letter_that_comes_twice_is_folded_once() -> None:
    world = World()
    for _ in range(2):
        world.fold_bytes(HERE.encode(), letter(added(), HERE), topic=2)
    assert world.quantity(HERE) == 1


def test_what_a_letter_brings_is_rejected_with_its_origin() -> None:
    world = World()
    old = added(occurred_at=NOW - 31 * DAY_MS)
    world.fold_bytes(HERE.encode(), letter(old, HERE), topic=2)
    (rejected,) = world.rejected
    assert (rejected.topic, rejected.partition, rejected.offset) == ("channel.web.events.v1", 2, 17)
    assert rejected.value == CODEC.encode_event(old)


def test_after_a_log_in_an_event_is_sent_on_to_the_account() -> None:
    world = World()
    world.fold(linked(ELSEWHERE))
    sent = world.fold(added(subject=VISITOR))
    assert [s.topic for s in sent] == [CARTS, TOUCHES, MAIL_TOPIC]
    assert all(s.value is None for s in sent[:2])
    assert forwarded(world) == [(1, ELSEWHERE)]


def test_an_event_taken_before_the_log_in_is_not_sent_on_when_it_comes_again() -> None:
    world = World()
    event = added(subject=VISITOR)
    world.fold(event, linked(ELSEWHERE))
    sent = world.fold(event)
    assert outcome(sent, CARTS) == "duplicate"
    assert forwarded(world) == []


def test_an_event_sent_on_is_not_sent_on_again_even_to_another_account() -> None:
    world = World()
    event = added(subject=VISITOR)
    world.fold(linked(ELSEWHERE), event)
    world.fold(linked(HERE, event_id="link2", occurred_at=NOW + 1), event)
    assert forwarded(world) == [(1, ELSEWHERE)]


def test_a_letter_that_has_travelled_enough_is_rejected() -> None:
    world = World()
    world.fold(linked(ELSEWHERE))
    event = added(subject=VISITOR)
    world.fold_bytes(VISITOR.encode(), letter(event, VISITOR, hops=HOPS_MAX), topic=2)
    assert forwarded(world) == []
    assert [r.reason for r in world.rejected] == [reasons.TOO_MANY_HOPS]


# what is counted


def test_every_record_is_counted_under_one_outcome() -> None:
    world = World()
    world.fold(added(), added(), added(event_id="e2", occurred_at=NOW - 31 * DAY_MS))
    world.fold(added(event_id="e3", subject=ELSEWHERE))
    world.fold_bytes(b"k", b"garbage")
    counted = world.folder.take_statistics()
    assert counted.consumed == [5, 0, 0]
    assert counted.outcomes() == {
        ("web", "CartItemAdded", "applied"): 1,
        ("web", "CartItemAdded", "duplicate"): 1,
        ("web", "CartItemAdded", "too_late"): 1,
        ("web", "CartItemAdded", "forwarded"): 1,
        ("unknown", "unknown", "rejected"): 1,
    }
    assert counted.misrouted == {("web",): 1}
    assert counted.mail == {("forward",): 1}
    assert not world.folder.take_statistics().outcomes()
