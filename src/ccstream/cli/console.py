"""What commands write: data on standard output, talk on standard error."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Any, Final

import orjson
import typer
from msgspec import Struct
from msgspec.structs import fields
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ccstream.cli.exits import ExitCode, silence_stdout

__all__ = ["as_json", "data", "line", "say", "table", "talk"]

WIDTH_WITHOUT_TERMINAL: Final = 240
"""Where nobody looks at it, a table is for grep: one row one line."""

STYLES: Final = {
    "ok": "green",
    "warn": "yellow",
    "fail": "red",
    "create": "green",
    "drift": "yellow",
}

talk = Console(stderr=True, highlight=False, soft_wrap=True)


def say(text: str) -> None:
    """A line for whoever looks on."""
    talk.print(Text(text))


def line(text: str) -> None:
    """A line of data. If nobody reads on (``… | head``), the command ends, and well."""
    try:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
    except BrokenPipeError:
        silence_stdout()
        raise typer.Exit(ExitCode.OK) from None


def data(record: Any) -> None:
    """One JSON value on a line of its own; see `as_json`."""
    line(as_json(record))


def as_json(record: Any, *, indent: bool = False) -> str:
    """A value as JSON: bytes as hexadecimal text, what is at its default left out."""
    option = orjson.OPT_NON_STR_KEYS | (orjson.OPT_INDENT_2 if indent else 0)
    return orjson.dumps(record, default=_plain, option=option).decode()


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A table of data; cells that are a known state are coloured on a terminal."""
    terminal = sys.stdout.isatty()
    console = Console(highlight=False, width=None if terminal else WIDTH_WITHOUT_TERMINAL)
    drawn = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        drawn.add_column(column, overflow="fold")
    for row in rows:
        drawn.add_row(*(Text(cell, style=STYLES.get(cell, "")) for cell in row))
    with console.capture() as drawing:
        console.print(drawn)
    for text in drawing.get().splitlines():
        line(text.rstrip())


def _plain(value: object) -> object:
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).hex()
    if isinstance(value, Struct):
        return {
            field.name: getattr(value, field.name)
            for field in fields(value)
            if field.required or getattr(value, field.name) != field.default
        }
    raise TypeError(f"{type(value).__name__} is no JSON")
