"""The catalogue: which events there are, which topics, what each carries and why it is set so.

It is the single source from which topics, registry subjects, ``asyncapi.yaml`` and the docs
are made. Names and numbers in it are stored in logs and tokens: they may be added to at the
end, never changed. What each kind of topic is set to, and why, is in the module `topics`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from types import MappingProxyType
from typing import Final

from ccstream.domain import consent, events, identity_events, signals
from ccstream.errors import SettingsError
from ccstream.wire.topics import (
    MESSAGE_BYTES_MAX,
    ROOM_BYTES,
    SETTINGS,
    Setting,
    TopicKind,
    TopicSpec,
)

__all__ = [
    "AGGREGATES",
    "AUDIT_TOPIC",
    "CHANNELS",
    "CONSENT_RECORDS",
    "CONTEXTS",
    "ERASED_NAMESPACE",
    "EVENTS",
    "EVENT_TYPES",
    "FACT_TOPICS",
    "HEARTBEAT_NAMESPACE",
    "IDENTITY",
    "IDENTITY_TOPIC",
    "IDENTITY_TYPES",
    "MAIL_TOPIC",
    "OUTPUT_TOPICS",
    "OWNERS_TOPIC",
    "READ_SCHEMAS",
    "RECORDS",
    "REJECTED_TOPIC",
    "ROW_TYPES",
    "SIGNALS",
    "SIGNALS_TOPIC",
    "SIGNAL_TYPES",
    "SYNC_SCHEMAS",
    "SYNC_TOPICS",
    "SYNC_TYPES",
    "SYSTEM",
    "TABLES",
    "TOPIC_NUMBERS",
    "WINDOWS",
    "changelog_topic",
    "channel_of",
    "event_type",
    "input_topic",
    "input_topics",
    "topic_numbers",
    "topics",
]

CHANNELS = (
    "web",
    "app",
    "store",
    "call_centre",
    "social",
    "email",
    "sms",
    "push",
    "chat",
    "post",
)
"""The channels of every installation; more by configuration."""

CONTEXTS: MappingProxyType[str, tuple[type[events.Event], ...]] = MappingProxyType(
    {
        "cart": (
            events.CartItemAdded,
            events.CartItemRemoved,
            events.CartItemQuantitySet,
            events.CartCleared,
        ),
        "order": (events.OrderPlaced,),
        "identity": (events.IdentifiersLinked, events.IdentifierUnlinked),
        "profile": (events.ProfileUpdated,),
        "touch": (
            events.ChannelVisited,
            events.ProductViewed,
            events.ProductTried,
            events.CampaignClicked,
            events.MessageOpened,
            events.PostEngaged,
        ),
        "service": (events.InteractionLogged,),
        "consent": (events.ConsentChanged, events.ContactPreferencesChanged),
        "privacy": (events.PersonalKeyProvided, events.ErasureRequested, events.LegalHoldChanged),
    }
)
"""What channels publish, by context. Every channel may publish every event."""

EVENT_TYPES: MappingProxyType[type[events.Event], str] = MappingProxyType(
    {
        cls: f"ccstream.{context}.v1.{cls.__name__}"
        for context, classes in CONTEXTS.items()
        for cls in classes
    }
)
"""The full name of each event's schema, which is also its CloudEvents type."""

EVENTS: MappingProxyType[str, type[events.Event]] = MappingProxyType(
    {fullname: cls for cls, fullname in EVENT_TYPES.items()}
)
"""The class of each event by the full name of its schema."""

RECORDS: MappingProxyType[str, type] = MappingProxyType(
    {
        "ccstream.common.v1.Money": events.Money,
        "ccstream.common.v1.Campaign": events.Campaign,
        "ccstream.order.v1.OrderLine": events.OrderLine,
        "ccstream.profile.v1.Trait": events.Trait,
        "ccstream.consent.v1.ConsentProof": events.ConsentProof,
        "ccstream.consent.v1.ContactChoice": events.ContactChoice,
        "ccstream.consent.v1.QuietHours": events.QuietHours,
    }
)
"""The classes of the records within events."""

CONSENT_RECORDS: MappingProxyType[str, type] = MappingProxyType(
    {
        f"ccstream.consent.v1.{cls.__name__}": cls
        for cls in (
            consent.Consent,
            consent.StatedContactChoice,
            consent.StatedFlag,
            consent.StatedLanguage,
            consent.StatedQuietHours,
        )
    }
)
"""The classes of the records within consents, in their row and in their sync event."""

WINDOWS: Final = "windows"
"""The table of duplicate windows, which events of all contexts go through."""

TABLES = (
    "carts",
    "touches",
    "profiles",
    "orders",
    "aliases",
    WINDOWS,
    "consents",
    "timers",
    "links",
    "keys",
    "erasures",
    "interactions",
)

AGGREGATES: MappingProxyType[str, tuple[str, ...]] = MappingProxyType(
    {
        "CartItemAdded": ("carts", "touches"),
        "CartItemRemoved": ("carts", "touches"),
        "CartItemQuantitySet": ("carts", "touches"),
        "CartCleared": ("carts", "touches"),
        "OrderPlaced": ("orders", "carts", "touches"),
        "IdentifiersLinked": ("aliases",),
        "IdentifierUnlinked": ("aliases",),
        "ProfileUpdated": ("profiles", "touches"),
        "ChannelVisited": ("touches",),
        "ProductViewed": ("touches",),
        "ProductTried": ("touches",),
        "CampaignClicked": ("touches",),
        "MessageOpened": ("touches",),
        "PostEngaged": ("touches",),
        "InteractionLogged": ("interactions", "touches"),
        "ConsentChanged": ("consents", "touches"),
        "ContactPreferencesChanged": ("consents", "touches"),
        "PersonalKeyProvided": ("keys",),
        "ErasureRequested": ("erasures",),
        "LegalHoldChanged": ("erasures",),
    }
)
"""Which tables' rows an event addresses, by its name, in the order of folding.

It follows from the event's type alone, so that each fold publishes the same rows whether the
event was applied, a duplicate or rejected.
"""

HEARTBEAT_NAMESPACE = "heartbeat:"
"""Keys of `ccstream heartbeat`, and of workers' `heartbeat:roll-3`; readers are not shown them."""

ERASED_NAMESPACE = "erased:"
"""How the keys begin under which orders of people who were erased are kept. They are for readers of
facts: what a worker's crash takes back of them its successor cannot know of, and live readers would
be left with it."""

MAIL_TOPIC = "ccstream.mail.v1"
REJECTED_TOPIC = "ccstream.rejected.v1"
OWNERS_TOPIC = "ccstream.owners.v1"

AUDIT_TOPIC = "ccstream.audit.v1"
"""Who of the service staff looked at whom; gateways write it."""

SIGNALS = "signals"
IDENTITY = "identity"
"""What readers call that which is published on these topics; they are no tables."""

SIGNALS_TOPIC = "sync.signals.v1"
"""Facts that follow from nothing having happened: to be read committed, each by its event id."""

SIGNAL_TYPES: MappingProxyType[type, str] = MappingProxyType(
    {signals.CartAbandoned: "ccstream.signal.v1.CartAbandoned"}
)
"""The full name of each signal's schema, which is also its CloudEvents type."""

IDENTITY_TOPIC = "insight.identity.v1"
"""What has become of profiles, in the partition of the identifier that it became of."""

IDENTITY_TYPES: MappingProxyType[type, str] = MappingProxyType(
    {cls: f"ccstream.identity.v1.{cls.__name__}" for cls in identity_events.KINDS}
)
"""The same of what is published there."""

FACT_TOPICS: MappingProxyType[str, str] = MappingProxyType(
    {SIGNALS: SIGNALS_TOPIC, IDENTITY: IDENTITY_TOPIC}
)
"""What is to be read committed only."""

SYNC_TYPES: MappingProxyType[str, str] = MappingProxyType(
    {
        "carts": "ccstream.cart.v1.CartSynced",
        "touches": "ccstream.touch.v1.LastTouchSynced",
        "profiles": "ccstream.profile.v1.ProfileSynced",
        "orders": "ccstream.order.v1.OrderSynced",
        "consents": "ccstream.consent.v1.ConsentSynced",
        "aliases": "ccstream.identity.v1.AliasSynced",
        "interactions": "ccstream.service.v1.InteractionsSynced",
    }
)
"""The full name of the record on each sync topic, which is also its CloudEvents type."""

SYNC_TOPICS: MappingProxyType[str, str] = MappingProxyType(
    {table: f"sync.{table}.v1" for table in SYNC_TYPES}
)
"""Where each table's rows are published; the tables without one are the engine's own."""

OUTPUT_TOPICS = (*SYNC_TOPICS.values(), *FACT_TOPICS.values(), REJECTED_TOPIC)
"""What workers write for others, partition by partition."""

SYNC_SCHEMAS: MappingProxyType[str, str] = MappingProxyType(
    {table: fullname.rpartition(".")[2] for table, fullname in SYNC_TYPES.items()}
)
"""The name of the record on each sync topic."""

READ_SCHEMAS: MappingProxyType[str, tuple[str, ...]] = MappingProxyType(
    {table: (fullname,) for table, fullname in SYNC_TYPES.items()}
    | {SIGNALS: tuple(SIGNAL_TYPES.values()), IDENTITY: tuple(IDENTITY_TYPES.values())}
)
"""The full names of the records on each topic that readers follow."""

ROW_TYPES: MappingProxyType[str, str] = MappingProxyType(
    {
        "carts": "ccstream.state.v1.CartRow",
        "touches": "ccstream.state.v1.TouchRow",
        "profiles": "ccstream.state.v1.ProfileRow",
        "orders": "ccstream.state.v1.OrderRow",
        "aliases": "ccstream.state.v1.AliasRow",
        "windows": "ccstream.state.v1.WindowRow",
        "consents": "ccstream.state.v1.ConsentRow",
        "timers": "ccstream.state.v1.TimerRow",
        "links": "ccstream.state.v1.LinkRow",
        "keys": "ccstream.state.v1.KeyRow",
        "erasures": "ccstream.state.v1.ErasureRow",
        "interactions": "ccstream.state.v1.InteractionRow",
    }
)
"""The full name of the record in each table's changelog."""

SYSTEM = "ccstream.system.v1"
"""Namespace of what workers write for each other and for those who run them."""

_CHANNEL = re.compile(r"[a-z][a-z0-9_]{0,49}")
_INPUT = re.compile(r"channel\.([a-z][a-z0-9_]{0,49})\.events\.v1")


def event_type(cls: type[events.Event]) -> str:
    """The full name of the event's schema: ``ccstream.cart.v1.CartItemAdded``."""
    return EVENT_TYPES[cls]


def input_topic(channel: str) -> str:
    """The topic that a channel publishes to."""
    return f"channel.{channel}.events.v1"


def channel_of(topic: str) -> str | None:
    """The channel that publishes to this topic, or None if it is no input topic."""
    found = _INPUT.fullmatch(topic)
    return found and found[1]


def input_topics(extra_channels: Sequence[str] = ()) -> tuple[str, ...]:
    """The input topics of all channels.

    Raises:
        SettingsError: an extra channel's name cannot be part of a topic's, or is there twice.
    """
    for channel in extra_channels:
        if _CHANNEL.fullmatch(channel) is None:
            raise SettingsError(
                f"channel {channel!r}: use lower-case letters, digits and _, a letter first"
            )
    channels = (*CHANNELS, *extra_channels)
    if len(set(channels)) != len(channels):
        raise SettingsError("channels_extra: a channel is there twice, or is there anyway")
    return tuple(map(input_topic, channels))


def changelog_topic(app_id: str, table: str) -> str:
    """The changelog of a table, named as Faust names it."""
    return f"{app_id}-{table}-changelog"


def topic_numbers(extra_channels: Sequence[str] = ()) -> dict[str, int]:
    """Numbers of the topics that are folded, by which positions and tokens name them.

    They are stored: extra channels may be appended to the configuration, never moved.
    """
    ours = len(CHANNELS)
    topics = input_topics(extra_channels)
    return {
        topic: number for number, topic in enumerate((*topics[:ours], MAIL_TOPIC, *topics[ours:]))
    }


TOPIC_NUMBERS: MappingProxyType[str, int] = MappingProxyType(topic_numbers())
"""The numbers without extra channels: web 0, app 1, ... post 9, mail 10."""


def topics(
    app_id: str,
    extra_channels: Sequence[str] = (),
    *,
    message_bytes_max: int = MESSAGE_BYTES_MAX,
    output_prefix: str = "",
) -> tuple[TopicSpec, ...]:
    """Every topic of an application.

    Args:
        app_id: the application (consumer group), which the changelogs are named after.
        extra_channels: channels beside `CHANNELS`, in the order of the configuration.
        message_bytes_max: the largest record (kafka.max_message_bytes).
        output_prefix: what the names of `OUTPUT_TOPICS` begin with. Mail has none: applications of
            one state read the same letters.

    Raises:
        SettingsError: see `input_topics`.
    """
    numbers = topic_numbers(extra_channels)
    taken = Setting("max.message.bytes", str(message_bytes_max), "kafka.max_message_bytes")
    written = Setting(
        "max.message.bytes",
        str(message_bytes_max + ROOM_BYTES),
        "what an input topic took fits into a letter, and a full batch has framing of its own",
    )

    def spec(name: str, kind: TopicKind, summary: str, *schemas: str) -> TopicSpec:
        limit = taken if kind == "input" else written
        return TopicSpec(name, kind, summary, schemas, (*SETTINGS[kind], limit), numbers.get(name))

    specs = [
        spec(topic, "input", f"Events of the channel {channel_of(topic)}.", *EVENTS)
        for topic in input_topics(extra_channels)
    ]
    specs.append(spec(MAIL_TOPIC, "mail", "Letters from entity to entity.", f"{SYSTEM}.Mail"))
    for table, topic in SYNC_TOPICS.items():
        specs.append(
            spec(output_prefix + topic, "sync", f"What is now known: {table}.", SYNC_TYPES[table])
        )
    signalled = "What follows from nothing having happened: carts that were abandoned."
    specs.append(spec(output_prefix + SIGNALS_TOPIC, "signals", signalled, *SIGNAL_TYPES.values()))
    became = "What has become of profiles: merged, split, or links that conflict."
    specs.append(spec(output_prefix + IDENTITY_TOPIC, "insight", became, *IDENTITY_TYPES.values()))
    rejected = "Records that were not applied, and why."
    specs.append(spec(output_prefix + REJECTED_TOPIC, "rejected", rejected, f"{SYSTEM}.Rejected"))
    owners = "Who owns each partition number."
    specs.append(spec(OWNERS_TOPIC, "owners", owners, f"{SYSTEM}.Owner"))
    looks = "Who of the service staff looked at which customer."
    specs.append(spec(AUDIT_TOPIC, "audit", looks, f"{SYSTEM}.ProfileRead"))
    for table in TABLES:
        changelog = changelog_topic(app_id, table)
        rows = f"The rows of the table {table}."
        specs.append(spec(changelog, "changelog", rows, ROW_TYPES[table]))
    return tuple(specs)
