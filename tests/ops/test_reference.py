from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ccstream.ops.diagram import with_diagram
from ccstream.ops.reference import DIAGRAMMED, PAGES
from ccstream.ops.settings import Settings
from ccstream.ops.topics import specs_of
from ccstream.wire.catalogue import CONTEXTS, OUTPUT_TOPICS, TABLES
from ccstream.wire.topics import SETTINGS, Setting

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize(("name", "page"), PAGES.items())
def test_the_generated_page_is_fresh(name: str, page: Callable[[], str]) -> None:
    assert (DOCS / name).read_text(encoding="utf-8") == page(), (
        "stale: run `python -m ccstream.ops.reference docs`"
    )


def test_all_topics_of_a_kind_are_set_as_the_page_says_of_the_first() -> None:
    by_kind: dict[str, set[tuple[Setting, ...]]] = {}
    for spec in specs_of(Settings()):
        by_kind.setdefault(spec.kind, set()).add(spec.settings)
    assert {kind: len(found) for kind, found in by_kind.items()} == dict.fromkeys(SETTINGS, 1)


def test_the_diagram_is_fresh_and_has_every_event_table_and_topic() -> None:
    text = (DOCS / DIAGRAMMED).read_text(encoding="utf-8")
    assert text == with_diagram(text), "stale: run `python -m ccstream.ops.reference docs`"
    events = [kind.__name__ for kinds in CONTEXTS.values() for kind in kinds]
    _, _, diagram = text.partition("```mermaid")
    drawn = diagram.partition("```")[0]
    assert [name for name in (*events, *OUTPUT_TOPICS) if name not in drawn] == []
    assert [table for table in TABLES if f"[({table})]" not in drawn] == []
