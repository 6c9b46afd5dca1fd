"""Whether a person may be contacted: their consents, and the law where they live.

`may_contact` is pure: it is given the time, the consents and what is known of the person. The
law is data: a pack a country, dated, each rule with its source (see `docs/consent.md`). Packs
are no legal advice.
"""

from __future__ import annotations

from ccstream.rules.contact import DENIALS, SERVICE, Context, Decision, may_contact
from ccstream.rules.loading import Packs, load_packs, shipped_packs
from ccstream.rules.pack import Pack

__all__ = [
    "DENIALS",
    "SERVICE",
    "Context",
    "Decision",
    "Pack",
    "Packs",
    "load_packs",
    "may_contact",
    "shipped_packs",
]
