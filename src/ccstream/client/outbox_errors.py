"""What went wrong with an outbox file, in sentences that say what to do."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

from ccstream.errors import OutboxError

__all__ = ["damaged", "translated"]

_PRIMARY_CODE: Final = 0xFF
"""SQLite puts details into the higher bits of an error code."""


def damaged(path: Path, detail: str) -> str:
    """The sentence for a file whose content cannot be trusted."""
    return (
        f"The outbox {path} is damaged or no outbox at all ({detail}). Nothing in it was "
        "touched: move it away to start an empty one, and keep it if it may hold events."
    )


def translated(path: Path, doing: str, error: Exception) -> OutboxError:
    """The ``OutboxError`` for a failure of SQLite or of a row's content."""
    code = getattr(error, "sqlite_errorcode", None)
    primary = None if code is None else code & _PRIMARY_CODE
    if primary in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return OutboxError(
            f"The outbox {path} is in use by another process. Give every publisher an outbox "
            "of its own."
        )
    if primary == sqlite3.SQLITE_FULL:
        return OutboxError(
            f"The outbox {path} could not {doing}: there is no room on the disk. What it "
            "already holds is safe."
        )
    if primary in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB) or code is None:
        return OutboxError(damaged(path, str(error)))
    return OutboxError(f"The outbox {path} could not {doing}: {error}.")
