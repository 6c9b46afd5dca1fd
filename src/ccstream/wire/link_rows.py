"""Rows of the table links, and the letters about links, which are written as such rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from msgspec import Struct

from ccstream.domain.forest import Apart, Fact, Link, Unlink
from ccstream.domain.linking import Post, Proposed, Refused
from ccstream.domain.links import Assigned, Forget, Gathered, Links, Meet, Told, Waiting
from ccstream.wire.entry import Entry, RowReader
from ccstream.wire.framing import single_object_prefix
from ccstream.wire.reader import compile_reader
from ccstream.wire.schemas import SchemaInfo
from ccstream.wire.varint import Malformed
from ccstream.wire.writer import compile_writer

__all__ = ["POST_KINDS", "LinkRows", "fact_of", "post_from", "post_kind", "post_row"]

POST_KINDS: Final[dict[type[Post], str]] = {
    Told: "told",
    Assigned: "assigned",
    Meet: "meet",
    Gathered: "gathered",
    Proposed: "proposed",
    Refused: "refused",
    Forget: "forget",
}
"""What each kind of letter is called on the wire."""


class _Fact(Struct):
    kind: str
    event_id: str
    at: int
    one: str
    other: str
    strength: str


class _LinkRow(Struct):
    version: int
    coordinator: str
    root: str
    by_facts: int
    facts: tuple[_Fact, ...]
    waiting: tuple[Waiting, ...]
    carried: tuple[str, ...]
    since: int
    event_id: str
    forgotten: int
    repetitions: tuple[_Fact, ...]


class LinkRows:
    """See `RowCodec`.

    Args:
        info: the schema LinkRow.
    """

    def __init__(self, info: SchemaInfo) -> None:
        self._write = compile_writer(info.parsed, single_object_prefix(info))
        self.decode_row = RowReader(info, compile_reader(info.parsed, _CLASSES))

    def encode_row(self, entry: Entry) -> bytes:
        """See `RowCodec.encode_row`."""
        links: Links = entry.state
        return self._write(
            _LinkRow(
                entry.version,
                links.coordinator,
                links.root,
                links.by_facts,
                _in_order(links.facts),
                links.waiting,
                links.carried,
                links.since,
                links.event_id,
                links.forgotten,
                _in_order(links.repetitions),
            )
        )


def post_kind(post: Post) -> str:
    """What a letter is called on the wire."""
    return POST_KINDS[type(post)]


def post_row(post: Post) -> Links:
    """What a letter says, beside its kind and addressee."""
    match post:
        case Told(_, fact):
            return Links("", "", 0, frozenset((fact,)))
        case Gathered(_, facts, forgotten, repetitions):
            return Links("", "", 0, facts, forgotten=forgotten, repetitions=repetitions)
        case Forget(_, name, since):
            return Links("", "", 0, frozenset((Unlink("", since, name, None),)))
        case Meet(_, other):
            return Links(other, "")
        case Assigned(_, root, by_facts, coordinator, since, event_id):
            return Links(coordinator, root, by_facts, since=since, event_id=event_id)
        case Proposed(_, fact, beside):
            return Links("", "", beside, frozenset((fact,)))
        case Refused(_, fact):
            return Links("", "", 0, frozenset((fact,)))


def post_from(kind: str, to: str, row: Links) -> Post | None:
    """The letter of this kind; None if it is not known here."""
    match kind:
        case "gathered":
            return Gathered(to, row.facts, row.forgotten, row.repetitions)
        case "meet":
            return Meet(to, row.coordinator)
        case "assigned":
            return Assigned(to, row.root, row.by_facts, row.coordinator, row.since, row.event_id)
    fact = next(iter(row.facts), None)
    if kind == "told" and fact is not None:
        return Told(to, fact)
    if kind == "forget" and isinstance(fact, Unlink):
        return Forget(to, fact.one, fact.at)
    if fact is not None and fact.other is not None:
        if kind == "proposed":
            return Proposed(to, fact, row.by_facts)
        if kind == "refused":
            return Refused(to, fact)
    return None


def _flat(fact: Fact) -> _Fact:
    match fact:
        case Link(event_id, at, one, other, strength):
            return _Fact("link", event_id, at, one, other, strength)
        case Unlink(event_id, at, one, from_whom):
            return _Fact("unlink", event_id, at, one, from_whom or "", "")
        case Apart(event_id, one, other, at):
            return _Fact("apart", event_id, at, one, other, "")


def fact_of(kind: str, event_id: str, at: int, one: str, other: str, strength: Any) -> Fact:
    """The fact with these fields of LinkFact; raises `Malformed` for a kind not known here."""
    if kind == "link":
        return Link(event_id, at, one, other, strength)
    if kind == "unlink":
        return Unlink(event_id, at, one, other or None)
    if kind == "apart":
        return Apart(event_id, one, other, at)
    raise Malformed("a fact of a kind not known here")


def _entry(
    version: int,
    coordinator: str,
    root: str,
    by_facts: int,
    facts: tuple[Fact, ...],
    waiting: tuple[Waiting, ...],
    carried: tuple[str, ...],
    since: int,
    event_id: str,
    forgotten: int,
    repetitions: tuple[Fact, ...],
) -> Entry:
    links = Links(
        coordinator,
        root,
        by_facts,
        frozenset(facts),
        tuple(waiting),
        tuple(carried),
        since,
        event_id,
        forgotten,
        frozenset(one for one in repetitions if not isinstance(one, Unlink)),
    )
    return Entry(links, version)


def _in_order(facts: Iterable[Fact]) -> tuple[_Fact, ...]:
    return tuple(sorted(map(_flat, facts), key=_order))


def _order(fact: _Fact) -> tuple[str, ...]:
    return fact.kind, fact.event_id, str(fact.at), fact.one, fact.other, fact.strength


_CLASSES: Final[dict[str, Callable[..., Any]]] = {
    "ccstream.state.v1.LinkFact": fact_of,
    "ccstream.state.v1.LinkWaiting": Waiting,
    "ccstream.state.v1.LinkRow": _entry,
}
