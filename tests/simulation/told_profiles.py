"""What is to be told of profiles, as plainly as it can be said, and whether it was.

One of these stands beside each partition's truth (`truth.py`). It shares nothing with the engine,
and not the domain's rules either: what a link comes to is worked out by a plain Kruskal
(`tests/properties/reference_links.py`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from ccstream.domain import forest
from ccstream.domain.events import Event, IdentifiersLinked, IdentifierUnlinked
from ccstream.wire.catalogue import IDENTITY_TOPIC, SYNC_TOPICS
from ccstream.wire.cause import Cause
from tests.properties import reference_links as plain
from tests.simulation.broker import FakeBroker, LogRecord
from tests.simulation.process import CODEC
from tests.simulation.simulation import Violation

__all__ = ["Profiles", "Told", "check_told_profiles", "is_account", "plain_of"]


class Told(NamedTuple):
    """A record, without its version and id."""

    kind: str
    subject: str
    said: tuple[Any, ...]
    cause: tuple[Any, ...]
    reason: str


class Profiles:
    """Of one partition."""

    def __init__(self) -> None:
        self.told: list[Told] = []

    def moved(self, subject: str, was: str, root: str, event: Event, cause: Cause) -> None:
        """An identifier's root is this now, and was that; empty if itself."""
        merged = bool(root) and (
            not was or (_best(root, was) == root != was and not is_account(was))
        )
        kind = "ProfileMerged" if merged else "ProfileSplit"
        rule = "links"
        if subject.startswith("visitor:"):
            rule = "log_out" if isinstance(event, IdentifierUnlinked) else "log_in"
        said = (root or subject, was or None, rule)
        self.told.append(Told(kind, subject, said, _fields(cause), _reason(event)))

    def learned(
        self,
        coordinator: str,
        before: Iterable[Any],
        after: Iterable[Any],
        gathered: Iterable[Any],
        event: Event,
        cause: Cause,
    ) -> None:
        """A coordinator knows these facts now; of some all was told where they were gathered."""
        facts = {plain_of(fact) for fact in after}
        known = {
            (over.link, *over.roots)
            for some in (before, gathered)
            for over in plain.passed_over({plain_of(fact) for fact in some}, is_account)
        }
        for over in plain.passed_over(facts, is_account):
            if (over.link, *over.roots) in known:
                continue
            said = (over.link, *over.roots, over.in_the_way, over.kept_apart_by)
            self.told.append(
                Told("IdentityConflictFound", coordinator, said, _fields(cause), _reason(event))
            )


def _reason(event: Event) -> str:
    """Of who linked them, or undid that; a request to erase has another."""
    return event.reason if isinstance(event, IdentifiersLinked | IdentifierUnlinked) else ""


def check_told_profiles(broker: FakeBroker, number: int, expected: list[Told]) -> int:
    """Compare what is committed; how many conflicts there are.

    Raises:
        Violation: it is something else, an id stands for two facts, or a version for another row.
    """
    where = f"{IDENTITY_TOPIC}[{number}]"
    aliases: dict[tuple[str, int], str] = {}
    for record in broker.logs[SYNC_TOPICS["aliases"], number].committed(0):
        if record.value() is not None:
            _, fields = CODEC.decode(record.value())
            aliases[fields["subject"], fields["version"]] = fields["root"] or fields["subject"]
    found = []
    ids: dict[str, Told] = {}
    for record in broker.logs[IDENTITY_TOPIC, number].committed(0):
        name, fields = CODEC.decode(record.value())
        told = _told(name, fields)
        found.append(told)
        _check_place(record, fields, where)
        if ids.setdefault(fields["event_id"], told) != told:
            raise Violation(f"{record} on {where}: its id is that of another fact, {told}")
        if "root" in fields:
            shown = aliases.get((fields["subject"], fields["version"]))
            if shown != fields["root"]:
                raise Violation(f"{record} on {where}: {told}, and its alias says {shown}")
    if found != expected:
        missing = [one for one in expected if one not in found]
        more = [one for one in found if one not in expected]
        raise Violation(
            f"what is told on {where}: {len(found)} for {len(expected)}\n"
            f"  missing {missing}\n  too much {more}"
        )
    return sum(one.kind == "IdentityConflictFound" for one in found)


def _check_place(record: LogRecord, fields: dict[str, Any], where: str) -> None:
    headers = dict(record.headers() or ())
    if (record.key() or b"").decode() != fields["subject"]:
        raise Violation(f"{record} on {where} has not its subject as key")
    if headers["ce_id"].decode() != fields["event_id"]:
        raise Violation(f"{record} on {where} has another id than its header")
    if fields["version"] >> 32 > int(headers["ccstream-epoch"]):
        raise Violation(f"{record} on {where} has a version of an epoch to come")


def _told(name: str, fields: dict[str, Any]) -> Told:
    if name == "IdentityConflictFound":
        said: tuple[Any, ...] = (
            _link(fields["link"]),
            fields["one_root"],
            fields["other_root"],
            frozenset(map(_link, fields["in_the_way"])),
            fields["kept_apart_by"],
        )
    else:
        said = (fields["root"], fields["former_root"], fields["rule"])
    cause = tuple(fields["cause"].values())
    return Told(name, fields["subject"], said, cause, fields["reason"])


def _fields(cause: Cause) -> tuple[Any, ...]:
    return (
        cause.event_id,
        cause.event_type,
        cause.channel,
        cause.source,
        cause.occurred_at,
        cause.appended_at,
        "applied",
    )


def _link(fields: dict[str, Any]) -> plain.Link:
    event_id, at, one, other, strength = fields.values()
    return plain.Link(event_id, at, one, other, strength)


def plain_of(fact: Any) -> plain.Fact:
    match fact:
        case forest.Link(event_id, at, one, other, strength):
            return plain.Link(event_id, at, one, other, strength)
        case forest.Unlink(event_id, at, one, from_whom):
            return plain.Unlink(event_id, at, one, from_whom)
    return plain.Apart(fact.event_id, fact.one, fact.other)


def is_account(key: str) -> bool:
    return key.startswith("customer:")


def _best(*keys: str) -> str:
    return min(keys, key=lambda key: (not is_account(key), key))
