"""The diagram of docs/architecture.md: what flows where, drawn from the catalogue."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ccstream.wire.catalogue import (
    AGGREGATES,
    CHANNELS,
    CONTEXTS,
    IDENTITY_TOPIC,
    MAIL_TOPIC,
    REJECTED_TOPIC,
    SIGNALS_TOPIC,
    SYNC_TOPICS,
    TABLES,
    WINDOWS,
)

__all__ = ["BEGIN", "END", "with_diagram"]

BEGIN: Final = "<!-- diagram:begin (python -m ccstream.ops.reference docs) -->"
END: Final = "<!-- diagram:end -->"


def with_diagram(text: str) -> str:
    """``text`` with the diagram of today between its marks."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{_diagram()}{END}{after}"


def _diagram() -> str:
    return "".join(f"{line}\n" for line in ("```mermaid", "flowchart LR", *_lines(), "```"))


def _lines() -> Iterator[str]:
    yield f'  channels["channel.….events.v1 of {", ".join(CHANNELS)}"]'
    for context, classes in CONTEXTS.items():
        names = ", ".join(kind.__name__ for kind in classes)
        yield f'  channels -- "{names}" --> {context}(("{context}"))'
        tables = dict.fromkeys(table for kind in classes for table in AGGREGATES[kind.__name__])
        for table in tables:
            yield f"  {context} --> {table}[({table})]"
    for table in TABLES:
        if table in SYNC_TOPICS:
            yield f'  {table} --> sync_{table}["{SYNC_TOPICS[table]}"]'
    yield f'  {WINDOWS}[({WINDOWS})] -. "duplicates of every event" .- channels'
    yield f'  carts --> timers[(timers)] --> signals["{SIGNALS_TOPIC}"]'
    yield "  aliases --> links[(links)]"
    yield f'  aliases & links -- "merged, split, conflict" --> identity_facts["{IDENTITY_TOPIC}"]'
    yield f'  aliases <-- "what moves at a log-in" --> mail["{MAIL_TOPIC}"]'
    yield f'  channels -- "what cannot be folded" --> rejected["{REJECTED_TOPIC}"]'
