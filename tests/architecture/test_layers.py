"""What may import what, and what the domain must not do at all."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.source import modules


def test_the_layers_hold(root: Path) -> None:
    program = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [program, "--no-cache"], cwd=root, capture_output=True, text=True, timeout=50, check=False
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", modules("domain"), ids=lambda path: path.stem)
def test_the_domain_neither_waits_nor_prints_nor_computes_with_floats(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        where = f"{path.name}:{getattr(node, 'lineno', 0)}"
        assert not isinstance(
            node, ast.AsyncFunctionDef | ast.AsyncFor | ast.AsyncWith | ast.Await
        ), where
        assert not (isinstance(node, ast.Name) and node.id in {"float", "print", "open"}), where
        assert not (isinstance(node, ast.Constant) and isinstance(node.value, float)), where
