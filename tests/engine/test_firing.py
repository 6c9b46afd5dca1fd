"""Timers as the engine carries them out."""

from __future__ import annotations

import dataclasses

import pytest

from ccstream.domain import reasons
from ccstream.domain.cart_state import Cart
from ccstream.domain.effects import Publish, SetTimer
from ccstream.domain.events import CartItemAdded
from ccstream.domain.identity import Alias
from ccstream.domain.timers import TIMERS_MAX
from ccstream.engine import firing
from ccstream.engine.aggregates import ALIASES
from ccstream.engine.firing import Firing
from ccstream.engine.timers import NEVER, TIMERS
from ccstream.wire.catalogue import SIGNALS_TOPIC
from ccstream.wire.headers import CE_ID, CE_TYPE, EPOCH
from ccstream.wire.rows import Entry
from tests.engine.alarms import ALARMS, TABLE, AlarmWorld, alarm
from tests.engine.world import CODEC, NOW, PLANS, Sent, World, added, key_living_at, shown

HERE = key_living_at(0)


@pytest.fixture
def world() -> AlarmWorld:
    return AlarmWorld()


def signals(world: AlarmWorld) -> list[Sent]:
    return [sent for sent in world.delivery.sent if sent.topic == SIGNALS_TOPIC]


def test_a_wall_clock_timer_fires_by_itself_as_of_when_it_was_due(world: AlarmWorld) -> None:
    world.fold(alarm("e1", "set a 300 wall"))
    assert world.fire(299) == 0
    assert world.fire(5_000) == 1
    assert world.log(HERE) == ["e1", "a@300/300"]
    assert world.fire(9_000) == 0
    assert world.timers(HERE) == []


def test_an_event_time_timer_waits_for_a_record_of_its_entity(world: AlarmWorld) -> None:
    another = key_living_at(0, "visitor")
    world.fold(alarm("e1", "set a 300 event"))
    assert world.fire(10_000) == 0
    world.fold(alarm("e2", subject=another), at=NOW + 5_000)
    world.fold(alarm("e3"), at=NOW + 299)
    assert world.log(HERE) == ["e1", "e3"]
    world.fold(alarm("e4"), at=NOW + 700)
    assert world.log(HERE) == ["e1", "e3", "a@300/700", "e4"]


def test_what_is_due_fires_before_the_records_own_step_in_the_order_of_due_and_name(
    world: AlarmWorld,
) -> None:
    world.fold(alarm("e1", "set c 100 wall; set b 100 event; set a 200 wall; set z 50 event"))
    world.fold(alarm("e2"), at=NOW + 200)
    assert world.log(HERE) == ["e1", "z@50/200", "b@100/200", "c@100/100", "a@200/200", "e2"]


def test_a_record_never_finds_undone_what_was_due_before_it_though_the_wall_clock_is_behind(
    world: AlarmWorld,
) -> None:
    world.fold(alarm("e1", "set a 100 wall"))
    world.fold(alarm("e2"), at=NOW + 100)
    assert world.log(HERE) == ["e1", "a@100/100", "e2"]
    assert world.fire(10_000) <= 1  # looked at in vain
    assert world.log(HERE) == ["e1", "a@100/100", "e2"]


def test_a_timer_of_the_same_name_is_replaced_and_one_that_is_cancelled_is_gone(
    world: AlarmWorld,
) -> None:
    world.fold(alarm("e1", "set a 100 wall; set b 100 wall"))
    world.fold(alarm("e2", "set a 500 wall; cancel b; cancel unheard-of"))
    world.fire(499)
    assert world.log(HERE) == ["e1", "e2"]
    world.fire(500)
    assert world.log(HERE) == ["e1", "e2", "a@500/500"]


def test_duplicates_and_what_comes_too_late_move_no_time(world: AlarmWorld) -> None:
    world.fold(alarm("e1", "set a 100 event"))
    world.fold(alarm("e1", "set a 100 event"), at=NOW + 1_000)
    old = NOW - 40 * 24 * 3_600_000
    world.fold(alarm("e2", occurred_at=old), at=NOW + 1_000)
    assert world.log(HERE) == ["e1"]


def test_a_timer_set_by_a_step_that_is_refused_is_not_set(world: AlarmWorld) -> None:
    for number in range(TIMERS_MAX):
        world.fold(alarm(f"n{number}", f"set n{number} 100 wall"))
    folded = world.log(HERE)
    assert len(world.timers(HERE)) == TIMERS_MAX
    world.fold(alarm("e2", "set n3 700 wall; set one-more 100 wall"))
    assert [letter.reason for letter in world.rejected] == [reasons.TOO_MANY_TIMERS]
    assert world.log(HERE) == folded
    assert len(world.timers(HERE)) == TIMERS_MAX
    world.fold(alarm("e3", "set n3 700 wall; cancel n4; set one-more 100 wall"))
    assert world.log(HERE) == [*folded, "e3"]


def test_what_a_timer_signals_goes_to_its_entitys_partition_under_an_id_of_its_own(
    world: AlarmWorld,
) -> None:
    world.fold(alarm("e1", "set signal 300 wall"))
    world.fire(400)
    (sent,) = signals(world)
    assert (sent.partition, sent.key) == (0, HERE)
    headers = dict(sent.headers)
    assert headers[EPOCH] == b"7"
    assert headers[CE_TYPE] == b"ccstream.signal.v1.CartAbandoned"
    (fields,) = shown([sent], SIGNALS_TOPIC)
    assert fields["event_id"] == headers[CE_ID].decode()
    assert (fields["subject"], fields["occurred_at"]) == (HERE, NOW + 300)


def test_the_same_timer_has_the_same_id_in_the_next_workers_life_and_another_one_has_not() -> None:
    ids = []
    for says in ("signal 300", "signal 300", "signal 301", "signalling 300"):
        world = AlarmWorld()
        world.partition.begin_epoch(8 + len(ids))
        world.fold(alarm("e1", f"set {says} wall"))
        world.fire(10_000)
        ids.append(CODEC.decode(signals(world)[0].value)[1]["event_id"])
    assert ids[0] == ids[1]
    assert len(set(ids)) == 3


def test_a_timer_that_fails_is_gone_with_a_dead_letter_and_its_row_stays(
    world: AlarmWorld,
) -> None:
    world.fold(alarm("e1", "set fail 100 wall; set later 100 wall"))
    world.fire(100)
    (letter,) = world.rejected
    assert letter.reason == reasons.FAILED
    assert "timer fail of profiles" in letter.detail
    assert "this timer fails" in letter.detail
    assert letter.key == HERE.encode()
    assert world.log(HERE) == ["e1", "later@100/100"]
    assert world.folder.statistics.timers == {(TABLE, "rejected"): 1, (TABLE, "fired"): 1}


def test_a_timer_that_would_fire_again_for_the_same_time_fails(world: AlarmWorld) -> None:
    world.fold(alarm("e1", "set same 100 wall"))
    world.fire(100)
    assert [letter.reason for letter in world.rejected] == [reasons.FAILED]
    assert world.timers(HERE) == []


def test_a_timer_that_sets_itself_anew_for_ever_lets_others_have_their_turn(
    world: AlarmWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not firing.__file__.endswith(".py"):
        pytest.skip("a bound of the compiled form cannot be lowered")
    monkeypatch.setattr(firing, "_TOLD_MAX", 3)
    world.fold(alarm("e1", "set again 1 wall"))
    assert world.fire(1_000, count_max=2) == 3
    assert world.timers(HERE) == [("again", 4)]
    world.fold(alarm("e2"), at=NOW + 1_000)
    assert world.timers(HERE) == [("again", 7)]


def test_a_timer_of_a_table_that_knows_of_none_any_more_goes_without_a_word(
    world: AlarmWorld,
) -> None:
    world.fold(alarm("e1", "set a 100 wall"))
    deaf = dataclasses.replace(ALARMS, on_timer=None)
    later = AlarmWorld()
    later.folder._firing = Firing({TABLE: deaf}, later.folder._outlet)
    later.partition = world.partition
    later.fire(100)
    assert later.log(HERE) == ["e1"]
    assert later.timers(HERE) == []
    assert later.folder.statistics.timers == {(TABLE, "dropped"): 1}


def test_a_firing_changes_the_partition_though_nothing_was_folded(world: AlarmWorld) -> None:
    world.fold(alarm("e1", "set quiet 100 wall"))
    list(world.partition.drain())
    world.fire(99)
    assert not world.partition.changed
    world.fire(100)
    assert world.partition.changed
    assert list(world.partition.drain()) == [(TIMERS, HERE, None)]


def test_an_entity_without_timers_costs_no_look_at_the_table(world: AlarmWorld) -> None:
    class Untouchable:
        def get(self, key: str) -> None:
            raise AssertionError("the table was looked at")

    world.partition.tables[TIMERS] = Untouchable()  # type: ignore[assignment]
    world.fold(alarm("e1"), alarm("e2", "cancel a"))
    assert world.log(HERE) == ["e1", "e2"]
    assert not world.partition.timers.armed
    assert world.partition.timers.next_due == NEVER


def test_what_a_timer_changes_is_published_with_the_timer_as_its_cause() -> None:
    def renumbered(cart: Cart, timer: object, now: int) -> tuple[Cart, tuple[Publish, ...]]:
        after = Cart(cart.number + 1, cart.currency, cart.lines, (), (), now)
        return after, (Publish(),)

    def setting(state: object, event: CartItemAdded, at: object) -> tuple[object, tuple[object]]:
        after, effects = plain.step(state, event, at)  # type: ignore[arg-type]
        return after, (*effects, SetTimer("number", NOW + 100, "wall"))  # type: ignore[return-value]

    plain = next(one for one in PLANS[CartItemAdded] if one.table == "carts")
    carts = dataclasses.replace(plain, step=setting, on_timer=renumbered)  # type: ignore[arg-type]
    world = World({CartItemAdded: (carts,)})
    (first,) = shown(world.fold(added()), "sync.carts.v1")
    world.folder.fire(world.partition, NOW + 100, 10)
    (second,) = shown(world.delivery.sent[1:], "sync.carts.v1")
    assert second["cart_number"] == 2
    assert second["base_version"] == first["version"] < second["version"]
    cause = second["cause"]
    assert (cause["event_type"], cause["channel"], cause["source"]) == (
        "TimerFired",
        "timer",
        "number",
    )
    assert cause["occurred_at"] == NOW + 100


def test_the_event_of_an_alias_moves_the_time_of_what_it_was_before_its_log_in(
    world: AlarmWorld,
) -> None:
    world.fold(alarm("e1", "set a 100 event"))
    world.partition.tables[ALIASES].put(HERE, Entry(Alias(key_living_at(1), NOW, "link"), 1))
    world.fold(alarm("e2"), at=NOW + 100)
    assert world.log(HERE) == ["e1", "a@100/100"]
    assert len(world.letters) == 1
