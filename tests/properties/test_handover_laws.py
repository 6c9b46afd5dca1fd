"""Laws of a log-in: what is handed over joins what the account has as if it always had been there.

The last one is about a device that several people use, one after the other: what each of them,
and the device itself, shows in the end is worked out from all facts at once, and must come of any
order in which they may arrive.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any, NamedTuple

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ccstream.domain import cart, identity
from ccstream.domain.cart_state import Absorbed, Cart, MergeMode
from ccstream.domain.events import (
    CartItemAdded,
    IdentifiersLinked,
    IdentifierUnlinked,
    ProductViewed,
    ProfileUpdated,
)
from ccstream.domain.handover import (
    merge_carts,
    merge_profiles,
    merge_touches,
    merge_windows,
)
from ccstream.domain.identity import Alias, began, holder_at
from ccstream.domain.limits import WINDOW_SOURCES_MAX
from ccstream.domain.merge import lines_view
from ccstream.domain.moment import Moment, Scope
from ccstream.domain.profile import step as profile_step
from ccstream.domain.touch import Touches, path
from ccstream.domain.window import Window, WindowLimits, admit
from tests.properties import test_profile_laws as profiles
from tests.properties import test_touch_laws as touching

law = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
AT = Moment(0, 0, 0, Scope(b"state-id", 0, 8), (-1,))
MODES: tuple[MergeMode, ...] = ("join", "max", "sum", "keep_saved", "keep_guest")


@law
@given(touching.touches(days=8), st.data())
def test_touches_are_those_of_all_events_whoever_had_them(
    facts: list[ProductViewed], data: st.DataObject
) -> None:
    mixed = data.draw(st.permutations(facts))
    handed = data.draw(st.integers(1, len(mixed)))
    kept = data.draw(st.integers(handed, len(mixed)))
    theirs = touching.after(mixed[:handed])
    ours = touching.after(mixed[handed:kept]) if handed < kept else None
    merged, _ = merge_touches(ours, theirs, touching.LIMITS)
    merged = touching.after(mixed[kept:], merged)
    whole = touching.after(facts)
    assert shown(merged) == shown(whole)
    assert path(merged) == path(whole)


def shown(state: Touches) -> Any:
    return state.first, state.last, state.last_by_channel, touching.counts(state)


@law
@given(profiles.histories(), st.data())
def test_profiles_are_those_of_all_statements_whoever_had_them(
    facts: list[ProfileUpdated], data: st.DataObject
) -> None:
    mixed = data.draw(st.permutations(facts))
    cut = data.draw(st.integers(0, len(mixed)))
    theirs, ours = profiles.after(mixed[:cut]), profiles.after(mixed[cut:])
    if theirs is None:
        return
    merged, _ = merge_profiles(ours, theirs, profiles.POLICIES)
    assert merged == profiles.after(facts)
    last = facts[-1]
    assert profile_step(merged, last, AT, profiles.POLICIES) == (merged, ())


HOUR_MS = 3_600_000
LIMITS = WindowLimits(ids_max=64, horizon_ms=48 * HOUR_MS)
sendings = st.lists(
    st.tuples(
        st.integers(0, 400),  # which event
        st.integers(0, 2 * WINDOW_SOURCES_MAX).map(lambda n: n if n < 20 else 0),  # its source
        st.integers(0, HOUR_MS),  # how long after the previous one it arrives
    ),
    max_size=200,
)


@law
@given(sendings, sendings, sendings, st.integers(0, 90 * HOUR_MS))
def test_no_event_is_fresh_under_either_key_once_the_windows_are_one(
    mine: list[tuple[int, int, int]],
    theirs: list[tuple[int, int, int]],
    later: list[tuple[int, int, int]],
    ahead: int,
) -> None:
    taken: set[tuple[int, int]] = set()

    def told(window: Window | None, history: list[tuple[int, int, int]], now: int) -> Window:
        for event, source, pause in history:
            now += pause
            at = touching.NOON + (event // 3) * HOUR_MS
            verdict, window = admit(window, str(event), at, str(source), now, LIMITS)
            if verdict == "fresh":
                assert (source, event) not in seen
                seen.add((source, event))
        return window or Window({})

    seen: set[tuple[int, int]] = set()
    one = told(None, mine, touching.NOON)
    taken |= seen
    seen = set()
    other = told(None, theirs, touching.NOON + ahead)
    seen |= taken
    told(merge_windows(one, other, LIMITS), later, touching.NOON + 2 * ahead)


# a device that several people use


class Fact(NamedTuple):
    """Something that happened at ``at``; what is put into the basket, or who logs in (or out)."""

    at: int
    event: Any


DEVICE, SKUS, PEOPLE = "visitor:1", ("tea", "cup"), ("customer:1", "customer:2")


@st.composite
def days(draw: st.DrawFn) -> list[Fact]:
    """Adds of a device and of accounts, log-ins and log-outs, each at a time of its own."""
    facts = []
    for at in range(1, draw(st.integers(2, 18))):
        common = {"event_id": f"e{at:02}", "occurred_at": 10 * at, "channel": "web", "source": "s"}
        kind = draw(st.sampled_from(["add", "add", "add", "own", "in", "out"]))
        subject = draw(st.sampled_from(PEOPLE)) if kind == "own" else DEVICE
        if kind == "in":
            who = draw(st.sampled_from(PEOPLE))
            event: Any = IdentifiersLinked(**common, subject=DEVICE, identifiers=(who,))
        elif kind == "out":
            event = IdentifierUnlinked(**common, subject=DEVICE)
        else:
            sku, quantity = draw(st.sampled_from(SKUS)), draw(st.integers(1, 3))
            event = CartItemAdded(**common, subject=subject, sku=sku, quantity=quantity)
        facts.append(Fact(10 * at, event))
    return facts


def is_word(fact: Fact) -> bool:
    return not isinstance(fact.event, CartItemAdded)


def expected(facts: list[Fact], mode: MergeMode) -> dict[str, dict[str, int]]:
    """Told once, in the order in which it happened: nothing is late, so nothing has to move."""
    baskets: dict[str, Counter[str]] = defaultdict(Counter)
    holder = ""
    for fact in facts:
        event = fact.event
        if isinstance(event, IdentifiersLinked):
            who = event.identifiers[0]
            if not holder:
                baskets[who] = met(baskets[who], baskets.pop(DEVICE, Counter()), mode)
            holder = who
        elif isinstance(event, IdentifierUnlinked):
            holder = ""
        elif event.subject == DEVICE and holder:
            baskets[holder][event.sku] += event.quantity
        else:
            baskets[event.subject][event.sku] += event.quantity
    return {key: dict(basket) for key, basket in baskets.items() if basket}


def met(saved: Counter[str], guest: Counter[str], mode: MergeMode) -> Counter[str]:
    match mode:
        case "max":
            return saved | guest
        case "keep_saved":
            return saved or guest
        case "keep_guest":
            return guest or saved
    return saved + guest


class People:
    """The device and the accounts, by the domain's rules; letters take as long as they like."""

    def __init__(self, mode: MergeMode) -> None:
        self._mode = mode
        self._alias: Alias | None = None
        self._carts: dict[str, Cart | None] = {}
        self.mail: list[tuple[str, Any]] = []
        self._now = 0

    def hear(self, fact: Fact) -> None:
        event = fact.event
        if event.subject != DEVICE:
            self._put(event.subject, event)
        elif is_word(fact):
            was = self._alias.root if self._alias else ""
            self._alias, _ = identity.step(self._alias, event, AT)
            assert self._alias is not None
            if not was and self._alias.root:
                marker = Absorbed(
                    f"{event.event_id}/{DEVICE}",
                    event.occurred_at,
                    DEVICE,
                    self._mode,
                    since=began(self._alias),
                )
                handed = self._carts.pop(DEVICE, None)
                self.mail.append((self._alias.root, (handed, marker)))
        else:
            root = holder_at(self._alias, event.occurred_at) if self._alias else ""
            if root:
                self.mail.append((root, event))
            else:
                self._put(DEVICE, event)

    def deliver(self, number: int) -> None:
        """The letter that has waited the longest for one of the accounts with any."""
        waiting = sorted({to for to, _ in self.mail})
        to = waiting[number % len(waiting)]
        index = next(i for i, (one, _) in enumerate(self.mail) if one == to)
        _, letter = self.mail.pop(index)
        if isinstance(letter, CartItemAdded):
            self._put(to, letter)
        else:
            handed, marker = letter
            mark = (0, 1, self._next())
            self._carts[to], _ = merge_carts(self._carts.get(to), handed, marker, mark)

    def shown(self) -> dict[str, dict[str, int]]:
        baskets = {
            key: {line.key.sku: line.quantity for line in lines_view(cart)}
            for key, cart in self._carts.items()
            if cart is not None
        }
        return {key: basket for key, basket in baskets.items() if basket}

    def _put(self, key: str, event: Any) -> None:
        at = Moment(self._next(), 0, self._now, AT.scope, (0, 0), self._now)
        self._carts[key], _ = cart.step(self._carts.get(key), event, at)

    def _next(self) -> int:
        self._now += 1
        return self._now


def in_an_order_that_may_be(facts: list[Fact], data: st.DataObject) -> list[Fact]:
    """Log-ins and log-outs as they happened; what the device did comes at any time, but not
    before the end of the tenure that it did it after, and what accounts do at any time at all.
    """
    arriving = [fact for fact in facts if is_word(fact)]
    held, ends = False, []
    for word in arriving:
        if held:
            ends.append(word)
        held = isinstance(word.event, IdentifiersLinked)
    for fact in data.draw(st.permutations([fact for fact in facts if not is_word(fact)])):
        before = [index for index, one in enumerate(arriving) if one in ends and one.at < fact.at]
        first = before[-1] + 1 if before and fact.event.subject == DEVICE else 0
        arriving.insert(data.draw(st.integers(first, len(arriving))), fact)
    return arriving


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(days(), st.sampled_from(MODES), st.data())
def test_baskets_are_whose_they_were_when_they_were_filled_however_late_that_is_heard_of(
    facts: list[Fact], mode: MergeMode, data: st.DataObject
) -> None:
    people = People(mode)
    for fact in in_an_order_that_may_be(facts, data):
        people.hear(fact)
        while people.mail and data.draw(st.booleans()):
            people.deliver(data.draw(st.integers(0, 9)))
    while people.mail:
        people.deliver(data.draw(st.integers(0, 9)))
    assert people.shown() == expected(facts, mode)
