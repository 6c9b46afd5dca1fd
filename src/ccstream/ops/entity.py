"""What is stored about one key: its rows, read from its partition's changelogs."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, Final

from msgspec import Struct

from ccstream.domain.forest import Fact
from ccstream.errors import StateError, TopicMismatchError
from ccstream.ops.broker import Broker
from ccstream.ops.erasure_key import ErasureKey
from ccstream.ops.identity_rules import load_identifier_rules
from ccstream.ops.latest_rows import latest_rows, told_with
from ccstream.ops.profile_links import (
    Identifier,
    KeptApart,
    PassedOver,
    identifiers_of,
    kept_apart,
    passed_over_by,
)
from ccstream.ops.settings import Settings
from ccstream.wire.catalogue import TABLES, changelog_topic
from ccstream.wire.codec import Codec
from ccstream.wire.link_rows import fact_of
from ccstream.wire.mail import HOPS_MAX
from ccstream.wire.partition import partition_for

__all__ = ["LINKS", "Entity", "Row", "entity"]

ALIASES: Final = "aliases"
LINKS: Final = "links"
ORDERS: Final = "orders"

POINTERS_MAX: Final = 50
"""Coordinators that are looked up one after the other; each is a smaller key of the profile."""


class Row(Struct, frozen=True):
    """One row of a table: its key, the schema it was written with, and its fields."""

    key: str
    type: str
    value: dict[str, Any]


class Entity(Struct, frozen=True):
    """What is stored about a key. ``redirects`` are the aliases followed to get there.

    ``identifiers`` are those linked to it, ``passed_over`` the links that do not count,
    ``kept_apart`` the pairs that never will. All of it follows from ``facts``.
    """

    key: str
    partition: int
    redirects: tuple[str, ...]
    rows: dict[str, tuple[Row, ...]]
    identifiers: tuple[Identifier, ...] = ()
    passed_over: tuple[PassedOver, ...] = ()
    kept_apart: tuple[KeptApart, ...] = ()
    facts: frozenset[Fact] = frozenset()

    @property
    def known(self) -> bool:
        return bool(self.redirects) or any(self.rows.values())


def entity(
    settings: Settings,
    key: str,
    progress: Callable[[str], None],
    tables: Collection[str] = TABLES,
) -> Entity:
    """Read the rows of a key, or of the root that it is an alias of.

    Args:
        settings: which cluster and application.
        key: ``namespace:value``.
        progress: called with a line before each changelog is read, and if brokers go away.
        tables: those to read beside the aliases.

    Raises:
        TopicMismatchError: the application's changelogs are not there.
        StateError: a row cannot be read, or aliases go round in a circle.
    """
    partitions = _partitions(settings)
    redirects: list[str] = []
    while True:
        partition = partition_for(key.encode(), partitions)
        aliases = _rows(settings, ALIASES, partition, key, progress)
        if not aliases or (root := aliases[0].value["root"]) in ("", key):
            break
        if len(redirects) > HOPS_MAX:
            raise StateError(
                f"aliases go on for more than {HOPS_MAX} steps: do they form a circle?"
            )
        redirects.append(key)
        key = root
    rows = {
        table: _rows(settings, table, partition, key, progress)
        for table in TABLES
        if table != ALIASES and table in tables
    }
    facts = _facts(settings, key, rows.get(LINKS, ()), partitions, progress)
    rules = load_identifier_rules(settings.identity.rules)
    return Entity(
        key,
        partition,
        tuple(redirects),
        {ALIASES: aliases, **rows},
        identifiers_of(key, facts, rules) if facts else (),
        passed_over_by(key, facts, rules),
        kept_apart(key, facts, rules),
        facts,
    )


def _facts(
    settings: Settings,
    key: str,
    found: tuple[Row, ...],
    partitions: int,
    progress: Callable[[str], None],
) -> frozenset[Fact]:
    """What its coordinator knows of the profile of ``key``, of which ``found`` is the row.

    One of those on the way to it may have been erased: its row is under its fingerprint, and whom
    it points to is sealed.
    """
    erasure = ErasureKey.of(settings)
    sealed = False
    for _ in range(POINTERS_MAX):
        if not found:
            break
        (row,) = found
        coordinator = row.value["coordinator"]
        if coordinator in {key, ""}:
            return frozenset(fact_of(**fact) for fact in row.value["facts"])
        key = erasure.unseal(coordinator) if sealed and erasure else coordinator
        home = partition_for(key.encode(), partitions)
        found = _rows(settings, LINKS, home, key, progress)
        sealed = not found
        if sealed and erasure is None:
            progress("its links may be kept at somebody who was erased: set privacy.erasure_key")
        elif sealed and erasure is not None:
            found = _rows(settings, LINKS, home, erasure.fingerprint(key), progress)
    return frozenset()


def _partitions(settings: Settings) -> int:
    topics = Broker(settings).cluster().topics
    names = [changelog_topic(settings.app_id, table) for table in TABLES]
    missing = [name for name in names if name not in topics]
    if missing:
        raise TopicMismatchError(
            f"there is no topic {missing[0]} at {settings.kafka.bootstrap}: is app_id "
            f"{settings.app_id} right, and has `ccstream topics apply` been run?"
        )
    counts = {topics[name].partitions for name in names}
    if len(counts) > 1:
        raise TopicMismatchError(
            f"the changelogs of {settings.app_id} differ in their partition counts: see "
            "`ccstream topics plan`"
        )
    return counts.pop()


def _rows(
    settings: Settings, table: str, partition: int, key: str, progress: Callable[[str], None]
) -> tuple[Row, ...]:
    topic = changelog_topic(settings.app_id, table)
    exactly = key.encode()
    prefix = exactly + b"#" if table == ORDERS else None
    found = latest_rows(
        settings,
        topic,
        (partition,),
        lambda name, _: name == exactly or (prefix is not None and name.startswith(prefix)),
        progress,
    )
    codec = Codec()
    with told_with(topic):
        return tuple(Row(name.decode(), *codec.decode(value)) for name, value in found.items())
