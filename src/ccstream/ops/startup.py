"""A worker's start and end, as short as they can be: meanwhile its partitions stand still.

Most of a start is Python's imports. Some are of what libraries offer and a worker never uses:
structlog colours tracebacks with rich, Faust reads YAML and names the type of an HTTP client. They
are left out by the libraries' own rule for what is not installed, or else by an empty place that is
gone again afterwards, so that whoever wants the real ones gets them.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any, Final

__all__ = ["engine_imports", "imports", "leave"]

_OPTIONAL: Final = ("rich", "yaml")
"""Imported by structlog and Faust if they are there: a tenth of the time of a start."""

_HTTP_CLIENT: Final = ("aiohttp", "aiohttp.client")
"""Imported by Faust for the one name of a type: nearly a fifth."""


@contextmanager
def imports() -> Iterator[None]:
    """Modules that are imported within last as long as the process, and come without extras.

    The collector passes them over. It would look through them several times while they grow.
    """
    collects = gc.isenabled()
    gc.disable()
    absent = [name for name in _OPTIONAL if name not in sys.modules]
    hidden: dict[str, Any] = sys.modules  # None is Python's way to say that there is none
    for name in absent:
        hidden[name] = None
    try:
        yield
    finally:
        for name in absent:
            del hidden[name]
        gc.freeze()
        if collects:
            gc.enable()


@contextmanager
def engine_imports() -> Iterator[None]:
    """As :func:`imports`, for Faust."""
    places = {name: ModuleType(name) for name in _HTTP_CLIENT}
    places["aiohttp.client"].ClientSession = type("ClientSession", (), {})  # type: ignore[attr-defined]
    if any(name in sys.modules for name in places):
        places = {}
    sys.modules.update(places)
    try:
        with imports():
            yield
    finally:
        for name in places:
            del sys.modules[name]


def leave() -> None:
    """Before the end: Python would look through all there is for garbage once more.

    That takes some tenths of a second, for which who is to start under the same name waits.
    """
    gc.freeze()
