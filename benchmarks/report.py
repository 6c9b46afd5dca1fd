"""The newest result as tables: for the terminal, and for README.md and docs/performance.md.

Documents get one table a question, a row a subject and a column a figure; the runs behind a
median stay in the result file. README.md has only what is asked first.

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
README_QUESTIONS = frozenset({"throughput", "latency"})
DOCUMENTS: dict[Path, frozenset[str] | None] = {
    ROOT / "README.md": README_QUESTIONS,
    ROOT / "docs" / "performance.md": None,
}
"""With the questions that each shows; None: all."""
RATIO = "x"
"""The unit of a ratio of two subjects' medians."""

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


def markdown(document: dict[str, Any], only: frozenset[str] | None = None) -> str:
    """What stands in a document: of all questions, or of ``only`` these."""
    machine = document["machine"]
    libraries = ", ".join(f"{name} {version}" for name, version in machine["libraries"].items())
    parts = [
        f"Measured on {document['date']}: {machine['system']}, {machine['processor']}, "
        f"{machine['cores']} cores, {machine['memory_gib']} GiB; Python {machine['python']}; "
        f"{machine['kafka']}; {libraries}."
    ]
    by_question: dict[str, list[dict[str, Any]]] = {}
    for one in document["results"]:
        if only is None or one["question"] in only:
            by_question.setdefault(one["question"], []).append(one)
    for question, found in by_question.items():
        parts.append(_pivot(question, [one for one in found if one["unit"] != RATIO]))
        ratios = [one for one in found if one["unit"] == RATIO]
        if ratios:
            parts.append("\n".join(map(_ratio, ratios)))
    return "\n\n".join(parts) + "\n"


def _pivot(question: str, found: list[dict[str, Any]]) -> str:
    metrics = {one["metric"]: one["unit"] for one in found}
    cells: dict[str, dict[str, str]] = {}
    for one in found:
        cells.setdefault(one["subject"], {})[one["metric"]] = _number(one["value"])
    headings = [question, *(f"{_words(name, unit)}" for name, unit in metrics.items())]
    lines = [
        f"| {' | '.join(headings)} |",
        "|---|" + "---:|" * len(metrics),
        *(
            f"| {subject} | {' | '.join(values.get(name, '') for name in metrics)} |"
            for subject, values in cells.items()
        ),
    ]
    return "\n".join(lines)


def _words(metric: str, unit: str) -> str:
    """A column's heading: ``p50_ms_at_1000`` in ms is p50 at 1,000/s, ms."""
    name, _, rate = metric.partition("_at_")
    name = name.removesuffix(f"_{unit}").replace("_", " ")
    at = f" at {int(rate):,}/s" if rate else ""
    return f"{name}{at}" if unit.replace("/s", " per second") == name else f"{name}{at}, {unit}"


def _ratio(one: dict[str, Any]) -> str:
    than = one["metric"].removeprefix("times_").replace("_", " ")
    return f"- {one['subject']} is {one['value']:.2f} times {than}"


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
    for target, only in DOCUMENTS.items():
        text = target.read_text(encoding="utf-8")
        shown = markdown(document, only)
        wanted = MARKED.sub(lambda found, shown=shown: found[1] + shown + found[2], text)
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
