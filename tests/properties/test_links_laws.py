"""Who is who: the protocol ends where the specification is, whatever the mail does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import permutations

import pytest
from msgspec.structs import replace

from ccstream.domain import linking
from ccstream.domain import links as protocol
from ccstream.domain.forest import Apart, Fact, Link, Unlink, forest, joined_by
from ccstream.domain.limits import GATHERED_FACTS_MAX, PAIR_REPETITIONS_MAX, REPETITIONS_MAX
from ccstream.domain.links import Assigned, Forget, Gathered, Letter, Links, Told, step
from ccstream.domain.repetitions import Repeatable, sifted
from tests.properties import reference_links as plain
from tests.properties.link_histories import RULES, is_account, run, tell

HISTORIES = 1_500


def test_every_identifier_ends_with_the_root_that_all_facts_together_give_it() -> None:
    met: Counter[str] = Counter()
    for seed in range(HISTORIES):
        met += run(seed)
    assert met["histories"] == HISTORIES
    kinds = ("Told", "Proposed", "Assigned", "Meet", "Gathered", "Forget", "crashes", "repeated")
    left = ("with repetitions left", "with facts forgotten", "with facts of others left")
    for what in (*kinds, *left):
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


Sifted = tuple[frozenset[Fact], frozenset[Repeatable]]


def _keep_all(facts: frozenset[Fact], repetitions: frozenset[Repeatable]) -> Sifted:
    return facts, repetitions


def _forget_all(facts: frozenset[Fact], _: frozenset[Repeatable]) -> Sifted:
    return facts, frozenset()


def _keep_the_last(facts: frozenset[Fact], repetitions: frozenset[Repeatable]) -> Sifted:
    last: dict[object, Repeatable] = {}
    for one in sorted(repetitions, key=lambda one: (one.at, one.event_id)):
        last[getattr(one, "strength", ""), frozenset((one.one, one.other))] = one
    return sifted(facts, frozenset(last.values()))


@pytest.mark.parametrize("rule", [_keep_all, _forget_all, _keep_the_last])
def test_without_the_rules_of_what_is_said_again_some_history_ends_wrong(
    monkeypatch: pytest.MonkeyPatch, rule: Callable[..., Sifted]
) -> None:
    monkeypatch.setattr(protocol, "sifted", rule)
    monkeypatch.setattr(linking, "sifted", rule)
    with pytest.raises(AssertionError, match=r"belongs to|since|too many"):
        sum((run(seed) for seed in range(1, 2 * HISTORIES, 2)), Counter())


def test_what_is_said_again_goes_along_when_coordinators_meet(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    true_met = protocol._met

    def careless(me: str, now: Links, other: str) -> object:
        after, letters = true_met(me, now, other)
        return after, tuple(
            replace(one, repetitions=frozenset()) if isinstance(one, Gathered) else one
            for one in letters
        )

    monkeypatch.setattr(protocol, "_met", careless)
    with pytest.raises(AssertionError, match=r"belongs to|since|suppressed"):
        sum((run(seed) for seed in range(1, 4 * HISTORIES, 2)), Counter())


def _known_after(*said: Fact | Forget) -> Links:
    """What a coordinator knows that heard this of itself, in this order."""
    state = None
    for one in said:
        letter = one if isinstance(one, Forget) else Told("customer:1", one)
        state = linking.take(state, letter, RULES).links
    assert state is not None
    return state


AGAIN = [Link(f"e{at}", at, "customer:1", "loyalty:1", "asserted") for at in range(1, 40)]


def test_a_link_that_was_said_again_holds_by_that_if_the_first_is_undone_or_forgotten() -> None:
    first, second = AGAIN[0], AGAIN[2]
    between = Unlink("out", 2, "loyalty:1", None)
    for order in permutations((first, second, between)):
        state = _known_after(*order)
        made = forest(state.facts, is_account)
        assert (made.kept, state.repetitions) == ((second,), frozenset())
    erased = Forget("customer:1", "loyalty:1", 2)
    for order in permutations((first, second)):
        assert _known_after(*order, erased).facts == {second}
    after = Unlink("out", 4, "customer:1", "loyalty:1")
    for order in permutations((first, second, after)):
        state = _known_after(*order)
        assert (forest(state.facts, is_account).kept, state.repetitions) == ((), frozenset())


def test_a_pair_that_is_kept_apart_stays_so_if_only_the_first_time_it_was_said_is_forgotten() -> (
    None
):
    first, second = (Apart(f"e{at}", "customer:1", "loyalty:1", at) for at in (1, 3))
    erased = Forget("customer:1", "loyalty:1", 2)
    for order in permutations((first, second)):
        assert _known_after(*order, erased).facts == {second}
    again = [Apart(f"e{at}", "customer:1", "loyalty:1", at) for at in range(1, 500)]
    state = _known_after(*again)
    assert (state.facts, len(state.repetitions)) == ({again[0]}, PAIR_REPETITIONS_MAX)


def test_what_is_said_all_day_is_remembered_by_the_last_times() -> None:
    state = _known_after(*AGAIN)
    assert state.facts == {AGAIN[0]}
    assert state.repetitions == {*AGAIN[-PAIR_REPETITIONS_MAX:]}
    late = Unlink("out", 2, "customer:1", "loyalty:1")
    (kept,) = forest(_known_after(*AGAIN, late).facts, is_account).kept
    assert kept == AGAIN[-PAIR_REPETITIONS_MAX], "linked, though since later than it was"


def test_where_many_pairs_are_said_again_each_keeps_its_last_before_any_its_last_but_one() -> None:
    pairs = REPETITIONS_MAX * 3 // 4
    said = [
        Link(f"e{at}-{n}", at * 1_000 + n, "customer:1", f"loyalty:{n}", "asserted")
        for at in range(4)
        for n in range(pairs)
    ]
    facts, kept = sifted(frozenset(said[:pairs]), frozenset(said[pairs:]))
    assert facts == {*said[:pairs]}
    assert kept == {*said[-pairs:], *said[-2 * pairs :][pairs - (REPETITIONS_MAX - pairs) : pairs]}
    many = frozenset(replace(said[0], event_id=f"f{n}") for n in range(GATHERED_FACTS_MAX - 3))
    _, kept = sifted(many, frozenset(said[pairs:]))
    assert kept == frozenset()


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
