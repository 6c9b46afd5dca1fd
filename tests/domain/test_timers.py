"""The order of an entity's timers."""

from __future__ import annotations

from itertools import permutations

from ccstream.domain.timers import Timer, first_due, replaced, without


def timer(name: str, due: int, clock: str = "wall", key: str = "customer:1") -> Timer:
    return Timer("carts", key, name, due, clock)  # type: ignore[arg-type]


def test_timers_are_in_the_order_in_which_they_fire_however_they_were_set() -> None:
    wanted = [timer("b", 1), timer("a", 2), timer("b", 2, key="customer:1#o"), timer("c", 2)]
    for order in permutations(wanted):
        timers: tuple[Timer, ...] = ()
        for one in order:
            timers = replaced(timers, one)
        assert list(timers) == wanted


def test_a_timer_takes_the_place_of_that_of_the_same_row_and_name_only() -> None:
    others = (timer("a", 1, key="customer:1#o"), timer("b", 5))
    timers = replaced(replaced((), timer("a", 9)), timer("a", 3, "event"))
    for one in others:
        timers = replaced(timers, one)
    assert timers == (others[0], timer("a", 3, "event"), others[1])
    assert without(timers, "carts", "customer:1", "a") == others
    assert without(timers, "carts", "customer:1", "z") is timers


def test_a_timer_is_due_from_its_very_millisecond_on() -> None:
    timers = (timer("a", 5),)
    assert first_due(timers, 4, by_itself=True) is None
    assert first_due(timers, 5, by_itself=True) is timers[0]


def test_without_a_record_event_time_timers_are_passed_over() -> None:
    timers = (timer("a", 1, "event"), timer("b", 2))
    assert first_due(timers, 2, by_itself=False) is timers[0]
    assert first_due(timers, 2, by_itself=True) is timers[1]
    assert first_due(timers[:1], 2, by_itself=True) is None
