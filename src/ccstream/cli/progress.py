"""How far a long command is: a bar where somebody looks, else a line now and then."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from ccstream.cli.console import say, talk

__all__ = ["LINE_S", "shown_progress"]

LINE_S: Final = 10.0
"""Between two lines: a log of an import of an hour has some hundreds."""


@contextmanager
def shown_progress(
    what: str, total: int | None = None, clock: Callable[[], float] = time.monotonic
) -> Iterator[Callable[[int], None]]:
    """Gives what is to be called with how many are done.

    Args:
        what: of which: ``rows read``.
        total: how many there will be, if that is known.
        clock: seconds.
    """
    if not talk.is_terminal:
        yield _lines(what, total, clock)
        return
    columns = (
        SpinnerColumn(),
        *(() if total is None else (BarColumn(),)),
        TextColumn("{task.completed:,.0f} " + what),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=talk, transient=True) as shown:
        task = shown.add_task(what, total=total)
        yield lambda completed: shown.update(task, completed=completed)


def _lines(what: str, total: int | None, clock: Callable[[], float]) -> Callable[[int], None]:
    of = "" if total is None else f" of {total:,}"
    told = clock()

    def advance(completed: int) -> None:
        nonlocal told
        now = clock()
        if now - told >= LINE_S:
            told = now
            say(f"{completed:,}{of} {what}")

    return advance
