"""The newest result as a table: for the terminal, and for README.md and docs/performance.md.

``python -m benchmarks.report`` prints it; with ``--write`` it replaces what stands between
the markers in the documents, with ``--check`` it exits 1 if that is not what stands there.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Any

from benchmarks.results import newest

__all__ = ["main", "markdown", "table"]

ROOT = Path(__file__).parent.parent
DOCUMENTS = (ROOT / "README.md", ROOT / "docs" / "performance.md")
MARKED = re.compile(r"(<!-- figures:begin[^>]*-->\n).*?(<!-- figures:end -->)", re.DOTALL)

HEADINGS = ("Question", "Subject", "Figure", "Value", "Runs")


def rows(document: dict[str, Any]) -> list[tuple[str, ...]]:
    """One row a result, as text."""
    return [
        (
            one["question"],
            one["subject"],
            one["metric"],
            f"{_number(one['value'])} {one['unit']}",
            " ".join(map(_number, one["runs"])),
        )
        for one in document["results"]
    ]


def table(document: dict[str, Any]) -> str:
    """Aligned columns for a terminal."""
    lines = [HEADINGS, *rows(document)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADINGS))]
    return "\n".join(
        "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def markdown(document: dict[str, Any]) -> str:
    """What stands in the documents."""
    machine = document["machine"]
    libraries = ", ".join(f"{name} {version}" for name, version in machine["libraries"].items())
    head = (
        f"Measured on {document['date']}: {machine['system']}, {machine['processor']}, "
        f"{machine['cores']} cores, {machine['memory_gib']} GiB; Python {machine['python']}; "
        f"{machine['kafka']}; {libraries}.\n"
    )
    lines = [
        f"| {' | '.join(HEADINGS)} |",
        "|---|---|---|---|---|",
        *(f"| {' | '.join(row)} |" for row in rows(document)),
    ]
    return head + "\n" + "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.report", description=__doc__)
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--write", action="store_true", help="put it into the documents")
    choice.add_argument("--check", action="store_true", help="is it in the documents?")
    arguments = parser.parse_args()
    path = newest()
    if path is None:
        print("there are no results yet; run: make bench", file=sys.stderr)
        return 1
    document = json.loads(path.read_text(encoding="utf-8"))
    if not (arguments.write or arguments.check):
        print(table(document))
        return 0
    stale = False
    for target in DOCUMENTS:
        text = target.read_text(encoding="utf-8")
        wanted = MARKED.sub(lambda found: found[1] + markdown(document) + found[2], text)
        if wanted != text and arguments.write:
            target.write_text(wanted, encoding="utf-8")
        elif wanted != text:
            stale = True
            print(
                f"{target.relative_to(ROOT)} does not show {path.name}; "
                "run: python -m benchmarks.report --write",
                file=sys.stderr,
            )
    return int(stale)


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:,.1f}"


if __name__ == "__main__":
    sys.exit(main())
