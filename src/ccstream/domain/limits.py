"""Every bound of the domain, with the reason beside it."""

from __future__ import annotations

from typing import Final

__all__ = [
    "ABSORBED_MAX",
    "CONSENTS_MAX",
    "DETAIL_CHARS_MAX",
    "DOTS_MAX",
    "FACTS_MAX",
    "GATHERED_FACTS_MAX",
    "IDENTIFIERS_MAX",
    "INTERACTIONS_MAX",
    "KEYS_MAX",
    "LINES_MAX",
    "LINE_QUANTITY_MAX",
    "LINKS_MAX",
    "NOES_MAX",
    "PAIR_REPETITIONS_MAX",
    "PENDING_AGE_MS_MAX",
    "PENDING_MAX",
    "PENDING_NAMES_MAX",
    "REPETITIONS_MAX",
    "RETRY_SPAN_MS",
    "SETS_MAX",
    "SHARED_VISITS_MAX",
    "TENURES_MAX",
    "TOKEN_TOPICS_MAX",
    "TRAITS_MAX",
    "UNION_VALUES_MAX",
    "VISITS_MAX",
    "VISIT_GAP_MS",
    "WINDOW_IDS_MAX",
    "WINDOW_IDS_MIN",
    "WINDOW_SOURCES_MAX",
    "WINDOW_SWEEP_MS",
    "ZERO_LINES_MAX",
]

# cart

LINES_MAX: Final = 1_000
"""Lines of a cart. A shopper has tens; more is a script, and a snapshot must stay below
the broker's largest record."""

LINE_QUANTITY_MAX: Final = 1_000_000_000
"""Units of one line over all its dots, so that a sum always fits any reader's integer."""

DOTS_MAX: Final = 64
"""Dots of one line, adds and sets together. Somebody who taps "+1" more often than that
still gets the right sum: the oldest adds are folded into one dot."""

SETS_MAX: Final = 8
"""Concurrent set-quantities kept of one line. Each needs an author who had not seen the
others, so even three are rare; the weakest leaves first."""

ZERO_LINES_MAX: Final = 16
"""Lines kept only because a set-quantity of 0 must still win over an earlier, concurrent
one that arrives later. The one longest unchanged leaves first."""

PENDING_MAX: Final = 32
"""Removals waiting for adds that their author had seen and this partition has not folded
yet: needs a crash between the two, so this is generous. The oldest leaves first."""

PENDING_NAMES_MAX: Final = 256
"""Dots that one pending removal waits for by name, the first named first."""

PENDING_AGE_MS_MAX: Final = 7 * 24 * 60 * 60 * 1000
"""How long a removal waits for dots named or seen elsewhere: as long as input topics keep
a record; what was not folded by then is gone."""

TOKEN_TOPICS_MAX: Final = 128
"""Topics that an ``observed`` token may speak of; longer ones are not ours."""

ABSORBED_MAX: Final = 16
"""Merges that a cart keeps open to be undone; the oldest is settled when one more comes."""

# duplicates

WINDOW_IDS_MIN: Final = 64
"""Ids of a source that are kept whatever their age: a day of one shopper at one till."""

WINDOW_IDS_MAX: Final = 1_024
"""The most that may be configured: 16 KiB a source, so that a row of all sources stays
below the broker's largest record."""

WINDOW_SOURCES_MAX: Final = 32
"""Tills, devices and sites that one subject is remembered by; the longest idle leaves."""

WINDOW_SWEEP_MS: Final = 24 * 60 * 60 * 1000
"""A source that is new, or paused this long, has idle sources looked for."""

RETRY_SPAN_MS: Final = 10 * 60 * 1000
"""Producers give up a retry after 2 minutes (Kafka's default); this leaves room for batches
and for a proxy between."""

# identity

TENURES_MAX: Final = 32
"""Log-ins and log-outs that a subject is remembered by. They say whose an event is that arrives
late, and what arrives after that many later ones is out of the ordinary."""

IDENTIFIERS_MAX: Final = 50
"""Accounts, cards, addresses and numbers of one profile. A household has ten; more is a value that
many people state, and each new link costs a letter to each of them."""

LINKS_MAX: Final = 200
"""Links that the coordinator of a profile remembers, and has more of only by such as an unlink
made count; repeated ones are not counted until then."""

PAIR_REPETITIONS_MAX: Final = 4
"""Links that say again what is known, of each pair and strength: the last, for an unlink that
arrives late. A card is scanned at each purchase, and an unlink is seldom late by four of them; the
row is written at each, so that it should not be long."""

REPETITIONS_MAX: Final = 200
"""The same of all pairs of a profile: one for each link."""

FACTS_MAX: Final = 400
"""The same with unlinks and pairs kept apart, which must count when links no longer do."""

GATHERED_FACTS_MAX: Final = 1_600
"""Facts of profiles that meet at the same moment; more would not surely fit into a record."""

# touch

VISIT_GAP_MS: Final = 30 * 60 * 1000
"""A longer silence begins a new visit: web analytics' usual session."""

VISITS_MAX: Final = 200
"""Visits of a path. Attribution looks at tens; this many keep the row below 4 KB."""

SHARED_VISITS_MAX: Final = 1_000
"""Visits of all shares of a row together: five whole paths, so that whoever has a few cards keeps
all, and a quarter of the broker's largest record where each visit is of a campaign of its own."""

DETAIL_CHARS_MAX: Final = 200
"""What a touch was about is as long as an id may be; addresses of pages are cut."""

# profile

TRAITS_MAX: Final = 200
"""Traits of a profile: what one event may state. More is a data lake's work."""

UNION_VALUES_MAX: Final = 64
"""Values of one trait of policy union (sizes worn, brands liked); the latest stay."""

# service

INTERACTIONS_MAX: Final = 20
"""Interactions of a profile. Whoever serves a customer reads a handful; with texts as long as they
may be, as ciphertext, so many take a third of the broker's largest record."""

# consent

CONSENTS_MAX: Final = 500
"""Consents of a person: seven channels, a few contact points and purposes make tens."""

NOES_MAX: Final = 1_000
"""Room for refusals and withdrawals beyond `CONSENTS_MAX`, since each must count; as many,
with proofs of ordinary length, stay below the broker's largest record."""

# privacy

KEYS_MAX: Final = 64
"""Data keys of an entity and its identifiers. Each has one, and a few more where two publishers
met a person for the first time at the same moment."""
