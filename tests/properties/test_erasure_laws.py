"""However events, log-ins, holds and requests are mixed: who was erased last is nowhere."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from ccstream.domain.events import Event
from ccstream.wire.catalogue import TABLES
from tests.engine.test_erasing import ADA, BOB, NOW, VISITOR, Town, add, erase, life, log_in

_acts = st.lists(
    st.sampled_from(["ada", "bob", "visitor", "log_in", "log_in_bob", "erase", "deliver"]),
    max_size=25,
)


def _event(act: str, number: int) -> Event | None:
    match act:
        case "ada":
            return add(f"a{number}", at=number, subject=ADA)
        case "bob":
            return add(f"b{number}", at=number, subject=BOB)
        case "visitor":
            return add(f"v{number}", at=number, subject=VISITOR)
        case "log_in":
            return log_in(at=number, name=f"in{number}")
        case "log_in_bob":
            return log_in(account=BOB, at=number, name=f"in{number}")
        case "erase":
            return erase(f"e{number}", at=number, identifiers=(VISITOR, BOB))
    return None


@settings(max_examples=200, deadline=None)
@given(_acts, st.booleans())
def test_after_an_erasure_nothing_of_the_person_is_left_and_nothing_late_brings_it_back(
    acts: list[str], lives: bool
) -> None:
    town = Town()
    if lives:
        town.fold(*life(), *life(VISITOR), *life(BOB))
    events: list[Event] = []
    for number, act in enumerate(acts, start=10):
        event = _event(act, number)
        if event is None:
            town.deliver(NOW + number)
        else:
            events.append(event)
            town.fold(event, at=NOW + number)
    town.deliver(NOW + 50)
    town.fold(erase("last", at=100, identifiers=(VISITOR,)), at=NOW + 100)
    town.deliver(NOW + 100)
    assert town.rows_of(ADA) == []
    alias = town.state("aliases", VISITOR)
    assert alias is None or alias.root != ADA
    if alias is not None:
        assert ADA not in {one.root for one in alias.earlier}
    bob = {table: town.state(table, BOB) for table in TABLES if table != "windows"}
    late = [event for event in events if event.subject == ADA]  # an outbox sends all again
    town.fold(*late, at=NOW + 200)
    town.deliver(NOW + 200)
    assert town.rows_of(ADA) == []
    assert {table: town.state(table, BOB) for table in bob} == bob
    assert not [one for one in town.rejected if one.reason == "failed"]
