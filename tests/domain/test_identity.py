"""Rules of a log-in."""

from __future__ import annotations

from itertools import permutations

import pytest

from ccstream.domain import reasons
from ccstream.domain.effects import Publish, Reject
from ccstream.domain.events import IdentifiersLinked
from ccstream.domain.identity import Alias, step
from ccstream.domain.moment import Moment, Scope

NOON = 1_760_000_000_000
AT = Moment(NOON + 9, 0, 0, Scope(b"state-id", 0, 8), (-1,))


def linked(
    *identifiers: str, subject: str = "visitor:9f", at: int = NOON, event_id: str = "e"
) -> IdentifiersLinked:
    return IdentifiersLinked(
        event_id=event_id,
        occurred_at=at,
        channel="web",
        source="shop",
        subject=subject,
        identifiers=identifiers,
    )


@pytest.mark.parametrize(
    "identifiers",
    [
        ("customer:1",),
        ("visitor:9f", "customer:1"),
        ("customer:1", "loyalty:7", "customer:1"),
    ],
)
def test_a_visitor_who_logs_in_becomes_an_alias_of_the_account(identifiers: tuple[str]) -> None:
    assert step(None, linked(*identifiers), AT) == (Alias("customer:1", NOON, "e"), (Publish(),))


@pytest.mark.parametrize(
    ("subject", "identifiers", "reason"),
    [
        ("visitor:9f", ("loyalty:7",), reasons.LINK_WITHOUT_ACCOUNT),
        ("visitor:9f", ("customer:1", "customer:2"), reasons.LINK_TO_SEVERAL_ACCOUNTS),
        ("customer:1", ("customer:1",), reasons.LINK_TO_ITSELF),
        ("customer:1", ("visitor:9f",), reasons.LINK_TO_ITSELF),
        ("customer:1", ("customer:2",), reasons.ACCOUNTS_NEVER_LINK),
        ("customer:1", ("customer:1", "customer:2"), reasons.ACCOUNTS_NEVER_LINK),
    ],
)
@pytest.mark.parametrize("state", [None, Alias("customer:9", NOON - 5, "before")])
def test_a_link_that_does_not_name_one_other_account_is_rejected(
    subject: str, identifiers: tuple[str, ...], reason: str, state: Alias | None
) -> None:
    after, effects = step(state, linked(*identifiers, subject=subject), AT)
    assert after is state
    assert len(effects) == 1
    assert isinstance(effects[0], Reject)
    assert effects[0].reason == reason


def test_the_latest_log_in_holds_whatever_the_order_of_arrival() -> None:
    links = [
        linked("customer:1", at=NOON, event_id="a"),
        linked("customer:2", at=NOON + 1, event_id="a"),
        linked("customer:3", at=NOON + 1, event_id="b"),
    ]
    for order in permutations(links):
        state = None
        for link in order:
            state, _ = step(state, link, AT)
        assert state == Alias("customer:3", NOON + 1, "b")


def test_a_log_in_that_arrives_after_a_later_one_has_no_effect() -> None:
    state = Alias("customer:1", NOON + 1, "z")
    assert step(state, linked("customer:2"), AT) == (state, ())
