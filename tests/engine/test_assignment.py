"""What of a generation goes into a transaction."""

from __future__ import annotations

import pytest
from confluent_kafka import Consumer

from ccstream.engine import assignment as module
from ccstream.engine.assignment import Assignment, check_group_metadata_layout
from ccstream.errors import StateError


def assignment(generation: int, member: str, instance: str | None = None) -> Assignment:
    return Assignment("group", generation, member, instance, frozenset({1}))


def test_the_bytes_name_generation_group_and_member() -> None:
    assert assignment(258, "me").group_metadata() == b"CGMDv2:\x02\x01\x00\x00group\0me\0\x01"


def test_a_static_member_is_named_with_its_instance() -> None:
    expected = b"CGMDv2:\x05\x00\x00\x00group\0me\0\x00shop\0"
    assert assignment(5, "me", "shop").group_metadata() == expected


@pytest.mark.parametrize(("generation", "member"), [(-1, "me"), (3, ""), (-1, "")])
def test_offsets_that_a_broker_would_take_unchecked_are_never_sent(
    generation: int, member: str
) -> None:
    with pytest.raises(StateError, match="without a group generation"):
        assignment(generation, member).group_metadata()


def test_assignments_are_told_apart_by_identity() -> None:
    assert assignment(1, "me") != assignment(1, "me")


def test_the_layout_is_that_of_this_librdkafka() -> None:
    check_group_metadata_layout("any-group")


def test_another_layout_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class Newer(Consumer):
        def consumer_group_metadata(self) -> bytes:
            return b"CGMDv3:something"

    monkeypatch.setattr(module, "Consumer", Newer)
    with pytest.raises(StateError, match=r"uv\.lock"):
        check_group_metadata_layout("any-group")
