"""What kinds of identifiers there are, and which of them say nothing about who somebody is.

The namespace of a key (``loyalty`` in ``loyalty:77``) tells its class:

* ``account``: one a profile, never two. It is what the others are linked to;
* ``personal``: a loyalty card, the keyed hash of an e-mail address; many a profile;
* ``device``: a cookie, an app installation; whoever logs in holds it, one at a time;
* ``shared``: a till, a kiosk, a switchboard. It links nobody, whoever logs in there.

Some values are no identifiers, though they look like some: ``null``, zeros, ``anonymous``. What
links to one would make one customer of everybody whose software has made the same mistake. And an
identifier that has belonged to more accounts than its class may is shared, whatever it is called.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal

from msgspec import Struct, field

from ccstream.domain.forest import Strength
from ccstream.domain.limits import IDENTIFIERS_MAX

__all__ = ["DEFAULT_RULES", "Classes", "IdentifierClass", "IdentifierRules"]

IdentifierClass = Literal["account", "personal", "device", "shared"]

Classes = Mapping[str, IdentifierClass]
"""The class of each namespace."""

_FILLING: Final = "0-{}:._"
"""What a value of zeros is made of, such as an empty UUID or a blanked advertising id."""


class IdentifierRules(Struct, frozen=True):
    """The configured rules.

    ``other`` is the class of namespaces that ``classes`` does not name. ``blocked`` are values, in
    lower case. ``accounts_max`` is how many accounts an identifier of a class may have belonged to,
    as far as that is remembered. ``strengths`` says how sure a link is, by the reason that its
    event states; of others it is ``other_strength``. ``identifiers_max`` is how many a profile may
    have.
    """

    classes: Classes
    other: IdentifierClass = "personal"
    blocked: frozenset[str] = frozenset()
    accounts_max: Mapping[IdentifierClass, int] = field(default_factory=dict)
    strengths: Mapping[str, Strength] = field(default_factory=dict)
    other_strength: Strength = "observed"
    identifiers_max: int = IDENTIFIERS_MAX

    def class_of(self, key: str) -> IdentifierClass:
        """The class of an identifier, ``namespace:value``."""
        return self.classes.get(key.partition(":")[0], self.other)

    def strength_of(self, reason: str) -> Strength:
        """How sure a link is that this reason is stated for."""
        return self.strengths.get(reason, self.other_strength)

    def is_account(self, key: str) -> bool:
        """Whether a key is an account's."""
        return self.class_of(key) == "account"

    def is_blocked(self, key: str) -> bool:
        """Whether its value says nothing about who somebody is."""
        value = key.partition(":")[2].lower()
        return value in self.blocked or not value.strip(_FILLING)


DEFAULT_RULES: Final = IdentifierRules(MappingProxyType({"customer": "account"}), "device")
"""Accounts, and what is held by them."""
