"""An erasure is among what led to what a person's rows show, which is nothing."""

from __future__ import annotations

from typing import Any

import pytest

from ccstream.domain.events import ErasureRequested, IdentifiersLinked, LegalHoldChanged
from ccstream.domain.profile import Policies
from ccstream.evidence.explanation import Wanted, rule_of
from ccstream.evidence.replay import Replay, Replayer, Step
from ccstream.evidence.trail import Logged, Trail
from ccstream.ops.settings import Settings
from ccstream.wire.catalogue import TOPIC_NUMBERS
from tests.engine.test_erasing import ADA, SECRET, VISITOR, erase, hold, life, meta
from tests.engine.test_erasing_links import CARD, LinkedTown
from tests.engine.world import INPUTS, NOW, PARTITIONS, added
from tests.simulation.broker import LogRecord


class Logging(LinkedTown):
    """A town that keeps its log."""

    def __init__(self) -> None:
        super().__init__()
        self.log: list[LogRecord] = []

    def fold_bytes(self, key: Any, value: Any, *, topic: int = 0, **more: Any) -> Any:
        at = (INPUTS[topic], 0)
        offset = len(self.log)
        self.log.append(LogRecord(at, offset, more.get("at", NOW), key, value, None, None))
        return super().fold_bytes(key, value, topic=topic, **more)

    def replayed(self, *others: str, secret: str | None = SECRET) -> Replay:
        records: dict[str, list[Logged]] = {}
        for record in self.log:
            entity = (record.key() or b"").decode()
            logged = Logged(entity, TOPIC_NUMBERS[record.topic()], record)  # type: ignore[arg-type]
            records.setdefault(entity, []).append(logged)
        settings = Settings.load(privacy__erasure_key=secret)
        return Replayer(settings, {}).replay(Trail(ADA, PARTITIONS, records, others, (), None))


def told(steps: tuple[Step, ...], entity: str) -> list[tuple[str, str, str]]:
    """What happened to an entity: the event's type, how it got there, what came of it."""
    return [
        (type(one.event).__name__, one.via, one.outcome) for one in steps if one.entity == entity
    ]


@pytest.mark.parametrize("secret", [SECRET, None])
def test_the_request_is_told_with_all_that_went_also_without_the_erasure_key(
    secret: str | None,
) -> None:
    town = Logging()
    town.told(*life(), added(**meta("tea", subject=VISITOR)))
    town.told(IdentifiersLinked(**meta("in", 2, VISITOR), identifiers=(ADA,)), at=2)
    town.told(erase(identifiers=(VISITOR,)), at=10)
    found = town.replayed(VISITOR, secret=secret)
    assert found.shown == {}
    assert told(found.steps, ADA)[-1] == ("ErasureRequested", "direct", "erased")
    (step,) = [one for one in found.steps if one.entity == ADA and one.outcome == "erased"]
    gone = {change.name: (change.before, change.after) for change in step.changes}
    assert gone["line tea"][1] is None
    assert gone["trait name"] == ("x", None)
    assert gone["order O-1"][1] is None and gone["interaction c-1 (web/shop-1)"][1] is None
    assert gone["erasure"] == (None, "all rows and keys are gone")
    assert told(found.steps, VISITOR)[-1] == ("ErasureRequested", "erased", "identifier")


def test_a_card_that_is_linked_is_told_to_go_along() -> None:
    town = Logging()
    town.told(IdentifiersLinked(**meta("scan", 1, CARD), identifiers=(ADA,)), at=1)
    town.told(added(**meta("tea", 2, CARD)), at=2)
    town.told(erase(), at=10)
    found = town.replayed(CARD)
    assert ("ErasureRequested", "erased", "identifier") in told(found.steps, CARD)
    assert ("ErasureRequested", "direct", "erased") in told(found.steps, ADA)


def test_a_request_that_waits_for_the_end_of_a_hold_is_told_and_so_is_that_end() -> None:
    town = Logging()
    town.told(*life())
    town.told(hold(held=True), at=5)
    town.told(erase(), at=10)
    town.told(hold(held=False, name="over", at=20), at=20)
    steps = [
        one for one in town.replayed().steps if one.changes and one.changes[-1].kind == "erasure"
    ]
    assert [(type(one.event), one.changes[-1].after) for one in steps] == [
        (ErasureRequested, "waits for the end of a legal hold"),
        (LegalHoldChanged, "all rows and keys are gone"),
    ]


def test_a_request_that_is_made_twice_erases_once() -> None:
    town = Logging()
    town.told(*life())
    town.told(erase(), at=10)
    town.told(erase("again", 20), at=20)
    outcomes = [one.outcome for one in town.replayed().steps]
    assert outcomes.count("erased") == 1
    assert outcomes[-1] == "no_effect"


def test_each_thing_that_went_has_its_rule() -> None:
    town = Logging()
    town.told(*life())
    town.told(erase(), at=10)
    step = town.replayed().steps[-1]
    rules = {one.name: rule_of(one, step, Settings.load(), Policies()) for one in step.changes}
    assert (
        rules["trait name"] == rules["line tea"] == "at an erasure all rows of a person are deleted"
    )
    assert "kept for accounting" in rules["order O-1"]
    assert "legal hold puts it off" in rules["erasure"]
    assert Wanted(prefixes=("erasure",)).has("erasure")
