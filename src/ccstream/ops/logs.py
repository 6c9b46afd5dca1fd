"""Logs: structured, on standard error, without anything of a customer.

Values under names that hold customers' data are replaced before they are rendered, whoever
logs them: the log is read by more people, and kept for longer, than the topics are. Other
libraries' records (aiokafka, Faust, librdkafka through `logging`) pass the same chain.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from typing import Any, Final, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from ccstream.ops import tracebacks
from ccstream.ops.settings import LogSettings

__all__ = ["configure", "logger"]

REDACTED: Final = "<redacted>"

PERSONAL: Final = frozenset(
    {
        *("alias", "body", "email", "event_body", "identifier", "identifiers", "key", "keys"),
        *("name", "observed", "payload", "phone", "record", "root", "row", "row_key", "sku"),
        *("session_id", "subject", "to", "trait", "traits", "value", "values"),
    }
)
"""Names whose values are, or may hold, a customer's key or data."""

DEPTH_MAX: Final = 5
"""Nested values deeper than this are replaced whole."""

# aiokafka and Faust log each step of a rebalance at INFO, which drowns our own line on it.
QUIET: Final = ("aiokafka", "faust", "mode", "asyncio", "kafka", "librdkafka", "uvicorn")


REPEAT_SECONDS: Final = 10.0
"""The same line of those libraries is told again after so long: while brokers are away,
aiokafka has some thirty a second to say."""


class _Repeats(logging.Filter):
    """Holds back what a library says over and over; the next time it tells how often."""

    def __init__(self) -> None:
        super().__init__()
        self._told: dict[tuple[str, int], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name.partition(".")[0] not in QUIET:
            return True
        line = (record.pathname, record.lineno)
        told_at, held_back = self._told.get(line, (float("-inf"), 0))
        if record.created - told_at < REPEAT_SECONDS:
            self._told[line] = (told_at, held_back + 1)
            return False
        if held_back:
            record.msg = f"{record.getMessage()} (and {held_back} more before)"
            record.args = ()
        self._told[line] = (record.created, 0)
        return True


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replace what stands under a personal name, at any depth."""
    return {name: _redacted(name, value, 0) for name, value in event.items()}


def _redacted(name: str, value: object, depth: int) -> object:
    if name in PERSONAL:
        return REDACTED
    if isinstance(value, bytes | bytearray | memoryview):
        return f"<{len(value)} bytes>"
    if isinstance(value, Mapping):
        if depth >= DEPTH_MAX:
            return REDACTED
        return {key: _redacted(str(key), inner, depth + 1) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        if depth >= DEPTH_MAX:
            return REDACTED
        return [_redacted("", inner, depth + 1) for inner in value]
    return value


def configure(settings: LogSettings, stream: TextIO | None = None, **bound: Any) -> None:
    """Set up logging for the process; may be called again.

    Args:
        settings: format and level.
        stream: where to write; standard error if None.
        bound: what every line says, as which of several processes it is from.
    """
    stream = stream or sys.stderr
    console = settings.format == "console" or (settings.format == "auto" and stream.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        lambda _logger, _method, event: {**bound, **event},
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        redact,
    ]
    last: list[Processor] = (
        [
            structlog.dev.ConsoleRenderer(
                colors=stream.isatty(), exception_formatter=tracebacks.write_plain
            )
        ]
        if console
        else [
            structlog.processors.ExceptionRenderer(tracebacks.as_records),
            structlog.processors.JSONRenderer(),
        ]
    )
    handler = logging.StreamHandler(stream)
    handler.addFilter(_Repeats())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.level.upper())
    for name in QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def logger(name: str, **bound: Any) -> structlog.stdlib.BoundLogger:
    """A logger of that name: ``logger(__name__).info("partitions assigned", count=3)``."""
    found: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name, **bound)
    return found
