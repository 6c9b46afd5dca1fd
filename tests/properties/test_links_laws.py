"""Who is who: the protocol ends where the specification is, whatever the mail does."""

from __future__ import annotations

from collections import Counter
from itertools import permutations

import pytest
from msgspec.structs import replace

from ccstream.domain import links as protocol
from ccstream.domain.forest import Link, forest, joined_by
from ccstream.domain.links import Assigned, Forget, Letter, Links, Told, step
from tests.properties import reference_links as plain
from tests.properties.link_histories import is_account, run, tell

HISTORIES = 1_500


def test_every_identifier_ends_with_the_root_that_all_facts_together_give_it() -> None:
    met: Counter[str] = Counter()
    for seed in range(HISTORIES):
        met += run(seed)
    assert met["histories"] == HISTORIES
    kinds = ("Told", "Assigned", "Meet", "Gathered", "Forget", "crashes", "repeated")
    for what in (*kinds, "with facts forgotten", "with facts of others left"):
        assert met[what] > 100, f"the histories hardly met {what}: {met}"
    assert met["with suppressed links"] > HISTORIES // 20


def test_without_the_rule_that_more_facts_count_for_more_some_history_ends_wrong(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    true_step = protocol.step

    def forgetful(state: Links | None, letter: Letter, account: object, erased_at: int) -> object:
        if isinstance(letter, Assigned) and state is not None:
            state = replace(state, by_facts=0)
        return true_step(state, letter, is_account, erased_at)

    monkeypatch.setattr(protocol, "step", forgetful)
    with pytest.raises(AssertionError, match="belongs to"):
        sum((run(seed) for seed in range(HISTORIES)), Counter())


def test_facts_that_were_forgotten_have_to_count_twice_at_the_least(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(protocol, "_FORGOTTEN_COUNTS", 1)
    with pytest.raises(AssertionError, match="belongs to"):
        sum((run(seed) for seed in range(HISTORIES)), Counter())


def test_without_the_answer_of_who_was_erased_facts_that_were_under_way_stay(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    true_step = protocol.step

    def silent(state: Links | None, letter: Letter, account: object, erased_at: int) -> object:
        after, written, conflicts = true_step(state, letter, is_account, erased_at)
        if isinstance(letter, Assigned):
            written = tuple(one for one in written if not isinstance(one, Forget))
        return after, written, conflicts

    monkeypatch.setattr(protocol, "step", silent)
    with pytest.raises(AssertionError, match=r"belongs to|too many"):
        sum((run(seed) for seed in range(HISTORIES)), Counter())


LINKS = [
    plain.Link("weak", 1, "loyalty:1", "customer:2", "observed"),
    plain.Link("strong", 9, "loyalty:1", "customer:1", "verified"),
    plain.Link("between", 5, "email:a", "loyalty:1", "asserted"),
]


def test_a_link_that_would_join_two_accounts_is_skipped_and_the_weaker_one_it_is() -> None:
    for order in permutations(LINKS):
        made = forest([tell(link).fact for link in order], is_account)
        assert made.roots == {
            "loyalty:1": "customer:1",
            "email:a": "customer:1",
            "customer:1": "customer:1",
            "customer:2": "customer:2",
        }
        assert [(one.link.event_id, {one.one, one.other}) for one in made.conflicts] == [
            ("weak", {"customer:1", "customer:2"})
        ]


def test_an_identifier_is_of_its_root_since_its_profile_s_links_lead_there_however_strong() -> None:
    facts = [*LINKS, plain.Link("early", 3, "loyalty:1", "customer:1", "observed")]
    for order in permutations(facts):
        known = [tell(link).fact for link in order]
        joined = joined_by(known, forest(known, is_account).roots)
        assert {name: link.event_id for name, link in joined.items()} == {
            "loyalty:1": "early",
            "email:a": "between",
        }


def test_what_was_suppressed_counts_again_once_nothing_stronger_is_in_its_way() -> None:
    facts = [*LINKS, plain.Unlink("out", 10, "loyalty:1", "customer:1")]
    made = forest([tell(fact).fact for fact in facts], is_account)
    assert made.roots["email:a"] == made.roots["loyalty:1"] == "customer:2"
    assert made.conflicts == ()


def test_a_link_after_an_unlink_holds() -> None:
    facts = [
        plain.Unlink("out", 10, "loyalty:1", None),
        plain.Link("in", 11, "loyalty:1", "email:a", "asserted"),
        plain.Link("old", 9, "loyalty:1", "customer:1", "verified"),
    ]
    made = forest([tell(fact).fact for fact in facts], is_account)
    assert made.roots == {
        "loyalty:1": "email:a",
        "email:a": "email:a",
        "customer:1": "customer:1",
    }


def test_pairs_that_never_go_together_are_kept_apart_through_others_as_well() -> None:
    facts = [
        plain.Apart("never", "email:a", "email:b"),
        plain.Link("1", 1, "email:a", "loyalty:1", "verified"),
        plain.Link("2", 2, "loyalty:1", "email:b", "verified"),
    ]
    made = forest([tell(fact).fact for fact in facts], is_account)
    assert made.roots["email:b"] == "email:b"
    assert [one.link.event_id for one in made.conflicts] == ["2"]


def test_the_first_fact_of_two_identifiers_takes_a_letter_and_no_more() -> None:
    fact = Link("e", 1, "customer:1", "loyalty:1", "asserted")
    state, letters, conflicts = step(None, Told("customer:1", fact), is_account)
    assert (state.root, state.coordinator, conflicts) == ("customer:1", "customer:1", ())
    assert letters == (Assigned("loyalty:1", "customer:1", 1, "customer:1", 1, "e"),)
    told, letters, _ = step(None, letters[0], is_account)
    assert (told.root, told.coordinator, letters) == ("customer:1", "customer:1", ())
