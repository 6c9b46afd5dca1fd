"""Tracebacks for the log: where it failed and with what type of error, not what it said.

The message of an error may quote the value that it stumbled over, which is a customer's. It is
shown only of errors whose messages are known to hold none: our own, the operating system's and
those of the Kafka clients. What a step said goes to the dead letter of its event.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from typing import Any, Final, TextIO

import structlog
from structlog.typing import ExcInfo

from ccstream.errors import CcstreamError

__all__ = ["WITHHELD", "as_records", "write_plain"]

WITHHELD: Final = "<withheld: it may quote a customer's data>"

CLIENTS: Final = frozenset({"aiokafka", "cimpl", "confluent_kafka"})
"""Packages whose errors speak of brokers, topics and offsets."""

CHAIN_MAX: Final = 50
"""Errors of one chain that are shown; a chain that is longer goes in circles."""

_transform = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)


def as_records(exc_info: ExcInfo) -> list[dict[str, Any]]:
    """A traceback as structlog has it in JSON."""
    silent = {type(one).__name__ for one in _chain(exc_info[1]) if not _may_speak(one)}
    records = _transform(exc_info)
    _silence(records, silent)
    return records


def write_plain(out: TextIO, info: ExcInfo) -> None:
    """A traceback for people."""
    parts = []
    for error in _chain(info[1]):
        said = str(error) if _may_speak(error) else WITHHELD
        frames = "".join(traceback.format_tb(error.__traceback__))
        parts.append(f"{frames}{type(error).__qualname__}: {said}")
    out.write(
        "\nwhich came of:\n\n".join(["Traceback (most recent call last):\n" + parts[0], *parts[1:]])
    )


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error, then what it came of, and those of a group."""
    waiting, seen = [error], set[int]()
    while waiting and len(seen) < CHAIN_MAX:
        one = waiting.pop(0)
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        if isinstance(one, BaseExceptionGroup):
            waiting += one.exceptions
        before = one.__cause__ or (None if one.__suppress_context__ else one.__context__)
        if before is not None:
            waiting.append(before)


def _may_speak(error: BaseException) -> bool:
    known = isinstance(error, CcstreamError | OSError)
    return known or type(error).__module__.partition(".")[0] in CLIENTS


def _silence(records: list[dict[str, Any]], silent: set[str]) -> None:
    for record in records:
        if record["exc_type"] in silent:
            record["exc_value"] = WITHHELD
        record["exc_notes"] = []
        for group in record.get("exceptions", ()):
            _silence(group, silent)
