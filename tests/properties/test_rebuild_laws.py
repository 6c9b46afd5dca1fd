"""Folding a log again comes to the same, whatever was crossed on the way; by other rules it does
not, and that is seen.
"""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccstream.domain.events import CartItemAdded, IdentifiersLinked
from ccstream.wire.catalogue import MAIL_TOPIC
from tests.properties.rebuild_worlds import NewApplication, OldApplication, differing, history

seeds = st.integers(0, 1 << 32)


@settings(max_examples=60, deadline=None)
@given(seeds)
def test_who_folds_the_log_again_has_the_same_rows_and_facts_and_sends_no_letter(
    seed: int,
) -> None:
    rng = random.Random(seed)
    old = OldApplication(rng, in_order=True)
    history(old, rng, 80)
    new = NewApplication(old, rng)
    assert differing(old, new) == []
    assert new.early_signals <= old.signals == new.signals
    assert new.told_of_profiles == old.told_of_profiles
    assert not [sent for sent in new.delivery.sent if sent.topic == MAIL_TOPIC]
    assert all(sent.topic.startswith("new.") for sent in new.delivery.sent)


@settings(max_examples=30, deadline=None)
@given(seeds)
def test_records_of_several_topics_that_crossed_come_to_the_same_rows(seed: int) -> None:
    rng = random.Random(seed)
    old = OldApplication(rng)
    history(old, rng, 80)
    new = NewApplication(old, rng)
    assert differing(old, new) == []


@settings(max_examples=30, deadline=None)
@given(seeds)
def test_another_rule_shows_in_the_rows_that_it_concerns_and_in_no_profile(seed: int) -> None:
    rng = random.Random(seed)
    old = OldApplication(rng, in_order=True)
    history(old, rng, 80)
    most = max(
        len(partition.tables["carts"].get(key).state.lines)  # type: ignore[union-attr]
        for partition in old.partitions
        for key in partition.tables["carts"].keys()  # noqa: SIM118 - a table is no dict
    )
    new = NewApplication(old, rng, cart_lines_max=1)
    found = differing(old, new)
    if most > 1:
        # A basket that was handed over has the lines that it had; its refused event has no window.
        assert {"carts", "windows"} & {table for table, _ in found}
    assert "profiles" not in {table for table, _ in found}


@pytest.mark.parametrize(
    ("mode", "told"),
    [
        ("join", []),
        ("sum", [("carts", "customer:1")]),
        ("max", [("carts", "customer:1")]),
        ("keep_saved", [("carts", "customer:1")]),
        ("keep_guest", [("carts", "customer:1")]),
    ],
)
def test_another_way_of_merging_baskets_shows_in_those_that_met_at_a_log_in(
    mode: str, told: list[tuple[str, str]]
) -> None:
    old = OldApplication(random.Random(1), in_order=True)
    for number, (who, quantity) in enumerate([("customer:1", 1), ("visitor:1", 2)]):
        old.publish(
            CartItemAdded(
                event_id=f"e{number}",
                occurred_at=old.now,
                channel="web",
                source="web-1",
                subject=who,
                sku="tea",
                quantity=quantity,
            )
        )
    old.publish(
        IdentifiersLinked(
            event_id="log-in",
            occurred_at=old.now,
            channel="web",
            source="web-1",
            subject="visitor:1",
            identifiers=("customer:1",),
        )
    )
    old.finish()
    new = NewApplication(old, random.Random(1), cart_merge=mode)
    assert differing(old, new) == told
