"""The project's own files, for tests that read them."""

from __future__ import annotations

import ast
import shutil
import subprocess
from pathlib import Path

__all__ = ["ROOT", "declared", "modules", "tracked"]

ROOT = Path(__file__).parent.parent.parent


def modules(package: str = "") -> list[Path]:
    """Every module under ``src/ccstream`` or one of its packages, except empty ones."""
    found = (ROOT / "src" / "ccstream" / package).rglob("*.py")
    return sorted(path for path in found if path.stat().st_size)


def declared(path: Path) -> list[str] | None:
    """The names in a module's ``__all__``, or ``None`` if it has none."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        if any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets):
            assert isinstance(node, ast.Assign)
            names: list[str] = ast.literal_eval(node.value)
            return names
    return None


def tracked() -> list[Path]:
    """The text files of the project: those that git has, or all there are in a plain copy."""
    git = shutil.which("git")
    listed = ""
    if git is not None and (ROOT / ".git").exists():
        listed = subprocess.run(
            [git, "ls-files", "-z"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
        ).stdout
    names = listed.split("\0") if listed else map(str, _plain_copy())
    paths = [ROOT / name for name in names if name]
    return [path for path in paths if path.is_file() and b"\0" not in path.read_bytes()[:4096]]


def _plain_copy() -> list[Path]:
    found = (path.relative_to(ROOT) for path in ROOT.rglob("*"))
    return [
        path
        for path in found
        if not any(part.startswith((".", "__pycache__")) for part in path.parts)
    ]
