"""What says again what is known: it changes nothing now, and may count later.

A card is scanned daily. A link that says, of a pair, no more than one that holds (as strong or
weaker, and later) is no fact, and nobody is told of it; nor is it one that a pair is to stay apart,
if that was said of it before. But what is repeated may be undone, by an unlink from between the
two, or forgotten, by an erasure, and these may arrive after the repetition. So repetitions are
remembered beside the facts. Each time that the facts have changed they are looked through: one that
says something by then becomes a fact, and one that is undone itself is dropped.

*Law.* What follows from the facts is what would follow if each repetition were one, whatever the
order in which all of it arrives, as long as they are not more than the bounds: of each pair the
last `PAIR_REPETITIONS_MAX` of each strength, `REPETITIONS_MAX` of all pairs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from ccstream.domain.forest import (
    Apart,
    Fact,
    Link,
    Unlink,
    is_undone,
    names_of,
    rank_of,
    undone_by,
)
from ccstream.domain.limits import (
    GATHERED_FACTS_MAX,
    PAIR_REPETITIONS_MAX,
    REPETITIONS_MAX,
)

__all__ = ["Repeatable", "is_repeated", "sifted"]

Repeatable = Link | Apart
"""What may count later; an unlink that another one repeats never does."""


def is_repeated(fact: Fact, facts: Iterable[Fact]) -> bool:
    """Whether it says nothing that these do not say."""
    pair = {*names_of(fact)}
    same = [one for one in facts if type(one) is type(fact) and {*names_of(one)} == pair]
    if isinstance(fact, Unlink):
        said = (fact.at, fact.event_id)
        return any((one.at, one.event_id) >= said for one in same if isinstance(one, Unlink))
    undone = undone_by(facts)
    return not _holds(fact, undone) or any(
        _repeats(fact, one) and _holds(one, undone) for one in same if not isinstance(one, Unlink)
    )


def sifted(
    facts: frozenset[Fact], repetitions: frozenset[Repeatable]
) -> tuple[frozenset[Fact], frozenset[Repeatable]]:
    """The facts with those repetitions that say something by now, and the rest that is kept.

    Args:
        facts: all that are known.
        repetitions: what repeated one of them when it came.
    """
    if not repetitions:
        return facts, repetitions
    undone = undone_by(facts)
    holding: dict[frozenset[str], list[Repeatable]] = defaultdict(list)
    for fact in facts:
        if not isinstance(fact, Unlink) and _holds(fact, undone):
            holding[frozenset(names_of(fact))].append(fact)
    new: list[Repeatable] = []
    kept: dict[tuple[frozenset[str], str], list[Repeatable]] = defaultdict(list)
    for one in sorted(repetitions - facts, key=_time_of):
        pair = frozenset(names_of(one))
        if not _holds(one, undone):
            continue
        if any(_repeats(one, other) for other in holding[pair]):
            kept[pair, one.strength if isinstance(one, Link) else ""].append(one)
        else:
            new.append(one)
            holding[pair].append(one)
    return facts.union(new), _last(kept.values(), GATHERED_FACTS_MAX - len(facts) - len(new))


def _last(kept: Iterable[list[Repeatable]], room: int) -> frozenset[Repeatable]:
    """Of each of these, which are in order of time, the last; if there is not room for all first
    the last one of each, then the last but one.
    """
    ranked = [
        (place, one)
        for some in kept
        for place, one in enumerate(reversed(some[-PAIR_REPETITIONS_MAX:]))
    ]
    ranked.sort(key=lambda ranked_one: _time_of(ranked_one[1]), reverse=True)
    ranked.sort(key=lambda ranked_one: ranked_one[0])
    return frozenset(one for _, one in ranked[: max(0, min(room, REPETITIONS_MAX))])


def _holds(one: Repeatable, undone: dict[frozenset[str], tuple[int, str]]) -> bool:
    return isinstance(one, Apart) or not is_undone(one, undone)


def _repeats(one: Repeatable, known: Repeatable) -> bool:
    """Whether it says no more than what is known of the same pair."""
    if type(one) is not type(known) or (known.at, known.event_id) > (one.at, one.event_id):
        return False
    return not (isinstance(one, Link) and isinstance(known, Link)) or rank_of(known) <= rank_of(one)


def _time_of(one: Repeatable) -> tuple[int, str, str, str]:
    return one.at, one.event_id, one.one, one.other
