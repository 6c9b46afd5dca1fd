"""What each role may do in the cluster, and nothing more: Kafka ACLs from the catalogue.

A *channel* publishes to its own topic. A *subscriber* reads sync topics, signals and insights. A
*worker* folds: it reads inputs, mail and changelogs, and writes all but inputs. A *gateway*
publishes for all channels and reads what a subscriber does. `rights` says what a role needs; how
Kafka's own tool grants that is here, too, how Strimzi does in the module `strimzi`.

Kafka's own implications are used: who may read, write or change a topic may also see it, and
who may write to any topic may do so idempotently.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final, Literal

from msgspec import Struct

from ccstream.errors import OptionError
from ccstream.ops.rebuilds import rebuilt_settings
from ccstream.ops.settings import Settings
from ccstream.ops.topics import specs_of
from ccstream.wire.catalogue import AUDIT_TOPIC, OWNERS_TOPIC, changelog_topic, channel_of
from ccstream.wire.topics import TopicSpec

__all__ = ["ROLES", "Resource", "Right", "as_commands", "rights"]

Resource = Literal["topic", "group", "transactional_id"]
Pattern = Literal["literal", "prefix"]

READ_BY_APPS: Final = ("sync", "signals", "insight")
"""Kinds of topics that are published for others."""


class Right(Struct, frozen=True, kw_only=True, order=True):
    """What may be done with one resource, or with all whose names begin so."""

    resource: Resource
    name: str
    operations: tuple[str, ...]
    pattern: Pattern = "literal"


def rights(
    role: str, settings: Settings, channels: Iterable[str] = (), rebuilt_as: str | None = None
) -> tuple[Right, ...]:
    """The least that a role needs.

    Args:
        role: one of `ROLES`.
        settings: the application, its channels and names.
        channels: those that a user of the role ``channel`` publishes for; all if none is given.
        rebuilt_as: for workers that rebuild the application, as which.

    Raises:
        OptionError: there is no such role or channel, or channels are given for a role that
            has none, or another application for one that rebuilds nothing.
    """
    if rebuilt_as is not None:
        if role != "worker":
            raise OptionError(f"only a worker rebuilds an application, not a {role}")
        return tuple(_rebuilder(settings, rebuilt_settings(settings, rebuilt_as)))
    make = ROLES.get(role)
    if make is None:
        raise OptionError(f"there is no role {role!r}; there are {', '.join(ROLES)}")
    channels = tuple(channels)
    if channels and role != "channel":
        raise OptionError(f"channels are for the role channel only, not for {role}")
    return tuple(make(specs_of(settings), settings, channels))


def _channel(
    specs: Iterable[TopicSpec], settings: Settings, channels: Sequence[str]
) -> list[Right]:
    inputs = {str(channel_of(spec.name)): spec.name for spec in specs if spec.kind == "input"}
    for channel in channels:
        if channel not in inputs:
            raise OptionError(f"there is no channel {channel!r}; there are {', '.join(inputs)}")
    return [
        *(_topic(inputs[channel], "Write") for channel in channels or inputs),
        *_personal_keys(settings),
    ]


def _subscriber(
    specs: Iterable[TopicSpec], settings: Settings, _channels: Sequence[str]
) -> list[Right]:
    return [
        *(_topic(spec.name, "Read") for spec in specs if spec.kind in READ_BY_APPS),
        *_personal_keys(settings),
    ]


def _personal_keys(settings: Settings) -> list[Right]:
    """Wrapped, they are of use only to who has the master key too."""
    if settings.privacy.personal_fields == "plain":
        return []
    return [_topic(changelog_topic(settings.app_id, "keys"), "Read")]


_WORKERS_TOPICS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "input": ("Read",),
        "mail": ("Read", "Write"),
        # read as well: whose transaction was left open there its first record tells
        "sync": ("Read", "Write"),
        "signals": ("Read", "Write"),
        "insight": ("Read", "Write"),
        "rejected": ("Read", "Write"),
        "owners": ("Read", "Write"),
        # how long deletions stay decides whether a local store still fits
        "changelog": ("Read", "Write", "DescribeConfigs"),
        "audit": (),  # the gateways' own
    }
)


def _worker(
    specs: Iterable[TopicSpec], settings: Settings, _channels: Sequence[str]
) -> list[Right]:
    return [
        *(
            _topic(spec.name, *operations)
            for spec in specs
            if (operations := _WORKERS_TOPICS[spec.kind])
        ),
        Right(resource="group", name=settings.app_id, operations=("Read",)),
        # each worker has two of its own, and fences those of whom it takes over from
        Right(
            resource="transactional_id",
            name=f"{settings.app_id}.",
            pattern="prefix",
            operations=("Write", "Describe"),
        ),
    ]


def _rebuilder(old: Settings, new: Settings) -> list[Right]:
    """A worker of the new application that reads letters and sends none, and sees the old group."""
    mail = {spec.name for spec in specs_of(new) if spec.kind == "mail"}
    return [
        *(
            _topic(right.name, "Read") if right.name in mail else right
            for right in _worker(specs_of(new), new, ())
        ),
        Right(resource="group", name=old.app_id, operations=("Describe",)),
    ]


def _gateway(
    specs: Iterable[TopicSpec], settings: Settings, _channels: Sequence[str]
) -> list[Right]:
    """Every channel and a subscriber, that follows aliases where they are decided and finds the
    owners of rows, with the keys to ask them, and notes who looked at whom.
    """
    specs = tuple(specs)
    aliases = changelog_topic(settings.app_id, "aliases")
    granted = (
        *_channel(specs, settings, ()),
        *_subscriber(specs, settings, ()),
        _topic(aliases, "Read"),
        _topic(OWNERS_TOPIC, "Read"),
        _topic(AUDIT_TOPIC, "Write"),
    )
    return list(dict.fromkeys(granted))


_Make = Callable[[Iterable[TopicSpec], Settings, Sequence[str]], list[Right]]

ROLES: Final[Mapping[str, _Make]] = MappingProxyType(
    {"channel": _channel, "worker": _worker, "subscriber": _subscriber, "gateway": _gateway}
)


def _topic(name: str, *operations: str) -> Right:
    return Right(resource="topic", name=name, operations=operations)


def as_commands(granted: Iterable[Right], user: str, bootstrap: str) -> list[str]:
    """One call of Kafka's own ``kafka-acls.sh`` for each right."""
    option = {"topic": "--topic", "group": "--group", "transactional_id": "--transactional-id"}
    return [
        shlex.join(
            [
                *("kafka-acls.sh", "--bootstrap-server", bootstrap),
                *("--command-config", "admin.properties", "--add"),
                *("--allow-principal", f"User:{user}"),
                *(part for one in right.operations for part in ("--operation", one)),
                *(option[right.resource], right.name),
                *(("--resource-pattern-type", "prefixed") if right.pattern == "prefix" else ()),
            ]
        )
        for right in granted
    ]
