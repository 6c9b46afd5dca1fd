"""What an unlink would come to, shown before it is published."""

from __future__ import annotations

import pytest

from ccstream.domain import reasons
from ccstream.domain.events import IdentifierUnlinked
from ccstream.domain.forest import Apart, Fact, Link
from ccstream.errors import InvalidEventError
from ccstream.ops.identity_rules import load_identifier_rules
from ccstream.ops.splitting import Moved, is_news, moves_of

RULES = load_identifier_rules(None)
CARD, ADDRESS, ACCOUNT = "loyalty:7", "email:ab", "customer:1"
KNOWN: frozenset[Fact] = frozenset(
    {
        Link("e1", 1, CARD, ADDRESS, "asserted"),
        Link("e2", 2, ADDRESS, ACCOUNT, "verified"),
        Link("e3", 3, CARD, "customer:2", "observed"),
    }
)


def unlink(*others: str, subject: str = CARD, never_again: bool = False) -> IdentifierUnlinked:
    return IdentifierUnlinked(
        event_id="e9",
        occurred_at=9,
        channel="call_centre",
        source="desk",
        subject=subject,
        identifiers=others,
        never_again=never_again,
    )


def test_an_undone_link_lets_one_count_that_had_been_passed_over() -> None:
    assert moves_of(unlink(ADDRESS), KNOWN, RULES) == (Moved(CARD, ACCOUNT, "customer:2"),)


def test_an_identifier_without_any_link_is_on_its_own() -> None:
    assert moves_of(unlink(), KNOWN, RULES) == (Moved(CARD, ACCOUNT, CARD),)


def test_two_of_one_person_by_a_third_are_not_parted_by_undoing_a_link_that_there_is_not() -> None:
    assert moves_of(unlink(ACCOUNT), KNOWN, RULES) == ()
    assert not is_news(unlink(ACCOUNT), KNOWN, RULES)


def test_they_are_by_keeping_them_apart() -> None:
    never = unlink(ACCOUNT, never_again=True)
    assert moves_of(never, KNOWN, RULES) == (Moved(CARD, ACCOUNT, "customer:2"),)
    assert is_news(never, KNOWN, RULES)


def test_what_is_kept_apart_already_is_no_news_whichever_said_so() -> None:
    known = KNOWN | {Apart("e8", ACCOUNT, CARD)}
    assert not is_news(unlink(ACCOUNT, never_again=True), known, RULES)


def test_what_workers_would_reject_is_told_at_once() -> None:
    with pytest.raises(InvalidEventError) as refused:
        moves_of(unlink(subject=ACCOUNT), KNOWN, RULES)
    assert refused.value.reason == reasons.LINK_TO_ITSELF
