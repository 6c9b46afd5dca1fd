"""E-mail addresses and phone numbers as keyed hashes, made where they are typed in.

    points = ContactPoints()  # by the key in identity.contact_key
    web.event(IdentifiersLinked, points.email_key("Ada@Example.org"), identifiers=("customer:42",))
    web.event(ConsentChanged, "customer:42", contact_point=points.phone("06 12 34 56 78", "FR"), …)

An address or number is brought into one form first, so that all channels get the same hash of it,
and the hash cannot be undone by trying all numbers without the key. Neither is ever part of an
error or a log. All channels of an application need the same key; with another one, every contact
point is another one.
"""

from __future__ import annotations

import hmac
from hashlib import sha256
from typing import Final

import phonenumbers
from email_validator import EmailNotValidError, validate_email
from phonenumbers import NumberParseException, PhoneNumberFormat

from ccstream.domain import reasons
from ccstream.errors import InvalidEventError, SettingsError
from ccstream.ops.settings import Settings

__all__ = ["EMAIL_NAMESPACE", "KEY_CHARS_MIN", "PHONE_NAMESPACE", "ContactPoints"]

EMAIL_NAMESPACE: Final = "email"
PHONE_NAMESPACE: Final = "phone"

KEY_CHARS_MIN: Final = 32
"""Phone numbers are few enough to be tried one after the other; the key must not be."""


class ContactPoints:
    """Makes keyed hashes: HMAC-SHA-256 in 64 hexadecimal digits.

    Args:
        settings: those with ``identity.contact_key``; without them, those of the environment and
            ``ccstream.toml``.

    Raises:
        SettingsError: there is no key, or it is too short.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        secret = (settings or Settings.load()).identity.contact_key
        if secret is None:
            raise SettingsError(
                "identity.contact_key is not set: give CCSTREAM_IDENTITY__CONTACT_KEY, or a file "
                "with it in CCSTREAM_IDENTITY__CONTACT_KEY_FILE"
            )
        key = secret.get_secret_value()
        if len(key) < KEY_CHARS_MIN:
            raise SettingsError(
                f"identity.contact_key has fewer than {KEY_CHARS_MIN} characters; "
                "make one with `openssl rand -hex 32`"
            )
        self._key = key.encode()

    def email(self, address: str) -> str:
        """The hash of an e-mail address, in any spelling that means the same mailbox.

        Case counts neither in the domain nor before the ``@``: no large provider has two mailboxes
        that differ in it. Dots and ``+tags`` do, since they mean other things elsewhere.

        Raises:
            InvalidEventError: it is no address.
        """
        try:
            found = validate_email(address.strip(), check_deliverability=False)
        except EmailNotValidError:
            raise InvalidEventError(
                reasons.INVALID_TEXT, "an e-mail address is not one, by its form"
            ) from None
        return self._hash(EMAIL_NAMESPACE, found.normalized.lower())

    def phone(self, number: str, region: str | None = None) -> str:
        """The hash of a phone number.

        Args:
            number: in international form, or as it is written in ``region``.
            region: a country in two letters (``FR``), for numbers without ``+33``.

        Raises:
            InvalidEventError: it is no number that can be.
        """
        try:
            found = phonenumbers.parse(number, region)
        except NumberParseException:
            found = None
        if found is None or not phonenumbers.is_possible_number(found):
            raise InvalidEventError(
                reasons.INVALID_TEXT,
                "a phone number is not one; without its country's code, say of which region it is",
            )
        return self._hash(
            PHONE_NAMESPACE, phonenumbers.format_number(found, PhoneNumberFormat.E164)
        )

    def email_key(self, address: str) -> str:
        """The address as an entity's key; raises as :meth:`email`."""
        return f"{EMAIL_NAMESPACE}:{self.email(address)}"

    def phone_key(self, number: str, region: str | None = None) -> str:
        """The number as an entity's key; raises as :meth:`phone`."""
        return f"{PHONE_NAMESPACE}:{self.phone(number, region)}"

    def __repr__(self) -> str:
        return "ContactPoints(…)"

    def _hash(self, kind: str, normal: str) -> str:
        return hmac.new(self._key, f"{kind}:{normal}".encode(), sha256).hexdigest()
