"""What becomes of a visitor's rows at a log-in and a log-out, letter by letter."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from ccstream.domain import reasons
from ccstream.domain.cart_state import MergeMode
from ccstream.domain.events import (
    CartItemRemoved,
    ConsentChanged,
    ConsentProof,
    Event,
    IdentifiersLinked,
    IdentifierUnlinked,
    Money,
    OrderLine,
    OrderPlaced,
    ProfileUpdated,
    Trait,
)
from ccstream.domain.limits import LINES_MAX
from ccstream.domain.merge import lines_view
from ccstream.domain.profile import Policies
from ccstream.domain.touch import TouchLimits
from ccstream.engine.aggregates import Rules, make_plans
from ccstream.wire.catalogue import REJECTED_TOPIC
from ccstream.wire.mail import ACKNOWLEDGE, FORWARD, HAND_OVER, Mail, encode_mail
from tests.engine.world import CODEC, INPUTS, NOW, World, added, key_living_at, shown

CARTS, ALIASES = "sync.carts.v1", "sync.aliases.v1"
ACCOUNT = key_living_at(0)
VISITOR = key_living_at(0, "visitor")
MAIL = INPUTS.index("ccstream.mail.v1")


def meta(name: str, at: int = 0, subject: str = VISITOR, **more: Any) -> dict[str, Any]:
    common = {"event_id": name, "occurred_at": NOW + at, "channel": "web", "source": "shop-1"}
    return {**common, "subject": subject, **more}


def log_in(at: int = 10, name: str = "in", account: str = ACCOUNT) -> IdentifiersLinked:
    return IdentifiersLinked(**meta(name, at), identifiers=(account,))


def log_out(at: int = 20, name: str = "out") -> IdentifierUnlinked:
    return IdentifierUnlinked(**meta(name, at))


def add(name: str, at: int = 0, subject: str = VISITOR, **more: Any) -> Event:
    return added(**{**meta(name, at, subject), **more})


def order(name: str, order_id: str, subject: str = VISITOR) -> OrderPlaced:
    line = OrderLine(sku="pot", quantity=1, amount=Money(1, "EUR"))
    return OrderPlaced(
        **meta(name, 1, subject), order_id=order_id, lines=(line,), total=Money(1, "EUR")
    )


class Household(World):
    """A partition in which both the visitor and the account live."""

    def __init__(self, mode: MergeMode = "join", **parts: Any) -> None:
        rules = Rules(LINES_MAX, TouchLimits(), Policies(), mode)
        super().__init__(plans=make_plans(rules), **parts)
        self._delivered = 0

    def deliver(self, kinds: Iterable[str] = (FORWARD, HAND_OVER, ACKNOWLEDGE)) -> list[Mail]:
        """Fold the letters of these kinds that are on their way, and those that they cause."""
        taken = []
        while self._delivered < len(self.letters):
            _, mail = self.letters[self._delivered]
            if mail.kind not in kinds:
                break
            self._delivered += 1
            taken.append(mail)
            self.fold_bytes(mail.to.encode(), encode_mail(mail), topic=MAIL)
        return taken

    def basket(self, key: str) -> dict[str, int]:
        cart = self.state("carts", key)
        return {} if cart is None else {line.key.sku: line.quantity for line in lines_view(cart)}


def test_right_after_the_log_in_the_visitor_s_basket_is_the_account_s() -> None:
    home = Household()
    home.fold(add("a1", subject=ACCOUNT, sku="cup"), add("v1"), log_in())
    assert home.basket(ACCOUNT) == {"cup": 1}
    home.deliver()
    assert home.basket(ACCOUNT) == {"cup": 1, "tea": 1}
    synced = shown(home.delivery.sent, CARTS)[-1]
    assert synced["subject"] == ACCOUNT
    assert [line["sku"] for line in synced["upserted"]] == ["tea"]
    assert synced["cause"]["event_id"] == "in"
    assert synced["cause"]["outcome"] == "merged"


@pytest.mark.parametrize(
    ("mode", "basket"),
    [
        ("join", {"tea": 5, "cup": 1, "pot": 1}),
        ("sum", {"tea": 5, "cup": 1, "pot": 1}),
        ("max", {"tea": 3, "cup": 1, "pot": 1}),
        ("keep_saved", {"tea": 2, "cup": 1}),
        ("keep_guest", {"tea": 3, "pot": 1}),
    ],
)
def test_what_is_shown_of_two_baskets_is_as_configured(
    mode: MergeMode, basket: dict[str, int]
) -> None:
    home = Household(mode)
    home.fold(add("a1", subject=ACCOUNT, quantity=2), add("a2", subject=ACCOUNT, sku="cup"))
    home.fold(add("v1", quantity=3), add("v2", sku="pot"), log_in())
    home.deliver()
    assert home.basket(ACCOUNT) == basket
    home.fold(add("v3", at=11, sku="hat"))
    home.deliver()
    assert home.basket(ACCOUNT) == {**basket, "hat": 1}


def test_the_rows_stay_shown_under_the_visitor_until_the_account_has_them() -> None:
    home = Household()
    home.fold(add("v1"), log_in())
    sent = home.fold(add("v2", at=11))
    assert [line["sku"] for line in shown(sent, CARTS)[-1]["lines"]] == ["tea"]
    home.deliver((HAND_OVER, FORWARD))
    assert home.basket(VISITOR) == {"tea": 1}
    begun = len(home.delivery.sent)
    home.deliver()
    tombstones = {s.topic for s in home.delivery.sent[begun:] if s.value is None}
    assert tombstones == {CARTS, "sync.touches.v1"}
    assert home.state("carts", VISITOR) is None
    assert home.basket(ACCOUNT) == {"tea": 2}
    (synced,) = shown(home.fold(log_in(12, "again")), ALIASES)
    assert (synced["subject"], synced["root"]) == (VISITOR, ACCOUNT)


@pytest.mark.parametrize("taken", [True, False], ids=["taken over", "on its way"])
def test_a_log_out_takes_the_basket_away_from_a_shared_tablet(taken: bool) -> None:
    home = Household()
    home.fold(add("v1"), log_in())
    if taken:
        home.deliver()
    home.fold(log_out())
    assert home.basket(VISITOR) == {}
    sent = home.fold(add("v2", at=21, sku="cup"))
    assert [line["sku"] for line in shown(sent, CARTS)[-1]["lines"]] == ["cup"]
    home.deliver()
    assert home.basket(VISITOR) == {"cup": 1}, "an acknowledgement that is late deletes nothing"
    assert home.basket(ACCOUNT) == {"tea": 1}


def test_the_next_to_log_in_gets_what_was_begun_since_the_log_out_and_no_more() -> None:
    other = key_living_at(1)
    home = Household("max")
    home.fold(add("v1"), log_in())
    home.deliver()
    home.fold(log_out(), add("v2", at=21, sku="cup"), log_in(30, "next", other))
    rows = {mail.table: mail for _, mail in home.letters if mail.to == other}
    assert rows.keys() == {"carts", "touches", "windows"}
    assert rows["carts"].since == NOW + 20
    assert b"cup" in (rows["carts"].row or b"") and b"tea" not in (rows["carts"].row or b"")
    assert home.basket(ACCOUNT) == {"tea": 1}


def test_a_second_basket_of_the_same_tablet_meets_the_account_s_as_the_first_did() -> None:
    home = Household("max")
    home.fold(add("a1", subject=ACCOUNT, quantity=2), add("v1", quantity=3), log_in())
    home.deliver()
    assert home.basket(ACCOUNT) == {"tea": 3}
    home.fold(log_out(), add("v2", at=21, quantity=4), log_in(30, "in2"))
    home.deliver()
    assert home.basket(ACCOUNT) == {"tea": 4}
    home.fold(add("late", at=22), add("held", at=15))
    home.deliver()
    assert home.basket(ACCOUNT) == {"tea": 5}, "max(3 + 1 held, 4 + 1 late)"


def test_what_occurred_before_the_log_out_is_the_account_s_however_late_it_comes() -> None:
    home = Household()
    home.fold(log_in(), log_out(), add("late", at=15), add("later", at=25, sku="cup"))
    home.deliver()
    assert home.basket(ACCOUNT) == {"tea": 1}
    assert home.basket(VISITOR) == {"cup": 1}


def test_all_that_a_visitor_had_changes_hands() -> None:
    consent = ConsentChanged(
        **meta("c1"),
        contact_point="5f" * 32,
        contact_channel="email",
        purpose="newsletter",
        status="granted",
        proof=ConsentProof("form-1", "web", NOW),
    )
    home = Household()
    home.fold(
        add("v1", sku="pot"),
        order("o1", "A"),
        order("o2", "B"),
        consent,
        ProfileUpdated(**meta("p1"), traits=(Trait("language", "fr"),)),
        log_in(),
    )
    home.deliver()
    for table in ("touches", "profiles", "consents"):
        assert home.state(table, ACCOUNT) is not None, table
        assert home.state(table, VISITOR) is None, table
    for order_id in "AB":
        assert home.state("orders", f"{ACCOUNT}#{order_id}").order_id == order_id
        assert home.state("orders", f"{VISITOR}#{order_id}") is None


def test_an_event_of_the_visitor_s_that_comes_again_under_the_account_is_a_duplicate() -> None:
    home = Household()
    home.fold(add("v1"), log_in())
    home.deliver()
    home.fold(add("v1", subject=ACCOUNT))
    assert home.basket(ACCOUNT) == {"tea": 1}


def test_who_saw_the_visitor_s_basket_can_take_out_of_the_account_s() -> None:
    home = Household()
    synced = shown(home.fold(add("v1")), CARTS)[-1]
    home.fold(add("v2", sku="cup"), log_in())
    home.deliver()
    home.fold(
        CartItemRemoved(**meta("r1", 11), sku="tea", observed=synced["observed"]),
        CartItemRemoved(**meta("r2", 11), sku="cup", observed=synced["observed"]),
    )
    home.deliver()
    assert home.basket(ACCOUNT) == {"cup": 1}, "the cup had not been seen"


def test_letters_that_come_twice_are_taken_once() -> None:
    home = Household()
    home.fold(add("v1"), log_in())
    letters = home.deliver()
    for mail in letters:
        home.fold_bytes(mail.to.encode(), encode_mail(mail), topic=MAIL)
    assert home.basket(ACCOUNT) == {"tea": 1}
    touches = home.state("touches", ACCOUNT)
    assert sum(visit.touches for trail in touches.trails.values() for visit in trail.visits) == 1


def test_letters_of_one_log_in_have_ids_of_their_own() -> None:
    home = Household()
    home.fold(add("v1"), order("o1", "A"), log_in())
    home.deliver()
    ids = [mail.mail_id for _, mail in home.letters]
    assert len(set(ids)) == len(ids) > 6
    assert {mail.hops for _, mail in home.letters} == {1, 2}


def test_an_order_of_an_id_that_the_account_has_stays_with_the_visitor_and_is_reported() -> None:
    home = Household()
    home.fold(order("o1", "A", ACCOUNT), order("o2", "A"), log_in())
    home.deliver()
    assert [r.reason for r in home.rejected] == [reasons.ORDER_ALREADY_PLACED]
    assert home.state("orders", f"{ACCOUNT}#A").event_id == "o1"
    assert home.state("orders", f"{VISITOR}#A").event_id == "o2"


def test_a_row_that_does_not_fit_with_the_account_s_stays_and_is_reported() -> None:
    home = Household(message_bytes_max=2_048 + 1_500)
    for number in range(15):
        home.fold(
            add(f"a{number}", subject=ACCOUNT, sku=f"an-article-{number}"),
            add(f"v{number}", sku=f"another-article-{number}"),
        )
    home.fold(log_in())
    home.deliver()
    assert [r.reason for r in home.rejected] == [reasons.TOO_BIG]
    assert len(home.basket(ACCOUNT)) == len(home.basket(VISITOR)) == 15


def test_a_log_in_that_is_folded_for_another_is_refused() -> None:
    letter = Mail(
        mail_id="m",
        hops=1,
        to=ACCOUNT,
        kind=FORWARD,
        origin_topic=INPUTS[0],
        origin_partition=2,
        origin_offset=17,
        origin_appended_at=NOW,
        value=CODEC.encode_event(log_in()),
    )
    home = Household()
    home.fold_bytes(ACCOUNT.encode(), encode_mail(letter), topic=MAIL)
    assert [r.reason for r in home.rejected] == [reasons.KEY_MISMATCH]
    assert home.state("aliases", ACCOUNT) is None


def test_a_log_in_too_big_to_travel_with_a_row_is_refused() -> None:
    home = Household()
    huge = IdentifiersLinked(**meta("in", observed=b"x" * 60_000), identifiers=(ACCOUNT,))
    sent = home.fold(huge)
    assert [s.topic for s in sent] == [REJECTED_TOPIC, ALIASES]
    assert [r.reason for r in home.rejected] == [reasons.TOO_BIG]


def test_a_letter_of_a_kind_that_is_not_known_is_refused() -> None:
    home = Household()
    home.fold(add("v1"), log_in())
    _, mail = home.letters[0]
    for changed in ({"kind": "probe"}, {"table": "plans"}):
        fields = {name: getattr(mail, name) for name in mail.__struct_fields__}
        home.fold_bytes(ACCOUNT.encode(), encode_mail(Mail(**{**fields, **changed})), topic=MAIL)
    assert [r.reason for r in home.rejected] == [reasons.UNEXPECTED_RECORD] * 2
