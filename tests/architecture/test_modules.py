"""The shape of modules: a size one can hold in mind, and a public face that is declared."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.support.source import ROOT, declared, modules

LINES_MAX = 400

NO_FACE = {"__main__", "__init__"}
"""Modules that are run, and packages that only hold modules."""


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT / "src"))


def order(name: str) -> tuple[int, str]:
    """Constants, then classes, then functions, each by name."""
    return (0 if name.isupper() else 1 if name[0].isupper() else 2, name)


def top_level_names(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                names.add(node.name)
            case ast.Assign():
                for target in node.targets:
                    names.update(part.id for part in ast.walk(target) if isinstance(part, ast.Name))
            case ast.AnnAssign(target=ast.Name(id=name)):
                names.add(name)
            case ast.Import() | ast.ImportFrom():
                names.update(alias.asname or alias.name for alias in node.names)
            case _:
                pass
    return names


GENERATED = {
    ROOT / f"src/ccstream/wire/{name}.py"
    for name in ("event_readers", "event_writers", "row_readers")
}
"""Nobody has to hold those in mind; `scripts/generate` makes them."""


@pytest.mark.parametrize("path", [m for m in modules() if m not in GENERATED], ids=name_of)
def test_a_module_can_be_held_in_mind(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LINES_MAX


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_a_module_says_first_what_it_is(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    "path", [path for path in modules() if path.stem not in NO_FACE], ids=name_of
)
def test_a_module_declares_its_public_names_sorted(path: Path) -> None:
    names = declared(path)
    assert names is not None, "has no __all__"
    assert names == sorted(set(names), key=order)
    assert not set(names) - top_level_names(path), "names in __all__ that are not there"


def test_what_one_module_takes_from_another_is_public_there() -> None:
    faces = {path.relative_to(ROOT / "src").with_suffix(""): declared(path) for path in modules()}
    public = {".".join(path.parts): names for path, names in faces.items()}
    taken_in_secret = [
        f"{name_of(path)}:{node.lineno} takes {alias.name} from {node.module}"
        for path in modules()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and (names := public.get(node.module or "")) is not None
        for alias in node.names
        if alias.name not in names
    ]
    assert not taken_in_secret
