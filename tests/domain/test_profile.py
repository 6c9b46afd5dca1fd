"""Rules of traits: who said so, and who is believed."""

from __future__ import annotations

from typing import Any

from ccstream.domain import reasons
from ccstream.domain.effects import Effect, Publish, Reject
from ccstream.domain.events import ProfileUpdated, Trait
from ccstream.domain.limits import TRAITS_MAX, UNION_VALUES_MAX
from ccstream.domain.moment import Moment, Scope
from ccstream.domain.profile import Policies, Policy, Profile, ProfileDelta, Statement, step

NOON = 1_760_000_000_000
AT = Moment(NOON + 9, 0, 0, Scope(b"state-id", 0, 8), (-1,))
TRUST = Policy("most_trusted", ("call_centre/desk:1", "store", "verified"))
POLICIES = Policies({"phone": TRUST, "first_store": Policy("oldest"), "brands": Policy("union")})


def stated(
    *traits: tuple[str, str | None] | Trait,
    at: int = NOON,
    event_id: str = "e",
    channel: str = "web",
    source: str = "shop",
) -> ProfileUpdated:
    return ProfileUpdated(
        event_id=event_id,
        occurred_at=at,
        channel=channel,
        source=source,
        subject="customer:1",
        traits=tuple(one if isinstance(one, Trait) else Trait(*one) for one in traits),
    )


def after(*facts: ProfileUpdated, policies: Policies = POLICIES) -> Profile:
    state = None
    for event in facts:
        state, _ = step(state, event, AT, policies)
    assert state is not None
    return state


def shown(profile: Profile) -> dict[str, Any]:
    return {
        name: [one.value for one in statements] for name, statements in profile.values().items()
    }


def changed(effects: tuple[Effect, ...]) -> tuple[str, ...]:
    assert len(effects) == 1
    assert isinstance(effects[0], Publish)
    assert isinstance(effects[0].delta, ProfileDelta)
    return effects[0].delta.changed


def test_a_trait_says_where_it_comes_from() -> None:
    profile = after(stated(Trait("language", "fr", verified=True)))
    assert profile.values() == {
        "language": (Statement("fr", "web", "shop", NOON, "e", True),),
    }


def test_the_most_recent_statement_holds_unless_configured_otherwise() -> None:
    new = stated(("language", "fr"), at=NOON + 1)
    old = stated(("language", "de"), at=NOON)
    assert shown(after(new, old)) == shown(after(old, new)) == {"language": ["fr"]}


def test_within_one_event_the_later_statement_is_the_later_one() -> None:
    event = stated(("language", "de"), ("language", "fr"), ("phone", "1"), ("phone", "2"))
    assert shown(after(event)) == {"language": ["fr"], "phone": ["2"]}


def test_a_withdrawn_trait_does_not_come_back_with_a_late_statement() -> None:
    profile = after(
        stated(("language", "fr")),
        stated(("language", None), at=NOON + 2),
        stated(("language", "de"), at=NOON + 1),
    )
    assert shown(profile) == {}
    assert shown(after(stated(("language", None)), stated(("language", "de"), at=NOON + 1))) == {
        "language": ["de"]
    }


def test_the_most_trusted_origin_is_believed_over_later_ones() -> None:
    desk = stated(("phone", "desk"), channel="call_centre", source="desk:1", at=NOON)
    other_desk = stated(("phone", "other"), channel="call_centre", source="desk:2", at=NOON + 5)
    till = stated(("phone", "till"), channel="store", source="till:1", at=NOON + 1)
    checked = stated(Trait("phone", "checked", verified=True), at=NOON + 2)
    web = stated(("phone", "web"), at=NOON + 3)
    assert shown(after(web, checked, till, desk, other_desk)) == {"phone": ["desk"]}
    assert shown(after(till, web, checked)) == {"phone": ["till"]}
    assert shown(after(web, checked)) == {"phone": ["checked"]}
    assert shown(after(web, other_desk)) == {"phone": ["other"]}


def test_among_equally_trusted_origins_the_latest_is_believed() -> None:
    early = stated(("phone", "early"), channel="store", source="till:1")
    late = stated(("phone", "late"), channel="store", source="till:2", at=NOON + 1)
    assert shown(after(early, late)) == shown(after(late, early)) == {"phone": ["late"]}


def test_a_withdrawal_counts_as_much_as_its_author() -> None:
    till = stated(("phone", "till"), channel="store")
    web = stated(("phone", None), at=NOON + 1)
    desk = stated(("phone", None), at=NOON - 1, channel="call_centre", source="desk:1")
    assert shown(after(till, web)) == {"phone": ["till"]}
    assert shown(after(till, desk)) == {}


def test_how_something_began_is_neither_replaced_nor_withdrawn() -> None:
    profile = after(
        stated(("first_store", "Lyon")),
        stated(("first_store", "Lille"), at=NOON + 1),
        stated(("first_store", None), at=NOON + 2),
    )
    assert shown(profile) == {"first_store": ["Lyon"]}
    assert step(None, stated(("first_store", None)), AT, POLICIES) == (None, ())


def test_a_union_holds_each_value_once_with_its_latest_statement() -> None:
    profile = after(
        stated(("brands", "ahorn"), ("brands", "birke")),
        stated(("brands", "ahorn"), at=NOON + 1, event_id="again"),
    )
    assert shown(profile) == {"brands": ["birke", "ahorn"]}
    assert profile.values()["brands"][1].event_id == "again"


def test_a_withdrawal_takes_out_of_a_union_what_was_stated_before_it() -> None:
    profile = after(
        stated(("brands", "old")),
        stated(("brands", None), at=NOON + 2, event_id="w"),
        stated(("brands", "late"), at=NOON + 1),
        stated(("brands", "new"), at=NOON + 3),
    )
    assert shown(profile) == {"brands": ["new"]}


def test_an_event_that_withdraws_a_union_and_states_values_replaces_it() -> None:
    for order in [("brands", None), ("brands", "b")], [("brands", "b"), ("brands", None)]:
        profile = after(stated(("brands", "a")), stated(*order, at=NOON + 1))
        assert shown(profile) == {"brands": ["b"]}


def test_of_too_many_values_of_a_union_the_latest_stay() -> None:
    profile = after(
        *(stated(("brands", str(n)), at=NOON + n) for n in range(UNION_VALUES_MAX + 2)),
    )
    assert shown(profile)["brands"] == [str(n) for n in range(2, UNION_VALUES_MAX + 2)]


def test_an_event_with_one_trait_too_many_is_rejected_as_a_whole() -> None:
    full = after(stated(*((f"t{n}", "x") for n in range(TRAITS_MAX))))
    state, effects = step(full, stated(("t0", "y"), ("one more", "x"), at=NOON + 1), AT, POLICIES)
    assert state is full
    assert len(effects) == 1
    assert isinstance(effects[0], Reject)
    assert effects[0].reason == reasons.TOO_MANY_TRAITS


def test_what_changed_is_named_and_an_older_statement_changes_nothing() -> None:
    state, effects = step(None, stated(("language", "fr"), ("size", "M"), at=NOON), AT)
    assert changed(effects) == ("language", "size")
    state, effects = step(state, stated(("size", "L"), ("language", "fr"), at=NOON - 1), AT)
    assert effects == ()
    state, effects = step(state, stated(("size", "L"), at=NOON + 1), AT)
    assert changed(effects) == ("size",)


def test_what_was_kept_under_another_policy_is_decided_by_the_new_one() -> None:
    union = after(stated(("brands", "a")), stated(("brands", "b"), at=NOON + 1))
    recent, _ = step(union, stated(("brands", "late"), at=NOON - 1), AT, Policies())
    assert recent is not None
    assert shown(recent) == {"brands": ["b"]}
    oldest = Policies({"brands": Policy("oldest")})
    first, _ = step(union, stated(("brands", "c"), at=NOON + 5), AT, oldest)
    assert first is not None
    assert shown(first) == {"brands": ["a"]}


def test_a_trait_that_did_not_change_is_shared() -> None:
    before = after(stated(("language", "fr"), ("size", "M")))
    now, _ = step(before, stated(("size", "L"), at=NOON + 1), AT)
    assert now is not None
    assert now.traits["language"] is before.traits["language"]
