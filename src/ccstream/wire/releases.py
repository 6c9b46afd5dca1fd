"""Releases of schemas: copies under ``schemas/released/``, by which later ones are judged."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ccstream.wire.catalogue import topics
from ccstream.wire.schemas import SchemaInfo, SchemaSet

__all__ = ["make_release", "unreleased"]


def unreleased(schemas: SchemaSet) -> Iterator[tuple[SchemaInfo, int]]:
    """Today's schemas that differ from their last release, with the number of the next.

    Only those that a topic carries: other records are released within them. A difference in
    documentation alone is none: both write the same bytes.
    """
    carried = {fullname for spec in topics("any") for fullname in spec.schemas}
    for info in schemas:
        if info.fullname in carried:
            releases = schemas.released(info.fullname)
            if not releases:
                yield info, 1
            elif _without_doc(releases[-1].raw) != _without_doc(info.raw):
                yield info, (releases[-1].version or 0) + 1


def make_release(schemas: SchemaSet, folder: Path) -> list[Path]:
    """Write what is not released yet into a folder of schemas; the files, as written."""
    written = []
    for info, number in unreleased(schemas):
        path = folder / "released" / info.fullname / f"{number}.avsc"
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(info.raw, ensure_ascii=False, indent=1)
        path.write_text(text + "\n", encoding="utf-8")
        written.append(path)
    return written


def _without_doc(raw: Any) -> Any:
    if isinstance(raw, dict):
        return {key: _without_doc(value) for key, value in raw.items() if key != "doc"}
    if isinstance(raw, list):
        return [_without_doc(item) for item in raw]
    return raw
