"""Why a record is rejected: the values of ``reason`` in ``ccstream.rejected.v1``.

Each is a word for a dashboard and a runbook; the sentence beside it is in ``detail``.
"""

from __future__ import annotations

__all__ = [
    "ACCOUNTS_NEVER_LINK",
    "CART_FULL",
    "CHANNEL_MISMATCH",
    "CURRENCY_MISMATCH",
    "ERASED",
    "ERASURE_NOT_CONFIGURED",
    "FAILED",
    "IDENTIFIER_BLOCKED",
    "INVALID_CONSENT",
    "INVALID_ID",
    "INVALID_KEY",
    "INVALID_LIST",
    "INVALID_MONEY",
    "INVALID_QUANTITY",
    "INVALID_TEXT",
    "INVALID_TIME",
    "KEY_MISMATCH",
    "LINK_TO_ITSELF",
    "LINK_TO_SEVERAL_ACCOUNTS",
    "LINK_WITHOUT_ACCOUNT",
    "MALFORMED",
    "NOT_AN_EVENT",
    "NOT_AVRO",
    "NULL_VALUE",
    "ORDER_ALREADY_PLACED",
    "PLAIN_PERSONAL_VALUE",
    "QUANTITY_TOO_LARGE",
    "SHARED_NEVER_LINKS",
    "TOO_BIG",
    "TOO_LATE",
    "TOO_MANY_ACCOUNTS",
    "TOO_MANY_CONSENTS",
    "TOO_MANY_HOPS",
    "TOO_MANY_IDENTIFIERS",
    "TOO_MANY_KEYS",
    "TOO_MANY_LINKS",
    "TOO_MANY_TIMERS",
    "TOO_MANY_TRAITS",
    "TRUNCATED",
    "UNEXPECTED_RECORD",
    "UNKNOWN_SCHEMA",
]

# bytes that are no event

NULL_VALUE = "null_value"
"""A null value on an input topic: inputs have no tombstones."""
NOT_AVRO = "not_avro"
"""The value begins with neither framing."""
TRUNCATED = "truncated"
"""The value ends before the record does."""
MALFORMED = "malformed"
"""The value is not the record that its framing names."""
UNKNOWN_SCHEMA = "unknown_schema"
"""No schema has this fingerprint or id."""
NOT_AN_EVENT = "not_an_event"
"""A schema of ours, but not one that channels publish."""
UNEXPECTED_RECORD = "unexpected_record"
"""A schema of ours, but not the one that this topic carries."""

# events that break a rule whatever the state is

KEY_MISMATCH = "key_mismatch"
"""The Kafka key is not the event's subject."""
CHANNEL_MISMATCH = "channel_mismatch"
"""The event names another channel than its topic belongs to."""
INVALID_KEY = "invalid_key"
"""A subject or identifier that is not ``namespace:value``."""
INVALID_ID = "invalid_id"
"""An id that is empty or too long."""
INVALID_TEXT = "invalid_text"
"""A text that is too long."""
INVALID_TIME = "invalid_time"
"""A time before 1970, or more than a day after the broker appended the event."""
INVALID_QUANTITY = "invalid_quantity"
"""A quantity out of bounds."""
INVALID_MONEY = "invalid_money"
"""A currency that is not three capital letters, or an amount out of bounds."""
INVALID_CONSENT = "invalid_consent"
"""A contact point, channel of contact, purpose, status or legal basis that is not one."""
INVALID_LIST = "invalid_list"
"""A list with too many entries, or none where there must be one."""

# events that the state, or the log, cannot take

TOO_LATE = "too_late"
"""Older than what its source's duplicates can be told from."""
TOO_BIG = "too_big"
"""What it would lead to does not fit into one record."""
CART_FULL = "cart_full"
"""The cart has as many lines as a cart may have."""
CURRENCY_MISMATCH = "currency_mismatch"
"""A price in another currency than that of the open cart."""
QUANTITY_TOO_LARGE = "quantity_too_large"
"""A line of the cart would hold more units than a line may."""
TOO_MANY_HOPS = "too_many_hops"
"""Sent on from entity to entity too often."""
TOO_MANY_TIMERS = "too_many_timers"
"""The entity would have more timers than one may."""
FAILED = "failed"
"""A step or a timer raised an exception: a mistake of ours, with the end of its traceback."""
ORDER_ALREADY_PLACED = "order_already_placed"
"""Another event has placed an order of this id."""
TOO_MANY_TRAITS = "too_many_traits"
"""The profile would have more traits than it may."""
TOO_MANY_CONSENTS = "too_many_consents"
"""The person would have more consents than a person may."""
LINK_WITHOUT_ACCOUNT = "link_without_account"
"""A log-in that names no ``customer:`` account."""
LINK_TO_SEVERAL_ACCOUNTS = "link_to_several_accounts"
"""A log-in that names more than one account."""
LINK_TO_ITSELF = "link_to_itself"
"""An account that is linked to nothing but itself."""
ACCOUNTS_NEVER_LINK = "accounts_never_link"
"""An account that is linked to another account."""
DEVICES_ARE_HELD = "devices_are_held"
"""A device that is to be kept apart for good: it is whose log-in was the last."""
SHARED_NEVER_LINKS = "shared_never_links"
"""A log-in of an identifier that many people use: a till, a kiosk."""
IDENTIFIER_BLOCKED = "identifier_blocked"
"""A log-in of, or to, an identifier that says nothing: ``null``, zeros, ``anonymous``."""
TOO_MANY_ACCOUNTS = "too_many_accounts"
"""A log-in of an identifier that has belonged to as many accounts as one of its class may."""
TOO_MANY_IDENTIFIERS = "too_many_identifiers"
"""A link that would give a profile more identifiers than one may have."""
TOO_MANY_LINKS = "too_many_links"
"""A link, or unlink, of a profile that has as many as are remembered."""
PLAIN_PERSONAL_VALUE = "plain_personal_value"
"""A personal field in plain where ciphertext is asked for; the dead letter does not repeat it."""
TOO_MANY_KEYS = "too_many_keys"
"""The entity would have more data keys than one may."""
ERASED = "erased"
"""It occurred before its person was erased, or came by an identifier that should be, too."""
ERASURE_NOT_CONFIGURED = "erasure_not_configured"
"""An erasure or a legal hold, where workers have no ``privacy.erasure_key``."""
