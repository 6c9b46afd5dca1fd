"""Whose state an application goes on with, and when it may work by itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pytest

from ccstream.engine.lineage import Lineage, epoch_before
from ccstream.engine.owners import Owner
from ccstream.errors import AccessDeniedError, StateError
from tests.simulation.process import APP, make_layout

STATE = b"stateid8"
LAYOUT = make_layout(2)
INPUTS = list(LAYOUT.inputs([0, 1]))
At = tuple[str, int]


def owner(app_id: str, number: int, epoch: int = 1, state_id: bytes = STATE, n: int = 2) -> Owner:
    return Owner(app_id, number, n, state_id, epoch, (), "host:1", 0)


def owners(*of: Owner) -> dict[str, dict[int, Owner]]:
    found: dict[str, dict[int, Owner]] = {}
    for one in of:
        found.setdefault(one.app_id, {})[one.partition] = one
    return found


class Groups:
    def __init__(self, reached: int | None = None) -> None:
        self._reached = reached
        self.asked: list[str] = []

    def committed_by(self, group: str, partitions: Iterable[At]) -> Mapping[At, int]:
        self.asked.append(group)
        if self._reached is None:
            raise AccessDeniedError("not yours")
        return dict.fromkeys(partitions, self._reached)


def test_who_rebuilds_has_the_state_id_of_the_other_and_the_first_owner_one_of_its_own() -> None:
    there = owners(owner("old", 0))
    assert Lineage(LAYOUT, "old").state_id(0, there) == STATE
    assert Lineage(LAYOUT, None).state_id(0, there) != STATE


def test_what_was_never_owned_cannot_be_rebuilt_nor_an_application_with_a_state_of_its_own() -> (
    None
):
    with pytest.raises(StateError, match="never owned partition 1"):
        Lineage(LAYOUT, "old").state_id(1, owners(owner("old", 0)))
    with pytest.raises(StateError, match="a state of its own"):
        Lineage(LAYOUT, "old").state_id(
            0, owners(owner("old", 0), owner(APP, 0, state_id=b"another8"))
        )
    with pytest.raises(StateError, match="was made with 3 partitions"):
        Lineage(LAYOUT, "old").state_id(0, owners(owner("old", 0, n=3)))


def test_epochs_of_one_state_rise_together_and_those_of_another_do_not_count() -> None:
    there = owners(owner("old", 0, 7), owner(APP, 0, 3), owner("third", 0, 9, b"another8"))
    assert epoch_before(0, STATE, there) == 7
    assert epoch_before(0, b"another8", there) == 9
    assert epoch_before(1, STATE, there) == 0


def test_who_is_behind_another_of_its_state_does_not_work_by_itself() -> None:
    there = owners(*(owner(app_id, n) for app_id in ("old", APP) for n in (0, 1)))
    offsets = dict.fromkeys(INPUTS, 5)
    Lineage(LAYOUT, None).check([0, 1], there, offsets, Groups(5))
    with pytest.raises(StateError, match=f"--as {APP} --of old"):
        Lineage(LAYOUT, None).check([0, 1], there, offsets, Groups(6))
    Lineage(LAYOUT, "old").check([0, 1], there, offsets, Groups(6))


def test_a_rebuild_that_has_not_begun_with_a_partition_does_not_work_by_itself() -> None:
    there = owners(owner("old", 0), owner("old", 1), owner(APP, 0))
    with pytest.raises(StateError, match="not begun with partition 1"):
        Lineage(LAYOUT, None).check([1], there, dict.fromkeys(INPUTS, 0), Groups(0))


def test_an_application_without_relatives_asks_for_no_other_group() -> None:
    groups = Groups(9)
    there = owners(owner(APP, 0), owner("third", 0, state_id=b"another8"))
    Lineage(LAYOUT, None).check([0, 1], there, dict.fromkeys(INPUTS, 0), groups)
    assert groups.asked == []


def test_a_group_that_may_not_be_seen_stops_nobody() -> None:
    there = owners(owner("old", 0), owner(APP, 0))
    groups = Groups(None)
    Lineage(LAYOUT, None).check([0], there, dict.fromkeys(INPUTS, 0), groups)
    assert groups.asked == ["old"]
