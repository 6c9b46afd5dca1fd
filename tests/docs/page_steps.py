"""What a page tells a reader to write: whole files, and changes to those that are there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

__all__ = ["Change", "NewFile", "apply", "program", "steps"]

FENCED = re.compile(
    r"(?:^\*\*(?P<path>[\w./-]+)\*\*\n\n)?^```(?P<kind>\w+)\n(?P<body>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


class NewFile(NamedTuple):
    """A block under a path in bold."""

    path: str
    text: str


class Change(NamedTuple):
    """One ``@@`` of a diff block: what stands there, and what is to stand there."""

    path: str
    before: list[str]
    after: list[str]


def steps(page: str) -> list[NewFile | Change]:
    """In the order of the page."""
    found: list[NewFile | Change] = []
    for block in FENCED.finditer(page):
        if block["path"]:
            found.append(NewFile(block["path"], block["body"]))
        elif block["kind"] == "diff":
            head, *hunks = re.split(r"^@@\n", block["body"], flags=re.MULTILINE)
            path = head.removeprefix("--- ").strip()
            for hunk in hunks:
                lines = hunk.splitlines()
                before = [line[1:] for line in lines if line[:1] != "+"]
                after = [line[1:] for line in lines if line[:1] != "-"]
                found.append(Change(path, before, after))
    return found


def program(page: str) -> str:
    """The last Python block of the page that is no file."""
    blocks = [b["body"] for b in FENCED.finditer(page) if b["kind"] == "python" and not b["path"]]
    return blocks[-1]


def apply(step: NewFile | Change, tree: Path) -> None:
    """Do it. What a change refers to has to be there, in one place that comes next."""
    path = tree / step.path
    if isinstance(step, NewFile):
        assert not path.exists(), f"{step.path} is there already"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(step.text, encoding="utf-8")
        return
    lines = path.read_text(encoding="utf-8").splitlines()
    size = len(step.before)
    places = [at for at in range(len(lines)) if lines[at : at + size] == step.before]
    assert len(places) == 1, f"{step.path}: {len(places)} places have\n" + "\n".join(step.before)
    lines[places[0] : places[0] + size] = step.after
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
