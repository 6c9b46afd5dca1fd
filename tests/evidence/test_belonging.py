"""Whose something is that came by a device which many have used."""

from __future__ import annotations

from ccstream.domain.events import IdentifiersLinked, IdentifierUnlinked, ProductViewed
from ccstream.domain.identifiers import DEFAULT_RULES
from ccstream.domain.identity import Alias, step
from ccstream.domain.limits import TENURES_MAX
from ccstream.domain.moment import Moment, Scope
from ccstream.evidence.belonging import Belonging
from tests.engine.world import STATE_ID

TABLET = "visitor:tablet"
AT = Moment(0, 0, 0, Scope(STATE_ID, 0, 1), (0,))


def used_by(people: int) -> Alias:
    """Each logs in at 10 times their number, and out 5 later."""
    state: Alias | None = None
    for person in range(1, people + 1):
        common = {"channel": "store", "source": "till:7", "subject": TABLET}
        came = IdentifiersLinked(
            event_id=f"in{person}",
            occurred_at=10 * person,
            identifiers=(f"customer:{person}",),
            **common,
        )
        went = IdentifierUnlinked(event_id=f"out{person}", occurred_at=10 * person + 5, **common)
        state, _ = step(state, came, AT)
        state, _ = step(state, went, AT)
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
