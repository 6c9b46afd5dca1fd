from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccstream.domain import reasons
from ccstream.domain.effects import Reject
from ccstream.domain.events import (
    Campaign,
    ConsentProof,
    ContactChoice,
    Event,
    Money,
    OrderLine,
    QuietHours,
    Trait,
)
from ccstream.wire.catalogue import EVENTS
from ccstream.wire.validate import (
    _RULES,
    AHEAD_MS_MAX,
    is_entity_key,
    validate,
    validate_origin,
)
from tests.wire.samples import NOW, SAMPLES, any_event, with_fields

BY_NAME = {type(event).__name__: event for event in SAMPLES}
LONG_ID = "x" * 201
LONG_TEXT = "x" * 1001


def order_line(**changes: Any) -> OrderLine:
    fields: dict[str, Any] = {"sku": "BAG", "quantity": 1, "amount": Money(5, "EUR"), **changes}
    return OrderLine(**fields)


WRONG: list[tuple[str, dict[str, Any], str]] = [
    *(
        (name, changes, reason)
        for name in BY_NAME
        for changes, reason in (
            ({"event_id": ""}, reasons.INVALID_ID),
            ({"event_id": LONG_ID}, reasons.INVALID_ID),
            ({"source": ""}, reasons.INVALID_ID),
            ({"channel": ""}, reasons.INVALID_ID),
            ({"session_id": LONG_ID}, reasons.INVALID_ID),
            ({"subject": "42"}, reasons.INVALID_KEY),
            ({"occurred_at": NOW + AHEAD_MS_MAX + 1}, reasons.INVALID_TIME),
            ({"occurred_at": NOW + 365 * AHEAD_MS_MAX}, reasons.INVALID_TIME),
            ({"occurred_at": -1}, reasons.INVALID_TIME),
            ({"campaign": Campaign("")}, reasons.INVALID_ID),
            ({"campaign": Campaign("c", medium=LONG_TEXT)}, reasons.INVALID_TEXT),
        )
    ),
    *(("CartItemAdded", {"quantity": n}, reasons.INVALID_QUANTITY) for n in (0, -1, 1_000_001)),
    *(("CartItemQuantitySet", {"quantity": n}, reasons.INVALID_QUANTITY) for n in (-1, 1_000_001)),
    *(
        ("CartItemAdded", {"unit_price": Money(1, currency)}, reasons.INVALID_MONEY)
        for currency in ("", "eur", "EURO", "€", "E R", "EU\n", "EUR\n", "ÉUR")
    ),
    ("CartItemAdded", {"unit_price": Money(10**15 + 1, "EUR")}, reasons.INVALID_MONEY),
    ("CartItemQuantitySet", {"unit_price": Money(-(10**16), "EUR")}, reasons.INVALID_MONEY),
    ("CartItemAdded", {"sku": ""}, reasons.INVALID_ID),
    ("CartItemAdded", {"store": LONG_ID}, reasons.INVALID_ID),
    ("CartItemAdded", {"name": LONG_TEXT}, reasons.INVALID_TEXT),
    ("CartItemRemoved", {"sku": LONG_ID}, reasons.INVALID_ID),
    ("CartItemRemoved", {"dots": ("a", "")}, reasons.INVALID_ID),
    ("CartItemQuantitySet", {"options_hash": LONG_ID}, reasons.INVALID_ID),
    ("CartItemQuantitySet", {"dots": (LONG_ID,)}, reasons.INVALID_ID),
    ("CartCleared", {"dots": ("a",) * 64_001}, reasons.INVALID_LIST),
    ("OrderPlaced", {"lines": ()}, reasons.INVALID_LIST),
    ("OrderPlaced", {"lines": (order_line(),) * 5_001}, reasons.INVALID_LIST),
    ("OrderPlaced", {"lines": (order_line(sku=""),)}, reasons.INVALID_ID),
    ("OrderPlaced", {"lines": (order_line(quantity=-1),)}, reasons.INVALID_QUANTITY),
    ("OrderPlaced", {"lines": (order_line(amount=Money(1, "?")),)}, reasons.INVALID_MONEY),
    ("OrderPlaced", {"total": Money(1, "USD")}, reasons.INVALID_MONEY),
    ("OrderPlaced", {"order_id": ""}, reasons.INVALID_ID),
    ("IdentifiersLinked", {"identifiers": ()}, reasons.INVALID_LIST),
    ("IdentifiersLinked", {"identifiers": ("a:1",) * 51}, reasons.INVALID_LIST),
    ("IdentifiersLinked", {"identifiers": ("customer:1", "null")}, reasons.INVALID_KEY),
    ("IdentifiersLinked", {"identifiers": ("customer:1", "email:ada@b.org")}, reasons.INVALID_KEY),
    ("IdentifiersLinked", {"subject": "email:ada@example.org"}, reasons.INVALID_KEY),
    ("CartItemAdded", {"subject": "customer:ada@example.org"}, reasons.INVALID_KEY),
    ("CartItemAdded", {"subject": "phone:0612345678"}, reasons.INVALID_KEY),
    ("CartItemAdded", {"subject": "customer:+33612345678"}, reasons.INVALID_KEY),
    ("IdentifierUnlinked", {"reason": LONG_TEXT}, reasons.INVALID_TEXT),
    ("IdentifierUnlinked", {"identifiers": ("a:1",) * 51}, reasons.INVALID_LIST),
    ("IdentifierUnlinked", {"identifiers": ("null",)}, reasons.INVALID_KEY),
    ("IdentifierUnlinked", {"identifiers": (), "never_again": True}, reasons.INVALID_LIST),
    ("IdentifiersLinked", {"reason": LONG_TEXT}, reasons.INVALID_TEXT),
    ("ProfileUpdated", {"traits": ()}, reasons.INVALID_LIST),
    ("ProfileUpdated", {"traits": (Trait("a", "b"),) * 201}, reasons.INVALID_LIST),
    ("ProfileUpdated", {"traits": (Trait("", "b"),)}, reasons.INVALID_ID),
    ("ProfileUpdated", {"traits": (Trait("a", LONG_TEXT),)}, reasons.INVALID_TEXT),
    ("ConsentChanged", {"contact_point": "ada@example.org"}, reasons.INVALID_CONSENT),
    ("ConsentChanged", {"contact_point": "0033612345678"}, reasons.INVALID_CONSENT),
    ("ConsentChanged", {"contact_point": "AB" * 16}, reasons.INVALID_CONSENT),
    ("ConsentChanged", {"contact_point": "a" * 31}, reasons.INVALID_CONSENT),
    ("ConsentChanged", {"contact_point": "a" * 129}, reasons.INVALID_CONSENT),
    ("ConsentChanged", {"contact_channel": "fax"}, reasons.INVALID_CONSENT),
    ("ConsentChanged", {"purpose": ""}, reasons.INVALID_CONSENT),
    ("ConsentChanged", {"purpose": "a" * 51}, reasons.INVALID_CONSENT),
    ("ConsentChanged", {"status": "yes"}, reasons.INVALID_CONSENT),
    ("ConsentChanged", {"legal_basis": "because"}, reasons.INVALID_CONSENT),
    ("ConsentChanged", {"valid_until": -1}, reasons.INVALID_TIME),
    ("ConsentChanged", {"proof": ConsentProof("f", "web", NOW + 1)}, reasons.INVALID_TIME),
    ("ConsentChanged", {"proof": ConsentProof("f", "web", -1)}, reasons.INVALID_TIME),
    ("ConsentChanged", {"proof": ConsentProof("", "web", 1)}, reasons.INVALID_ID),
    ("ConsentChanged", {"proof": ConsentProof("f", LONG_ID, 1)}, reasons.INVALID_ID),
    (
        "ContactPreferencesChanged",
        {"channels": (ContactChoice("sms", True),) * 8},
        reasons.INVALID_LIST,
    ),
    (
        "ContactPreferencesChanged",
        {"channels": (ContactChoice("fax", True),)},
        reasons.INVALID_CONSENT,
    ),
    ("ContactPreferencesChanged", {"quiet_hours": QuietHours(0, 1_440)}, reasons.INVALID_TIME),
    ("ContactPreferencesChanged", {"quiet_hours": QuietHours(-1, 0)}, reasons.INVALID_TIME),
    ("ContactPreferencesChanged", {"language": LONG_TEXT}, reasons.INVALID_TEXT),
    ("ChannelVisited", {"referrer": LONG_TEXT}, reasons.INVALID_TEXT),
    ("ProductViewed", {"sku": ""}, reasons.INVALID_ID),
    ("ProductTried", {"store": LONG_TEXT}, reasons.INVALID_TEXT),
    ("CampaignClicked", {"campaign_id": ""}, reasons.INVALID_ID),
    ("CampaignClicked", {"link": LONG_TEXT}, reasons.INVALID_TEXT),
    ("MessageOpened", {"message_id": ""}, reasons.INVALID_ID),
    ("PostEngaged", {"network": ""}, reasons.INVALID_ID),
    ("PostEngaged", {"action": LONG_TEXT}, reasons.INVALID_TEXT),
    ("InteractionLogged", {"kind": ""}, reasons.INVALID_ID),
    ("InteractionLogged", {"outcome": LONG_TEXT}, reasons.INVALID_TEXT),
]


@pytest.mark.parametrize("event", SAMPLES, ids=lambda e: type(e).__name__)
def test_a_good_event_breaks_no_rule(event: Event) -> None:
    assert validate(event, NOW) is None
    assert validate_origin(event, b"customer:42", "web") is None


def test_every_wrong_field_is_found_with_its_reason() -> None:
    for name, changes, reason in WRONG:
        rejection = validate(with_fields(BY_NAME[name], **changes), NOW)
        assert rejection is not None and rejection.reason == reason, (name, changes)


def test_the_edges_are_allowed() -> None:
    for name, changes in (
        ("CartItemAdded", {"quantity": 1}),
        ("CartItemAdded", {"quantity": 1_000_000}),
        ("CartItemQuantitySet", {"quantity": 0}),
        ("CartItemAdded", {"unit_price": Money(-(10**15), "JPY")}),
        ("CartItemAdded", {"event_id": "x" * 200, "sku": "x" * 200, "name": "x" * 1000}),
        ("CartItemAdded", {"occurred_at": NOW + AHEAD_MS_MAX}),
        ("CartItemAdded", {"occurred_at": 0}),
        ("OrderPlaced", {"lines": (order_line(quantity=0),)}),
    ):
        assert validate(with_fields(BY_NAME[name], **changes), NOW) is None, (name, changes)


def test_a_rejection_repeats_no_value() -> None:
    secret = "zq" * 600
    for name, changes, _ in WRONG:
        marked = {k: secret if v in (LONG_ID, LONG_TEXT) else v for k, v in changes.items()}
        rejection = validate(with_fields(BY_NAME[name], **marked), NOW)
        assert rejection is not None and "zq" not in rejection.detail


@given(any_event, st.integers(0, 2**50))
def test_any_decoded_event_is_judged_without_an_error(event: Event, appended_at: int) -> None:
    assert isinstance(validate(event, appended_at), Reject | None)


@pytest.mark.parametrize("key", [None, b"", b"customer:43", b"customer:42 ", b"customer:42\n"])
def test_a_key_that_is_not_the_subject_is_refused(key: bytes | None) -> None:
    rejection = validate_origin(SAMPLES[0], key, "web")
    assert rejection is not None and rejection.reason == reasons.KEY_MISMATCH


def test_a_till_cannot_speak_for_the_web_shop() -> None:
    rejection = validate_origin(SAMPLES[0], b"customer:42", "store")
    assert rejection is not None and rejection.reason == reasons.CHANNEL_MISMATCH
    assert validate_origin(SAMPLES[0], b"customer:42", None) is None


@pytest.mark.parametrize("key", ["customer:42", "loyalty_card:é✓", "v1:a:b", "a:" + "x" * 200])
def test_a_namespace_and_a_value_make_a_key(key: str) -> None:
    assert is_entity_key(key)


@pytest.mark.parametrize(
    "key",
    [
        "",
        "42",
        ":42",
        "customer:",
        "Customer:42",
        "1a:x",
        "a b:x",
        "a:x y",
        "a:x#1",
        "a:x\n",
        "a:" + "x" * 201,
        "a:\u2003",
        "\na:x",
    ],
)
def test_anything_else_is_no_key(key: str) -> None:
    assert not is_entity_key(key)


def test_there_are_rules_for_every_type_of_event() -> None:
    assert set(_RULES) == set(EVENTS.values())


def test_the_base_of_all_events_is_not_an_event() -> None:
    base = Event(event_id="a", occurred_at=1, channel="web", source="s", subject="customer:1")
    rejection = validate(base, NOW)
    assert rejection is not None and rejection.reason == reasons.NOT_AN_EVENT
