"""Every hazard of docs/hazards.md names tests that exist."""

from __future__ import annotations

import ast
import re

from tests.support.source import ROOT

PAGE = (ROOT / "docs" / "hazards.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.splitlines()
    if line.startswith("| ") and not line.startswith("| hazard")
]
TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def functions(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in ast.walk(tree) if isinstance(node, kinds)}


def test_every_row_says_what_is_done_and_names_a_test() -> None:
    assert len(ROWS) >= 30
    for row in ROWS:
        hazard, _, done, tests, stock = row
        assert hazard and done and TEST.findall(tests), row
        assert stock.startswith(("read", "tried: ")), row


def test_every_test_that_is_named_exists() -> None:
    named = {found for row in ROWS for found in TEST.findall(row[3])}
    missing = [f"{path}::{name}" for path, name in named if name not in functions(path)]
    assert not missing
    assert functions("tests/integration/test_hazards.py")


def test_every_test_of_a_hazard_is_in_the_page() -> None:
    in_file = functions("tests/integration/test_hazards.py")
    tests = {name for name in in_file if name.startswith("test_")}
    named = {name for _, name in TEST.findall(PAGE)}
    assert tests <= named
