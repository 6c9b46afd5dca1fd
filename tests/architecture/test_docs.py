"""What the documents tell people to type exists."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from ccstream.cli.program import build
from tests.support.command_lines import unknown_part
from tests.support.source import ROOT

DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
CODE = re.compile(r"```(?:sh|console|bash|shell)\n(.*?)```|`([^`\n]+)`", re.DOTALL)
PROMPT = re.compile(r"^[$%>]\s+")
LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)")


def commands(document: Path) -> Iterator[list[str]]:
    """Every command line in a document's shell blocks and inline code, as words."""
    for block, inline in CODE.findall(document.read_text(encoding="utf-8")):
        for line in (block or inline).replace("\\\n", " ").splitlines():
            words = PROMPT.sub("", line.strip()).split("#")[0].split()
            while words and re.fullmatch(r"[A-Z_]+=\S*", words[0]):
                words = words[1:]
            if words:
                yield words


def targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))


@pytest.fixture(scope="module")
def command_line() -> Any:
    return typer.main.get_command(build(None, load_all=True))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_make_target_in_a_document_exists(document: Path) -> None:
    named = {words[1] for words in commands(document) if words[0] == "make" and len(words) > 1}
    assert named <= targets()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_script_in_a_document_exists(document: Path) -> None:
    named = {words[0] for words in commands(document) if words[0].startswith("scripts/")}
    assert all((ROOT / name).exists() for name in named), named


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_command_and_option_in_a_document_exists(document: Path, command_line: Any) -> None:
    for words in commands(document):
        if Path(words[0]).name == "ccstream" and len(words) > 1:
            unknown = unknown_part(command_line, words[1:])
            assert unknown is None, f"`{' '.join(words)}`: there is no {unknown}"


def test_a_command_that_is_not_there_is_found(command_line: Any) -> None:
    assert unknown_part(command_line, ["devkit", "kafka", "--port", "0"]) is None
    assert unknown_part(command_line, ["devkit", "zookeeper"]) == "zookeeper"
    assert unknown_part(command_line, ["devkit", "kafka", "--prot", "0"]) == "--prot"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_within_the_project_leads_somewhere(document: Path) -> None:
    for target in LINK.findall(document.read_text(encoding="utf-8")):
        assert (document.parent / target).exists(), target
