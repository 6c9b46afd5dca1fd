"""Everything that is held on a person, for the person: as JSON, and as a page to read.

It is what the tables have, what the log still has of events, and which rejected records name them.
What other systems have copied from the sync topics is not in it. Nor is what is another
person's: what came by a card that was linked by mistake and has left, what a device did before and
after they were logged in, and whom links name who is not they.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Set
from html import escape
from typing import Any, Final

from msgspec import Struct, to_builtins
from msgspec.structs import replace

from ccstream.domain import reasons
from ccstream.domain.events import Event
from ccstream.domain.window import NOTHING, ids_after
from ccstream.errors import CcstreamError
from ccstream.evidence.belonging import Belonging
from ccstream.evidence.trace import Trace, trace
from ccstream.ops.codecs import codec_of
from ccstream.ops.dead_letters import DeadLetter, Wanted, dead_letters
from ccstream.ops.entity import Entity, Row, entity
from ccstream.ops.keyring import KeyRing
from ccstream.ops.records import type_of
from ccstream.ops.settings import Settings
from ccstream.wire.codec import Codec
from ccstream.wire.headers import time_text

__all__ = ["Held", "as_page", "everything_held", "is_theirs", "rows_of"]

TITLES: Final[Mapping[str, str]] = {
    "profiles": "Profile",
    "consents": "Consents and preferences",
    "orders": "Orders",
    "interactions": "When we talked",
    "carts": "Basket",
    "touches": "When and where we met",
    "timers": "Reminders that are set",
    "erasures": "What remains of an erasure",
    "aliases": "Whose this identifier is",
    "links": "Identifiers that were linked to it",
    "keys": "Keys that your own words are encrypted with",
    "windows": "Ids of events, kept so that none counts twice",
}
"""The tables in the order of the page: what somebody asks for first, what is technical last."""

TIMES: Final = frozenset(
    {
        "at",
        "floor",
        "horizon",
        "last_now",
        "last_seen",
        "now",
        "since",
        "valid_until",
    }
)
"""Fields that are times though they do not end in ``_at`` or ``_ms``."""

OF_OTHERS: Final = frozenset({"erased_until", "known_from"})
"""Fields of an alias that say when somebody before was there: for the worker, not for who asks."""


class Held(Struct, frozen=True, kw_only=True):
    """What is held.

    ``complete`` says whether the log of events reaches back to its beginning, ``unreadable`` how
    many personal values are there as ciphertext alone, and ``trouble`` why, if that is known.
    """

    key: str
    identifiers: tuple[str, ...]
    made_at: str
    rows: dict[str, list[dict[str, Any]]]
    events: tuple[dict[str, Any], ...]
    rejected: tuple[dict[str, Any], ...]
    complete: bool
    known: bool
    unreadable: int = 0
    trouble: str | None = None


def everything_held(
    settings: Settings, key: str, now_ms: int, progress: Callable[[str], None]
) -> Held:
    """Collect it; an alias is followed.

    Raises:
        TopicMismatchError: topics are missing.
        StateError: a row cannot be read, or the key is no one person's.
    """
    found = entity(settings, key, progress)
    traced = trace(settings, found, None, progress)
    identifiers = tuple(dict.fromkeys((*found.redirects, *traced.now)))
    names = frozenset({found.key, *identifiers, *(one.key for one in found.identifiers)})
    others = _others(found, traced) - names
    codec = codec_of(settings)
    progress("reading the dead letters")
    rejected = tuple(
        {
            "place": str(letter.place),
            "rejected_at": time_text(letter.time_ms),
            "reason": letter.rejected.reason,
            "event": type_of(letter.rejected.value, Codec()),
        }
        for letter in dead_letters(settings, Wanted(), progress)
        if is_theirs(letter, traced.belonging, codec)
    )
    ring = KeyRing.of(settings, found)
    until = max((row.value["erased_until"] for row in found.rows.get("aliases", ())), default=0)
    rows = {
        table: kept
        for table, rows in found.rows.items()
        if (kept := [ring.open(row) for row in rows_of(table, rows, others, until)])
    }
    events = tuple(
        ring.open(_event(step.event, step.appended_at, names, traced))
        for step in traced.told.steps
        if step.via in ("direct", "forwarded") and traced.is_theirs(step)
    )
    return Held(
        key=found.key,
        identifiers=identifiers,
        made_at=time_text(now_ms),
        rows=rows,
        events=events,
        rejected=rejected,
        complete=not traced.trail.gone,
        known=found.known or bool(traced.told.steps) or bool(rejected),
        unreadable=ring.unreadable,
        trouble=None if ring.trouble is None else str(ring.trouble),
    )


def _others(found: Entity, traced: Trace) -> set[str]:
    """Who is named in the rows and may be somebody else; a device is nobody."""
    linked = traced.belonging.is_linked
    names = {*filter(linked, traced.trail.handed_over), *traced.trail.former}
    for row in found.rows.get("links", ()):
        names |= {row.value["root"], row.value["coordinator"], *row.value["carried"]}
        names |= {room["key"] for room in row.value["waiting"]}
        names |= {fact[side] for fact in row.value["facts"] for side in ("one", "other")}
    for row in found.rows.get("aliases", ()):
        names |= {tenure["root"] for tenure in row.value["earlier"]}
    return names - {""}


def rows_of(
    table: str, rows: Iterable[Row], others: Set[str], erased_until: int = 0
) -> list[dict[str, Any]]:
    """Rows without whom they name who is somebody else, and what came by such a key; of a device
    without what tells of when somebody had it who was erased, until then.
    """
    if table in _SINCE:
        since = _SINCE[table]
        rows = [kept for row in rows if (kept := since(row, erased_until)) is not None]
    return [
        {"key": row.key, **_without(row.value, others)}
        for row in rows
        # An order is one thing; what names somebody else in another row is a part of it.
        if table != "orders" or not _names(row.value, others)
    ]


def _alias_since(row: Row, until: int) -> Row | None:
    """An alias without when somebody had it who was erased, and others until then; None if that
    is all there is. The end of their time is a tenure itself: a log-out, or the next one's log-in.
    """
    if until and row.value["since"] <= until:
        return None
    kept = {name: one for name, one in row.value.items() if name not in OF_OTHERS}
    if until:
        kept["earlier"] = [one for one in kept["earlier"] if one["since"] > until]
    return replace(row, value=kept)


def _window_since(row: Row, until: int) -> Row | None:
    """The ids of later events alone, each of which says when its event was; None if there are
    none. A time up to which ids have left is told as none, for it is that of an event, too.
    """
    if not until:
        return row
    sources = [
        {**one, "ids": ids, "horizon": _later(one["horizon"], until)}
        for one in row.value["sources"]
        if (ids := ids_after(one["ids"], until))
    ]
    if not sources:
        return None
    floor = _later(row.value["floor"], until)
    return replace(row, value={**row.value, "floor": floor, "sources": sources})


def _later(time: int, until: int) -> int:
    return time if time > until else NOTHING


_SINCE: Final = {"aliases": _alias_since, "windows": _window_since}


def _without(value: Any, others: Set[str]) -> Any:
    if isinstance(value, Mapping):
        return {
            name: _without(field, others)
            for name, field in value.items()
            if name != "coordinator" and not (isinstance(field, str) and field in others)
        }
    if isinstance(value, list | tuple):
        return [_without(one, others) for one in value if not _names(one, others)]
    return value


def _names(value: Any, others: Set[str]) -> bool:
    fields = value.values() if isinstance(value, Mapping) else (value,)
    return any(isinstance(field, str) and field in others for field in fields)


def is_theirs(letter: DeadLetter, belonging: Belonging, codec: Codec) -> bool:
    """Whether a rejected record is the person's: by its event, or else by its key and time.

    What was rejected since its person was erased, by a device or card of theirs, has no event to
    tell whose it was, and came when that was somebody else's perhaps: it is nobody's.
    """
    rejected = letter.rejected
    key, me = (rejected.key or b"").decode(errors="replace"), belonging.key
    if rejected.reason == reasons.ERASED and (
        me not in (key, rejected.to) or belonging.was_of_erased()
    ):
        return False
    try:
        event = codec.decode_event(rejected.value)
    except CcstreamError:
        return belonging.had(key, letter.time_ms)
    return belonging.has(me if me in (key, rejected.to) else event.subject, event)


def _event(event: Event, appended_at: int, names: Set[str], traced: Trace) -> dict[str, Any]:
    """An event, without the identifiers of others that it names; of these, how many."""
    fields = {name: value for name, value in to_builtins(event).items() if value is not None}
    fields["occurred_at"] = time_text(event.occurred_at)
    named = fields.get("identifiers", ())
    theirs = [
        one
        for one in named
        if one in names or (one in traced.trail.handed_over and not traced.belonging.is_linked(one))
    ]
    if len(theirs) < len(named):
        fields |= {"identifiers": theirs, "identifiers_of_others": len(named) - len(theirs)}
    return {"type": type(event).__name__, "stored_at": time_text(appended_at), **fields}


def as_page(held: Held) -> str:
    """The same as a page of HTML that needs nothing else."""
    sections = [
        _section(title, "".join(f"<article>{_value(row)}</article>" for row in held.rows[table]))
        for table, title in TITLES.items()
        if table in held.rows
    ]
    past = "" if held.complete else "<p>Events that are older than what is kept are not here.</p>"
    events = "".join(
        f"<details><summary>{escape(one['occurred_at'])} <b>{escape(one['type'])}</b> "
        f"{escape(one['channel'])}</summary>{_value(one)}</details>"
        for one in held.events
    )
    sections.append(_section("What happened", past + (events or "<p>Nothing is kept.</p>")))
    if held.rejected:
        letters = "".join(f"<article>{_value(one)}</article>" for one in held.rejected)
        sections.append(_section("What could not be taken in", letters))
    others = "".join(f"<li><code>{escape(one)}</code></li>" for one in held.identifiers)
    identifiers = f"<p>Also known as:</p><ul>{others}</ul>" if others else ""
    return PAGE.format(
        key=escape(held.key),
        made_at=escape(held.made_at),
        identifiers=identifiers,
        sections="".join(sections),
    )


def _section(title: str, body: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{body}</section>"


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        rows = "".join(
            f"<dt>{escape(str(name).replace('_', ' '))}</dt><dd>{_value(_timed(name, one))}</dd>"
            for name, one in value.items()
            if one not in (None, "", [], {}) and name != "version" and not _is_never(name, one)
        )
        return f"<dl>{rows}</dl>"
    if isinstance(value, list | tuple):
        return "<ul>" + "".join(f"<li>{_value(one)}</li>" for one in value) + "</ul>"
    if isinstance(value, bytes):
        value = f"{len(value):,} bytes"  # the JSON has them
    if isinstance(value, bool):
        value = "yes" if value else "no"
    return escape(str(value))


def _is_time(name: str, value: Any) -> bool:
    return type(value) is int and (name in TIMES or name.endswith(("_at", "_ms")))


def _is_never(name: str, value: Any) -> bool:
    """Whether it stands for that there is no such time."""
    return _is_time(name, value) and value <= 0


def _timed(name: str, value: Any) -> Any:
    """A time as people read it."""
    return time_text(value) if _is_time(name, value) else value


PAGE: Final = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>What is held on {key}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; color: #1f2724; background: #f5f2ec; margin: 0 auto;
  padding: 2rem 1rem; max-width: 54rem; overflow-wrap: anywhere; }}
section, header {{ background: #fffdf9; border: 1px solid #ddd6c9; border-radius: 10px;
  padding: 1rem 1.25rem; margin-bottom: 1rem; }}
h1 {{ font-size: 1.6rem; margin: 0 0 .25rem; }} h2 {{ font-size: 1.15rem; margin: 0 0 .5rem; }}
dl {{ display: grid; grid-template-columns: minmax(0, 11rem) minmax(0, 1fr);
  gap: .2rem 1rem; margin: 0; }}
dt {{ color: #5b645f; }} dd {{ margin: 0; }}
dd:has(dl), dd:has(ul) {{ grid-column: 1 / -1; padding-left: .9rem;
  border-left: 2px solid #ddd6c9; margin-bottom: .4rem; }}
ul {{ margin: 0; padding-left: 1.1rem; }}
dd ul {{ list-style: none; padding: 0; }} dd li + li {{ margin-top: .5rem; }}
@media (max-width: 30rem) {{ dl {{ grid-template-columns: minmax(0, 2fr) minmax(0, 3fr); }} }}
article + article, details {{ border-top: 1px solid #ddd6c9; padding: .5rem 0; }}
summary {{ cursor: pointer; }}
</style>
</head>
<body>
<header><h1>What is held on {key}</h1><p>As of {made_at}.</p>{identifiers}</header>
<main>{sections}</main>
</body>
</html>
"""
