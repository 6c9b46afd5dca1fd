"""A person who is erased is gone from every row, and nothing late brings them back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ccstream.domain import reasons
from ccstream.domain.events import (
    ErasureRequested,
    Event,
    IdentifiersLinked,
    IdentifierUnlinked,
    InteractionLogged,
    LegalHoldChanged,
    Money,
    OrderLine,
    OrderPlaced,
    PersonalKeyProvided,
    ProfileUpdated,
    Trait,
)
from ccstream.domain.identifiers import DEFAULT_RULES, IdentifierRules
from ccstream.domain.limits import TENURES_MAX
from ccstream.domain.merge import lines_view
from ccstream.domain.window import WindowLimits
from ccstream.engine.fold import Folder
from ccstream.engine.outlet import Outlet
from ccstream.engine.unfinished import Unfinished, oldest
from ccstream.errors import StateError
from ccstream.evidence.belonging import Belonging
from ccstream.ops.erasure_key import ErasureKey, is_signed
from ccstream.ops.settings import Settings
from ccstream.wire.catalogue import SYNC_TOPICS, TABLES
from ccstream.wire.entry import Entry
from ccstream.wire.headers import BY_HAND
from ccstream.wire.mail import ERASE, encode_mail
from ccstream.wire.partition import partition_for
from tests.engine.world import (
    CHANNELS,
    CODEC,
    INPUTS,
    NOW,
    PARTITIONS,
    PLANS,
    World,
    added,
    key_living_at,
)

ADA = key_living_at(0)
BOB = next(
    key
    for key in (f"customer:{number}" for number in range(100, 200))
    if partition_for(key.encode(), PARTITIONS) == 0
)
VISITOR = key_living_at(0, "visitor")
MAIL = 2
DEADLINE_MS = 9_000
SECRET = "e" * 40


def erasure_key(secret: str = SECRET) -> ErasureKey:
    settings = Settings.load(
        privacy__erasure_key=secret, privacy__erasure_deadline_ms=DEADLINE_MS, app_id="app"
    )
    key = ErasureKey.of(settings)
    assert key is not None
    return key


class Town(World):
    """A partition in which everybody lives, and people can be erased."""

    identifiers: IdentifierRules = DEFAULT_RULES

    def __init__(self, key: ErasureKey | None = None, *, configured: bool = True) -> None:
        super().__init__()
        self.key = key or erasure_key()
        self.configure(self.key if configured else None)
        self._delivered = 0
        self._times = 0

    def configure(self, key: ErasureKey | None) -> None:
        self.folder = Folder(
            decode=CODEC.decode_event,
            topics=INPUTS,
            channels=CHANNELS,
            plans=PLANS,
            outlet=Outlet(self.delivery, "app", 1_000_000),
            window_limits=WindowLimits(),
            append_time=True,
            identifiers=self.identifiers,
            erasure_key=key,
        )

    def deliver(self, at: int = NOW) -> None:
        """Fold the letters that are on their way, and those that they cause."""
        while self._delivered < len(self.letters):
            home, mail = self.letters[self._delivered]
            self._delivered += 1
            if home == 0:
                self.fold_bytes(mail.to.encode(), encode_mail(mail), topic=MAIL, at=at)

    def rows_of(self, entity: str) -> list[str]:
        """The tables in which a row is the entity's."""
        return [
            name
            for name in TABLES
            for key in self.partition.tables[name].keys()  # noqa: SIM118
            if key == entity or key.startswith(f"{entity}#")
        ]

    def erasure(self, entity: str) -> Any:
        return self.state("erasures", self.key.fingerprint(entity))


def meta(name: str, at: int = 0, subject: str = ADA) -> dict[str, Any]:
    return {
        "event_id": name,
        "occurred_at": NOW + at,
        "channel": "web",
        "source": "shop-1",
        "subject": subject,
    }


def add(name: str, at: int = 0, subject: str = ADA) -> Event:
    return added(**meta(name, at, subject))


def life(subject: str = ADA) -> list[Event]:
    """What makes a row in each table."""
    line = OrderLine(sku="pot", quantity=1, amount=Money(1, "EUR"))
    return [
        PersonalKeyProvided(
            **meta("key", subject=subject), key_id="k" * 22, master_id="m", wrapped="w" * 40
        ),
        ProfileUpdated(**meta("profile", subject=subject), traits=(Trait("name", "x"),)),
        OrderPlaced(
            **meta("order", subject=subject), order_id="O-1", lines=(line,), total=Money(1, "EUR")
        ),
        add("cart", subject=subject),
        InteractionLogged(
            **meta("talk", subject=subject), interaction_id="c-1", kind="call", topic="tea"
        ),
    ]


def erase(name: str = "erase", at: int = 10, subject: str = ADA, **more: Any) -> ErasureRequested:
    return ErasureRequested(**meta(name, at, subject), **more)


def hold(held: bool, name: str = "hold", at: int = 5) -> LegalHoldChanged:
    return LegalHoldChanged(**meta(name, at), held=held)


def test_every_row_and_key_goes_in_one_fold_with_tombstones() -> None:
    town = Town()
    town.fold(*life())
    assert {"carts", "profiles", "touches", "orders", "interactions", "keys", "windows"} <= set(
        town.rows_of(ADA)
    )
    sent = town.fold(erase(), at=NOW + 10)
    assert town.rows_of(ADA) == []
    tombs = {one.topic for one in sent if one.key == ADA and one.value is None}
    assert tombs == set(SYNC_TOPICS.values()) - {SYNC_TOPICS["orders"]}
    assert town.erasure(ADA).state == "erased"
    assert town.erasure(ADA).rows_deleted == 6


def test_orders_stay_under_a_name_that_says_nothing() -> None:
    town = Town()
    town.fold(*life())
    sent = town.fold(erase(), at=NOW + 10)
    renamed = f"{town.key.fingerprint(ADA)}#O-1"
    assert town.state("orders", renamed).order_id == "O-1"
    orders = {one.key: one.value for one in sent if one.topic == SYNC_TOPICS["orders"]}
    assert orders[f"{ADA}#O-1"] is None
    assert ADA.encode() not in (orders[renamed] or b"")


def test_what_occurred_before_and_comes_late_is_rejected() -> None:
    town = Town()
    town.fold(*life())
    town.fold(erase(), at=NOW + 10)
    town.fold(add("late", at=9), at=NOW + 20)
    town.fold(add("late-by-hand", at=8), at=NOW + 20, headers=[(BY_HAND, b"")])
    assert [one.reason for one in town.rejected] == [reasons.ERASED, reasons.ERASED]
    assert [one.value for one in town.rejected] == [None, None]
    assert town.rows_of(ADA) == []


def test_a_person_may_come_back_and_what_was_before_does_not_come_with_them() -> None:
    town = Town()
    town.fold(*life())
    town.fold(erase(), at=NOW + 10)
    town.fold(add("again", at=50), at=NOW + 50)
    assert town.quantity(ADA) == 1 and town.rejected == []
    town.fold(add("late", at=9), at=NOW + 60)
    town.fold(add("by-hand", at=9), at=NOW + 60, headers=[(BY_HAND, b"")])
    assert [one.reason for one in town.rejected] == [reasons.TOO_LATE, reasons.TOO_LATE]
    assert town.quantity(ADA) == 1
    town.fold(erase("again-erased", at=70), at=NOW + 70)
    assert town.rows_of(ADA) == []
    assert town.erasure(ADA).erased_at == NOW + 70


@pytest.mark.parametrize("name", ["erase", "another"], ids=["the same event", "another event"])
def test_to_ask_twice_changes_nothing(name: str) -> None:
    town = Town()
    town.fold(*life())
    town.fold(erase(), at=NOW + 10)
    before = town.erasure(ADA)
    sent = town.fold(erase(name), at=NOW + 20)
    assert town.erasure(ADA) == before
    assert sent == [] and town.rejected == []


def test_somebody_unknown_is_guarded_against_as_well() -> None:
    town = Town()
    town.fold(erase(), at=NOW + 10)
    assert town.erasure(ADA).rows_deleted == 0
    town.fold(add("from an offline till", at=5), at=NOW + 20)
    assert [one.reason for one in town.rejected] == [reasons.ERASED]


def test_a_legal_hold_keeps_all_and_its_end_does_what_was_asked() -> None:
    town = Town()
    town.fold(*life(), hold(True))
    town.fold(erase(), at=NOW + 10)
    assert "profiles" in town.rows_of(ADA)
    assert town.erasure(ADA).state == "waiting"
    town.fold(add("more", at=12), at=NOW + 12)
    assert town.quantity(ADA) == 2
    town.fold(hold(False, "lifted", at=20), at=NOW + 20)
    assert town.rows_of(ADA) == []
    assert town.erasure(ADA).erased_at == NOW + 20


def test_a_hold_that_ends_without_a_request_leaves_nothing() -> None:
    town = Town()
    town.fold(*life(), hold(True), hold(False, "lifted"))
    assert town.erasure(ADA) is None
    assert "profiles" in town.rows_of(ADA)


def test_the_receipt_is_signed_when_the_logs_have_had_their_time() -> None:
    town = Town()
    town.fold(*life())
    town.fold(erase(), at=NOW + 10)
    done = NOW + 10 + DEADLINE_MS
    town.folder.fire(town.partition, done - 1, 10)
    assert town.erasure(ADA).receipt == ""
    town.folder.fire(town.partition, done, 10)
    state = town.erasure(ADA)
    assert state.state == "completed" and state.completed_at == done
    receipt = json.loads(state.receipt)
    assert receipt["person"] == town.key.fingerprint(ADA) and ADA not in state.receipt
    assert receipt["rows_deleted"] == 6 and receipt["orders_kept"] == 1
    assert {"app-keys-changelog", "sync.profiles.v1", "ccstream.rejected.v1"} <= {
        one["store"] for one in receipt["stores"]
    }
    assert is_signed(state.receipt, state.signature, town.key.public_key)
    assert not is_signed(
        state.receipt.replace("O", "0", 1) + " ", state.signature, town.key.public_key
    )
    assert not is_signed(state.receipt, state.signature, erasure_key("f" * 40).public_key)


def log_in(subject: str = VISITOR, account: str = ADA, at: int = 1, name: str = "in") -> Event:
    return IdentifiersLinked(**meta(name, at, subject), identifiers=(account,))


def test_identifiers_that_are_named_go_as_well() -> None:
    town = Town()
    town.fold(*life(VISITOR), log_in())
    town.deliver()
    town.fold(erase(identifiers=(VISITOR,)), at=NOW + 10)
    town.deliver(NOW + 11)
    assert town.rows_of(ADA) == town.rows_of(VISITOR) == []
    assert town.erasure(VISITOR).part_of == town.key.fingerprint(ADA)
    town.fold(add("late", at=9, subject=VISITOR), at=NOW + 20)
    assert [one.reason for one in town.rejected] == [reasons.ERASED]


def test_an_identifier_that_nobody_named_goes_when_it_shows_itself() -> None:
    town = Town()
    town.fold(add("a"), log_in())
    town.deliver()
    town.fold(erase(), at=NOW + 10)
    assert "aliases" in town.rows_of(VISITOR)
    town.fold(add("later", at=30, subject=VISITOR), at=NOW + 30)
    town.deliver(NOW + 31)
    assert town.rows_of(ADA) == town.rows_of(VISITOR) == []


def test_rows_that_are_on_their_way_to_an_account_that_is_erased_go_with_their_sender() -> None:
    town = Town()
    town.fold(add("a"), *life(VISITOR), log_in())
    town.fold(erase(), at=NOW + 10)
    town.deliver(NOW + 11)
    assert town.rows_of(ADA) == town.rows_of(VISITOR) == []


def test_an_identifier_that_went_over_from_another_account_goes_at_a_second_request() -> None:
    town = Town()
    town.fold(add("v", subject=VISITOR), log_in(account=BOB))
    town.deliver()
    town.fold(erase(), at=NOW + 10)
    town.fold(log_in(at=13, name="over"), at=NOW + 13)
    town.deliver(NOW + 14)
    before = town.erasure(ADA)
    town.fold(erase("second", at=20, identifiers=(VISITOR,)), at=NOW + 20)
    town.deliver(NOW + 21)
    assert "aliases" not in town.rows_of(VISITOR)
    assert town.erasure(ADA) == before


def test_rows_on_their_way_to_who_is_erased_go_though_their_sender_is_another_s_by_now() -> None:
    town = Town()
    town.fold(*life(VISITOR), log_in())
    cart = town.state("carts", VISITOR)
    town.fold(log_in(account=BOB, at=2, name="over"))
    town.partition.tables["carts"].put(VISITOR, Entry(cart, 0))  # as a card keeps it that moves on
    town.fold(erase(), at=NOW + 10)
    town.deliver(NOW + 11)
    assert town.state("aliases", VISITOR).root == BOB
    assert "carts" not in town.rows_of(VISITOR)


def test_a_request_that_waits_shows_again_what_a_history_that_was_lost_may_have_erased() -> None:
    town = Town()
    town.fold(*life(), hold(True))
    sent = town.fold(erase(), at=NOW + 10)
    shown = {one.topic for one in sent if one.value is not None}
    assert {SYNC_TOPICS[table] for table in ("carts", "profiles", "touches", "orders")} <= shown
    assert all(one.value is not None for one in sent)


def test_an_order_on_its_way_to_who_is_erased_is_shown_as_gone() -> None:
    town = Town()
    town.fold(*life(VISITOR), log_in())
    town.fold(erase(), at=NOW + 10)
    town.deliver(NOW + 11)
    last = [one for one in town.delivery.sent if one.key == f"{ADA}#O-1"][-1]
    assert last.topic == SYNC_TOPICS["orders"] and last.value is None


def test_an_identifier_keeps_the_receipt_that_it_had_when_it_goes_with_an_account() -> None:
    town = Town()
    town.fold(add("v", subject=VISITOR))
    town.fold(erase("alone", subject=VISITOR), at=NOW + 10)
    town.folder.fire(town.partition, NOW + 10 + DEADLINE_MS, 10)
    receipt = town.erasure(VISITOR).receipt
    later = 20 + DEADLINE_MS
    town.fold(log_in(at=later), at=NOW + later)
    town.fold(erase(at=later + 5, identifiers=(VISITOR,)), at=NOW + later + 5)
    town.deliver(NOW + later + 6)
    after = town.erasure(VISITOR)
    assert after.part_of == town.key.fingerprint(ADA)
    assert receipt and after.receipt == receipt and after.state == "completed"


def test_it_is_counted_what_becomes_of_requests_and_how_long_a_receipt_took() -> None:
    town = Town()
    town.fold(*life(), *life(VISITOR), log_in(), hold(True))
    town.deliver()
    town.fold(erase("while held"), at=NOW + 10)
    town.fold(hold(False, "lifted", at=20), at=NOW + 20)
    town.fold(erase("again", at=25, identifiers=(VISITOR,)), at=NOW + 25)
    town.fold(add("late", at=9), at=NOW + 30)
    town.deliver(NOW + 31)
    town.folder.fire(town.partition, NOW + 20 + DEADLINE_MS, 10)
    counted = town.folder.take_statistics()
    assert counted.erasures == {
        ("held",): 1,
        ("erased",): 1,
        ("repeated",): 1,
        ("late",): 1,
        ("identifier",): 1,
        ("completed",): 1,
    }
    assert counted.receipts_after == [10 + DEADLINE_MS]


def test_requests_without_a_receipt_are_known_also_after_a_take_over() -> None:
    town = Town()
    town.fold(*life(), hold(True))
    town.fold(erase(), at=NOW + 10)
    town.fold(*life(BOB), erase("of bob", subject=BOB), at=NOW + 20)
    for _ in range(2):
        assert oldest([town.partition.unfinished], "waiting") == (1, NOW + 10)
        assert oldest([town.partition.unfinished], "erased") == (1, NOW + 20)
        town.partition.unfinished = Unfinished()
        town.partition.index_rows()
    town.folder.fire(town.partition, NOW + 20 + DEADLINE_MS, 10)
    assert oldest([town.partition.unfinished], "erased") == (0, 0)


def test_nobody_else_is_erased_by_being_named() -> None:
    town = Town()
    town.fold(*life(), *life(BOB), *life(VISITOR), log_in(account=BOB))
    town.deliver()
    town.fold(erase(identifiers=(BOB, VISITOR)), at=NOW + 10)
    town.deliver(NOW + 11)
    assert town.rows_of(ADA) == []
    assert "profiles" in town.rows_of(BOB) and "aliases" in town.rows_of(VISITOR)
    assert len([mail for _, mail in town.letters if mail.kind == ERASE]) == 2


def test_a_request_by_an_alias_is_its_account_s_and_takes_the_alias_with_it() -> None:
    town = Town()
    town.fold(*life(), log_in())
    town.deliver()
    town.fold(erase(subject=VISITOR), at=NOW + 10)
    town.deliver(NOW + 11)
    assert town.rows_of(ADA) == town.rows_of(VISITOR) == []


def log_out(at: int, name: str = "out") -> Event:
    return IdentifierUnlinked(**meta(name, at, VISITOR))


def test_who_logs_in_on_a_device_that_was_erased_has_nothing_of_who_had_it_before() -> None:
    town = Town()
    town.fold(add("before", at=1, subject=VISITOR), log_in(at=2))
    town.deliver()
    town.fold(erase(at=9, identifiers=(VISITOR,)), at=NOW + 10)
    town.deliver(NOW + 11)
    town.fold(add("anew", at=15, subject=VISITOR), at=NOW + 15)
    town.fold(log_in(account=BOB, at=20, name="next"), at=NOW + 20)
    alias = town.state("aliases", VISITOR)
    assert (alias.root, alias.known_from, alias.erased_until) == (BOB, NOW + 11, NOW + 11)
    theirs = Belonging(BOB, DEFAULT_RULES, {VISITOR: alias})
    whose = {at: theirs.had(VISITOR, NOW + at) for at in (1, 5, 10, 11, 15, 25)}
    assert whose == {1: False, 5: False, 10: False, 11: True, 15: True, 25: True}
    town.fold(add("late", at=9, subject=VISITOR), at=NOW + 30)
    town.deliver(NOW + 31)
    assert [one.reason for one in town.rejected] == [reasons.ERASED]
    assert not town.rejected[0].value


def test_a_first_log_in_where_nobody_was_erased_takes_over_all_there_was() -> None:
    town = Town()
    town.fold(add("guest", at=-5, subject=VISITOR), log_in(account=BOB))
    town.fold(add("late", at=-3, subject=VISITOR))
    town.deliver()
    assert town.state("aliases", VISITOR).erased_until == 0
    assert town.state("carts", BOB).lines and not town.rejected


def test_what_was_done_on_a_device_by_who_was_erased_is_not_whose_it_is_now() -> None:
    town = Town()
    town.fold(log_in(at=1), add("known", at=2, subject=VISITOR), log_out(4))
    town.deliver()
    town.fold(log_in(account=BOB, at=6, name="next"), at=NOW + 6)
    town.fold(erase(at=9, identifiers=(VISITOR,)), at=NOW + 10)
    town.deliver(NOW + 11)
    assert town.state("aliases", VISITOR).root == BOB
    late = [add("late", at=2, subject=VISITOR), log_in(at=2, name="again"), log_out(3, "late-out")]
    town.fold(*late, at=NOW + 20)
    town.deliver(NOW + 21)
    assert [one.reason for one in town.rejected] == [reasons.ERASED] * 3
    assert not any(one.value for one in town.rejected)
    assert town.rows_of(BOB) == ["windows"]
    assert town.state("aliases", VISITOR).erased_until == NOW + 4
    town.fold(add("known", at=2, subject=VISITOR), at=NOW + 22)
    town.fold(add("guest", at=5, subject=VISITOR), add("own", at=8, subject=VISITOR), at=NOW + 22)
    town.deliver(NOW + 23)
    assert len(town.rejected) == 3
    assert [line.quantity for line in lines_view(town.state("carts", BOB))] == [2]


def test_what_who_was_erased_did_before_more_log_ins_than_are_known_is_nobody_s() -> None:
    town = Town()
    town.fold(log_in(at=1), log_out(4))
    for n in range(TENURES_MAX // 2):
        account = BOB if n % 2 else f"customer:{n + 500}"
        town.fold(log_in(account=account, at=10 * n + 10, name=f"in-{n}"), at=NOW + 500)
        town.fold(log_out(10 * n + 15, f"out-{n}"), at=NOW + 500)
    town.fold(log_in(account=BOB, at=400, name="last"), at=NOW + 500)
    town.deliver(NOW + 501)
    assert ADA not in {one.root for one in town.state("aliases", VISITOR).earlier}
    town.fold(erase(at=600, identifiers=(VISITOR,)), at=NOW + 600)
    town.deliver(NOW + 601)
    known_from = town.state("aliases", VISITOR).known_from
    town.fold(add("late", at=2, subject=VISITOR), at=NOW + 602)
    town.fold(add("known", at=known_from - NOW, subject=VISITOR), at=NOW + 602)
    town.deliver(NOW + 603)
    assert [one.reason for one in town.rejected] == [reasons.ERASED]
    assert [line.quantity for line in lines_view(town.state("carts", BOB))] == [1]


def test_what_may_be_of_who_was_erased_is_not_brought_back_by_hand() -> None:
    town = Town()
    town.fold(log_in(at=1), log_out(4), log_in(account=BOB, at=6, name="next"))
    town.fold(erase(at=9, identifiers=(VISITOR,)), at=NOW + 10)
    town.deliver(NOW + 11)
    in_a_year = NOW + 365 * 86_400_000
    town.fold(add("late", at=2, subject=VISITOR), at=in_a_year, headers=[(BY_HAND, b"1")])
    assert [one.reason for one in town.rejected] == [reasons.ERASED]


def test_without_an_erasure_key_a_request_is_rejected_and_says_so() -> None:
    town = Town(configured=False)
    town.fold(*life())
    town.fold(erase(), hold(True))
    assert [one.reason for one in town.rejected] == [reasons.ERASURE_NOT_CONFIGURED] * 2
    assert "profiles" in town.rows_of(ADA)


@pytest.mark.parametrize("key", [None, erasure_key("another" * 6)], ids=["none", "another"])
def test_a_worker_with_another_erasure_key_stops_rather_than_forget_whom_it_erased(
    key: ErasureKey | None,
) -> None:
    town = Town()
    town.fold(*life())
    town.fold(erase(), at=NOW + 10)
    town.configure(key)
    with pytest.raises(StateError, match="people were erased under the erasure key"):
        town.fold(add("late", at=9), at=NOW + 20)
