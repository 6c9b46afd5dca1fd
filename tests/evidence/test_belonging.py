"""Whose something is that came by a device which many have used."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from ccstream.domain.events import IdentifiersLinked, IdentifierUnlinked, ProductViewed
from ccstream.domain.identifiers import DEFAULT_RULES
from ccstream.domain.identity import Alias, forget, step
from ccstream.domain.limits import TENURES_MAX
from ccstream.domain.moment import Moment, Scope
from ccstream.evidence.belonging import Belonging
from tests.engine.world import STATE_ID

TABLET = "visitor:tablet"
AT = Moment(0, 0, 0, Scope(STATE_ID, 0, 1), (0,))


def log_out(person: int) -> IdentifierUnlinked:
    return IdentifierUnlinked(
        event_id=f"out{person}",
        occurred_at=10 * person + 5,
        channel="store",
        source="till:7",
        subject=TABLET,
    )


def used_by(people: int) -> Alias:
    """Each logs in at 10 times their number, and out 5 later."""
    state: Alias | None = None
    for person in range(1, people + 1):
        came = IdentifiersLinked(
            event_id=f"in{person}",
            occurred_at=10 * person,
            channel="store",
            source="till:7",
            subject=TABLET,
            identifiers=(f"customer:{person}",),
        )
        state, _ = step(state, came, AT)
        state, _ = step(state, log_out(person), AT)
    assert state is not None
    return state


def seen(at: int) -> ProductViewed:
    return ProductViewed(
        event_id=f"view{at}",
        occurred_at=at,
        channel="store",
        source="till:7",
        subject=TABLET,
        sku="tea",
    )


def belonging(person: int, people: int) -> Belonging:
    return Belonging(f"customer:{person}", DEFAULT_RULES, {TABLET: used_by(people)})


def test_what_was_done_before_a_log_in_is_of_who_logs_in_next() -> None:
    assert belonging(5, 10).has(TABLET, seen(48))
    assert belonging(5, 10).had(TABLET, 52)
    assert not belonging(4, 10).has(TABLET, seen(48))


def test_of_a_time_whose_tenures_are_forgotten_it_is_nobodys() -> None:
    people = TENURES_MAX  # each has two tenures, so that half of them are forgotten
    earliest = people // 2 + 1
    assert belonging(earliest, people).has(TABLET, seen(10 * earliest + 1))
    for person in (5, earliest):
        assert not belonging(person, people).has(TABLET, seen(48))
        assert not belonging(person, people).had(TABLET, 52)
    tablet = Belonging(TABLET, DEFAULT_RULES, {TABLET: used_by(people)})
    assert not tablet.has(TABLET, seen(48))


def test_where_as_many_tenures_are_kept_as_there_were_nothing_is_forgotten() -> None:
    people = TENURES_MAX // 2
    assert belonging(1, people).has(TABLET, seen(3)), "what the first log-in took over"
    assert belonging(1, people).had(TABLET, 3)


def test_what_an_earlier_version_may_have_forgotten_is_nobodys() -> None:
    full = replace(used_by(TENURES_MAX // 2), known_from=None)
    assert not Belonging("customer:1", DEFAULT_RULES, {TABLET: full}).had(TABLET, 3)
    some = replace(used_by(3), known_from=None)
    assert Belonging("customer:1", DEFAULT_RULES, {TABLET: some}).had(TABLET, 3)


@pytest.mark.parametrize("people", [3, TENURES_MAX])
def test_what_somebody_did_who_was_erased_is_nobody_elses(people: int) -> None:
    erased = people - 1
    alias = {TABLET: forget(used_by(people), f"customer:{erased}")}
    for person in (erased - 1, people):
        theirs = Belonging(f"customer:{person}", DEFAULT_RULES, alias)
        assert not theirs.had(TABLET, 10 * erased + 3)
        assert not theirs.has(TABLET, seen(10 * erased + 3))
        assert not theirs.had(TABLET, 10 * erased - 3), "what their log-in took over"
        assert not theirs.had(TABLET, 3)
    assert Belonging(f"customer:{people}", DEFAULT_RULES, alias).had(TABLET, 10 * people + 3)


@pytest.mark.parametrize("people", [1, 3, TENURES_MAX])
def test_the_log_out_of_who_was_erased_is_nobodys(people: int) -> None:
    state = used_by(people)
    assert Belonging(TABLET, DEFAULT_RULES, {TABLET: state}).has(TABLET, log_out(people))
    alias = {TABLET: forget(state, f"customer:{people}")}
    tablet = Belonging(TABLET, DEFAULT_RULES, alias)
    assert not tablet.has(TABLET, log_out(people))
    assert tablet.has(TABLET, seen(10 * people + 5)), "what is done from then on is its own"
    for person in (people - 1, people):
        theirs = Belonging(f"customer:{person}", DEFAULT_RULES, alias)
        assert not theirs.has(TABLET, log_out(people))


@pytest.mark.parametrize("people", [3, TENURES_MAX])
def test_a_log_out_of_somebody_else_after_who_was_erased_is_a_device_s(people: int) -> None:
    alias = {TABLET: forget(used_by(people), f"customer:{people - 1}")}
    tablet = Belonging(TABLET, DEFAULT_RULES, alias)
    assert tablet.has(TABLET, log_out(people))
    assert not tablet.has(TABLET, log_out(people - 1))
