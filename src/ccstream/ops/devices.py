"""Which devices are logged in to an account: aliases that say so, wherever they live.

A device's row is in the device's own partition, and no row of the account lists it: a log-in is one
letter less for that. So all partitions of the aliases are read, as many records as there are
identifiers that ever belonged to somebody.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from msgspec import Struct

from ccstream.ops.broker import Broker
from ccstream.ops.identity_rules import load_identifier_rules
from ccstream.ops.latest_rows import latest_states
from ccstream.ops.settings import Settings
from ccstream.wire.catalogue import changelog_topic

__all__ = ["Device", "devices_of"]

ALIASES: Final = "aliases"


class Device(Struct, frozen=True):
    """A device, since when it is logged in (ms since the epoch), and by which event."""

    key: str
    since: int
    event_id: str


def devices_of(
    settings: Settings, account: str, progress: Callable[[str], None]
) -> tuple[Device, ...]:
    """The devices that are logged in to an account, the latest log-in last.

    Args:
        settings: which cluster and application, and the classes of identifiers.
        account: whose; no alias.
        progress: called with a line before the changelog is read, and if brokers go away.

    Raises:
        StateError: a row cannot be read.
    """
    topic = changelog_topic(settings.app_id, ALIASES)
    rules = load_identifier_rules(settings.identity.rules)
    named = account.encode()
    partitions = range(Broker(settings).cluster().topics[topic].partitions)
    # Most are of others, and need not be decoded to know that.
    latest = latest_states(settings, ALIASES, partitions, lambda _, value: named in value, progress)
    found = []
    for name, state in latest.items():
        if state.root == account and rules.class_of(name) == "device":
            found.append(Device(name, state.since, state.event_id))
    return tuple(sorted(found, key=lambda one: (one.since, one.key)))
