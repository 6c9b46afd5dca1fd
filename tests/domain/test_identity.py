"""Rules of a log-in."""

from __future__ import annotations

from itertools import permutations

import pytest
from msgspec.structs import replace

from ccstream.domain import reasons
from ccstream.domain.effects import Publish, Reject
from ccstream.domain.events import IdentifiersLinked, IdentifierUnlinked
from ccstream.domain.identifiers import IdentifierRules
from ccstream.domain.identity import NOBODY, Alias, began, forget, holder_at, is_of_erased, step
from ccstream.domain.limits import TENURES_MAX
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
    assert step(None, linked(*identifiers), AT) == (
        Alias("customer:1", NOON, "e", known_from=0),
        (Publish(),),
    )


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


def out(at: int, event_id: str = "out", subject: str = "visitor:9f") -> IdentifierUnlinked:
    return IdentifierUnlinked(
        event_id=event_id, occurred_at=at, channel="web", source="shop", subject=subject
    )


def told(*events: IdentifiersLinked | IdentifierUnlinked) -> Alias:
    state = None
    for event in events:
        state, _ = step(state, event, AT)
    assert state is not None
    return state


def test_the_latest_log_in_or_log_out_holds_whatever_the_order_of_arrival() -> None:
    words = [
        linked("customer:1", at=NOON, event_id="a"),
        linked("customer:2", at=NOON + 1, event_id="a"),
        out(NOON + 1),
        linked("customer:3", at=NOON + 1, event_id="b"),
        out(NOON + 5),
    ]
    for count in (4, 5):
        states = {told(*order) for order in permutations(words[:count])}
        assert len(states) == 1
        assert states.pop().root == ("customer:3" if count == 4 else NOBODY)


def test_a_log_in_that_arrives_after_a_later_one_leaves_the_subject_where_it_is() -> None:
    before = told(linked("customer:1", at=NOON + 1, event_id="z"))
    after, effects = step(before, linked("customer:2"), AT)
    assert after is not None and (after.root, after.event_id) == ("customer:1", "z")
    assert effects == (Publish(),)


def test_a_word_that_is_known_has_no_effect() -> None:
    state = told(linked("customer:1"), out(NOON + 1))
    assert step(state, linked("customer:1"), AT) == (state, ())


def test_an_account_is_not_logged_out_of_itself() -> None:
    state, effects = step(None, out(NOON, subject="customer:1"), AT)
    assert state is None
    assert isinstance(effects[0], Reject) and effects[0].reason == reasons.LINK_TO_ITSELF


@pytest.mark.parametrize(
    ("when", "holder"),
    [
        (0, "customer:1"),  # a guest's, who logged in next
        (10, "customer:1"),
        (19, "customer:1"),
        (20, "customer:2"),  # a guest's again, on the same tablet
        (29, "customer:2"),
        (30, "customer:2"),
        (40, "customer:3"),
        (50, NOBODY),
        (99, NOBODY),
    ],
)
def test_an_event_belongs_to_whom_the_subject_belonged_to_when_it_occurred(
    when: int, holder: str
) -> None:
    words = [
        linked("customer:1", at=10, event_id="a"),
        out(20, "b"),
        linked("customer:2", at=30, event_id="c"),
        linked("customer:3", at=40, event_id="d"),
        out(50, "e"),
    ]
    assert holder_at(told(*words), when) == holder


def test_what_a_log_in_takes_over_was_begun_at_the_log_out_before() -> None:
    first, second = linked("customer:1", at=10, event_id="a"), linked("customer:2", at=30)
    assert began(told(first)) == 0
    assert began(told(out(5, "b"), first)) == 0, "whoever logged out then, it was not known"
    assert began(told(first, out(20, "b"), out(25, "c"), second)) == 20
    assert began(told(first, out(20, "b"), second, linked("customer:3", at=40, event_id="d"))) == 0


def test_of_too_many_tenures_the_earliest_are_forgotten() -> None:
    state = told(*(linked(f"customer:{n}", at=n, event_id=str(n)) for n in range(TENURES_MAX + 5)))
    assert len(state.earlier) == TENURES_MAX - 1
    assert state.earlier[0].root == "customer:5"
    assert state.known_from == state.earlier[0].since == 5


def test_of_as_many_tenures_as_are_kept_none_is_forgotten_whatever_the_order() -> None:
    logins = [linked(f"customer:{n}", at=n, event_id=str(n)) for n in range(1, TENURES_MAX + 2)]
    assert told(*logins[:TENURES_MAX]).known_from == 0
    assert told(*logins) == told(*reversed(logins))
    assert told(*reversed(logins)).known_from == 2


def test_what_was_not_noted_of_a_row_before_is_not_claimed_after_it() -> None:
    state, _ = step(Alias("customer:1", 5, "a"), out(20, "b"), AT)
    assert state is not None
    assert state.known_from is None


def test_of_the_time_before_who_is_forgotten_left_nothing_is_known() -> None:
    state = told(
        linked("customer:1", at=10, event_id="a"),
        linked("customer:2", at=20, event_id="b"),
        linked("customer:3", at=30, event_id="c"),
        linked("customer:2", at=40, event_id="d"),
        out(50, "e"),
        linked("customer:4", at=60, event_id="f"),
    )
    left = forget(state, "customer:2")
    assert [one.root for one in left.earlier] == ["customer:1", "customer:3", NOBODY]
    assert (left.root, left.known_from, left.erased_until) == ("customer:4", 50, 50)
    assert is_of_erased(left, 49) and not is_of_erased(left, 50)
    assert forget(left, "customer:1").known_from == 50, "never less than before"
    assert forget(state, "customer:9") is state


def test_of_whom_nobody_had_been_erased_no_event_is_of_who_was() -> None:
    before_these_were_noted = Alias("customer:1", 10, "a")
    first = told(linked("customer:1", at=10, event_id="a"))
    many = told(*(linked(f"customer:{n}", at=n, event_id=str(n)) for n in range(TENURES_MAX + 5)))
    assert many.known_from == 5
    assert not any(is_of_erased(one, 0) for one in (before_these_were_noted, first, many))


def test_that_somebody_was_erased_is_known_however_many_come_after() -> None:
    state = told(linked("customer:ada", at=1, event_id="a"), linked("customer:1", at=10))
    state = forget(state, "customer:ada")
    for n in range(TENURES_MAX + 5):
        after, _ = step(state, linked(f"customer:{n}", at=20 + n, event_id=str(n)), AT)
        assert after is not None
        state = after
        assert is_of_erased(state, 9) and not is_of_erased(state, 10)


def test_who_is_forgotten_may_have_had_it_in_a_time_of_which_nothing_is_known_any_more() -> None:
    words = [linked("customer:ada", at=1, event_id="a"), out(2, "b")]
    for n in range(1, TENURES_MAX // 2 + 1):
        words += [linked(f"customer:{n}", at=20 * n, event_id=f"i{n}"), out(20 * n + 9, f"o{n}")]
    full = told(*words[2:])
    assert forget(full, "customer:ada") is full, "none of its tenures is unknown"
    state = told(*words)
    left = forget(state, "customer:ada")
    assert left == replace(state, erased_until=20)
    assert is_of_erased(left, 19) and not is_of_erased(left, 20)
    assert forget(left, "customer:ada") is left
    before_it_was_noted = replace(state, known_from=None)
    assert forget(before_it_was_noted, "customer:ada").erased_until == 20


def test_a_first_log_in_after_an_erasure_claims_nothing_from_before_it() -> None:
    back = Moment(300, 0, 0, AT.scope, (-1,), erased_at=200)
    state, _ = step(None, linked("customer:2", at=210), back)
    assert state is not None
    assert (state.known_from, state.erased_until) == (201, 201)
    assert is_of_erased(state, 200) and not is_of_erased(state, 201)
    again, _ = step(state, out(220), AT)
    assert again is not None and (again.known_from, again.erased_until) == (201, 201)


RULES = IdentifierRules(
    {"customer": "account", "till": "shared", "visitor": "device"},
    blocked=frozenset({"null"}),
    accounts_max={"device": 2},
)


@pytest.mark.parametrize(
    ("subject", "account", "reason"),
    [
        ("till:3", "customer:1", reasons.SHARED_NEVER_LINKS),
        ("visitor:NULL", "customer:1", reasons.IDENTIFIER_BLOCKED),
        ("visitor:0000-0000", "customer:1", reasons.IDENTIFIER_BLOCKED),
        ("visitor:9f", "customer:null", reasons.IDENTIFIER_BLOCKED),
    ],
)
def test_what_says_nothing_about_who_it_is_links_nobody(
    subject: str, account: str, reason: str
) -> None:
    state, effects = step(None, linked(account, subject=subject), AT, RULES)
    assert state is None
    assert isinstance(effects[0], Reject) and effects[0].reason == reason


def test_what_has_belonged_to_too_many_accounts_is_shared() -> None:
    state = None
    for number, account in enumerate(("customer:1", "customer:2", "customer:1")):
        link = linked(account, at=NOON + number, event_id=str(number))
        state, effects = step(state, link, AT, RULES)
        assert effects == (Publish(),)
    again, effects = step(state, linked("customer:3", at=NOON + 9, event_id="x"), AT, RULES)
    assert again is state
    assert isinstance(effects[0], Reject) and effects[0].reason == reasons.TOO_MANY_ACCOUNTS
    after, _ = step(state, linked("customer:2", at=NOON + 9, event_id="x"), AT, RULES)
    assert after is not None and after.root == "customer:2"
