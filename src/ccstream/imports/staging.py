"""The rows of a file between reading and publishing: each once, in order of time.

A SQLite file in a folder of its own, which nobody else may read and which is gone at the end: an
import is as large as its data base, and sorting needs all of it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import msgspec
from msgspec import Struct

from ccstream.imports.facts import Facts

__all__ = ["Claim", "Conflicts", "Staging"]

SCHEMA: Final = """
CREATE TABLE rows (
    id INTEGER PRIMARY KEY,
    time_ms INTEGER NOT NULL,
    number INTEGER NOT NULL,
    key TEXT NOT NULL,
    digest TEXT NOT NULL,
    named INTEGER NOT NULL,                 -- whether it names its account
    facts BLOB NOT NULL,
    UNIQUE (key, digest)
) STRICT;
CREATE UNIQUE INDEX by_number ON rows (number);
CREATE TABLE claims (                       -- which accounts rows say an identifier is of
    identifier TEXT NOT NULL,
    account TEXT NOT NULL,
    first_ms INTEGER NOT NULL,
    last_ms INTEGER NOT NULL,
    PRIMARY KEY (identifier, account)
) STRICT, WITHOUT ROWID;
CREATE TABLE found (number INTEGER PRIMARY KEY, account TEXT NOT NULL) STRICT;
CREATE TABLE fresh (                        -- what this pass found
    number INTEGER PRIMARY KEY,
    account TEXT NOT NULL,
    own TEXT NOT NULL,
    place INTEGER NOT NULL                  -- the row of the smallest speaks for all of one own
) STRICT;
CREATE TABLE known (                        -- whose it is by what has been folded
    identifier TEXT PRIMARY KEY,
    account TEXT NOT NULL,                  -- empty if nobody's
    time_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE unowned (identifier TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
CREATE TABLE subjects (subject TEXT PRIMARY KEY, events INTEGER NOT NULL) STRICT, WITHOUT ROWID;
"""

_CLAIM: Final = """
INSERT INTO claims VALUES (?1, ?2, ?3, ?3) ON CONFLICT DO UPDATE SET
    first_ms = min(first_ms, excluded.first_ms), last_ms = max(last_ms, excluded.last_ms)
"""

_COUNT: Final = """
INSERT INTO subjects VALUES (?, 1) ON CONFLICT DO UPDATE SET events = events + 1
"""

_FIRST: Final = """
SELECT account FROM (
    SELECT account, first_ms AS at FROM claims WHERE identifier = ?1
    UNION ALL SELECT account, time_ms FROM known WHERE identifier = ?1 AND account != ''
) ORDER BY at, account LIMIT 1
"""

_LAST: Final = """
SELECT account FROM (
    SELECT account, last_ms AS at FROM claims WHERE identifier = ?1
    UNION ALL SELECT account, time_ms FROM known WHERE identifier = ?1 AND account != ''
) ORDER BY at DESC, account DESC LIMIT 1
"""


_KNOW: Final = "INSERT OR REPLACE INTO known VALUES (?, ?, ?)"

_KNOW_LATE: Final = "INSERT OR IGNORE INTO known VALUES (?, ?, ?)"

_AGREE: Final = """
UPDATE fresh SET account = first.account FROM (
    SELECT own, account, row_number() OVER (PARTITION BY own ORDER BY place, number) AS nth
    FROM fresh
) AS first WHERE first.nth = 1 AND first.own = fresh.own AND first.account != fresh.account
"""


class Claim(Struct, frozen=True):
    """An identifier's account, from that time on."""

    account: str
    time_ms: int


class Conflicts(Struct, frozen=True):
    """What contradicts itself: identifiers of several accounts, rows changed twice at one time.

    ``too_many`` are identifiers of so many accounts that the worker will reject the next.
    """

    identifiers: int
    rows: int
    too_many: int


class Staging:
    """The file, open; use it as a context.

    Args:
        folder: where to make it; empty.
    """

    def __init__(self, folder: Path) -> None:
        self._base = sqlite3.connect(folder / "rows.sqlite", isolation_level=None)
        self._base.executescript(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA temp_store = FILE;"
        )
        self._base.executescript(SCHEMA)
        self._base.execute("BEGIN")
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder(Facts).decode
        self.rows = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._base.close()

    def add(self, facts: Facts) -> None:
        """Keep a row that is not there yet."""
        self._base.execute(
            "INSERT INTO rows (time_ms, number, key, digest, named, facts) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            (
                *(facts.time_ms, facts.number, facts.key, facts.digest),
                *(facts.account is not None, self._encode(facts)),
            ),
        )
        self.rows += 1
        if facts.account is None:
            self._base.executemany(
                "INSERT OR IGNORE INTO unowned VALUES (?)", [(one,) for one in facts.identifiers]
            )
        else:
            self._claim(facts, facts.account)

    def _claim(self, facts: Facts, account: str) -> None:
        claims = [(one, account, facts.time_ms) for one in facts.identifiers]
        self._base.executemany(_CLAIM, claims)

    def has(self, key: str, digest: str) -> bool:
        """Whether the row of this key and contents is there."""
        found = self._base.execute("SELECT 1 FROM rows WHERE key = ? AND digest = ?", (key, digest))
        return found.fetchone() is not None

    def names(self, identifier: str) -> bool:
        """Whether any row has the identifier."""
        found = self._base.execute(
            "SELECT 1 WHERE EXISTS (SELECT 1 FROM claims WHERE identifier = ?1) "
            "OR EXISTS (SELECT 1 FROM unowned WHERE identifier = ?1)",
            (identifier,),
        )
        return found.fetchone() is not None

    def know(self, identifier: str, claim: Claim | None, *, is_late: bool = False) -> None:
        """Take in whose an identifier is by what has been folded; the last word counts.

        One that ``is_late`` counts only if nothing at all has been taken in of the identifier.
        """
        account, time_ms = ("", 0) if claim is None else (claim.account, claim.time_ms)
        self._base.execute(_KNOW_LATE if is_late else _KNOW, (identifier, account, time_ms))

    def holder(self, identifier: str, *, first: bool) -> str | None:
        """The account that claimed an identifier ``first``, or else last, by the file or by what
        has been folded.
        """
        found = self._base.execute(_FIRST if first else _LAST, (identifier,)).fetchone()
        return None if found is None else str(found[0])

    def find(
        self, account_of: Callable[[Facts], str | None], is_first: Callable[[str], bool]
    ) -> int:
        """Ask whose the rows are that name no account and have not been found; how many now are.

        What these claim is known only when all have been asked, so their order makes no difference.
        Rows of one own identifier are one account's, that of the first, or last, of them that has
        been found: so another import, which knows the identifier by then, finds it for all, too.

        Args:
            account_of: whose a row is, None if that is not known.
            is_first: whether the first claim of an identifier counts, and not the last.
        """
        strangers = (
            "SELECT facts FROM rows WHERE NOT named AND number NOT IN (SELECT number FROM found) "
            "ORDER BY time_ms, number"
        )
        for (encoded,) in self._base.execute(strangers):
            facts = self._decode(encoded)
            account = account_of(facts)
            if account is not None:
                own = facts.own or ""
                place = facts.time_ms if is_first(own) else -facts.time_ms
                fresh = (facts.number, account, own, place)
                self._base.execute("INSERT INTO fresh VALUES (?, ?, ?, ?)", fresh)
        self._base.execute(_AGREE)
        now_found = "SELECT facts, account FROM fresh JOIN rows USING (number)"
        for encoded, account in self._base.execute(now_found):
            self._claim(self._decode(encoded), account)
        count = self._base.execute("INSERT INTO found SELECT number, account FROM fresh").rowcount
        self._base.execute("DELETE FROM fresh")
        return count

    def found(self, facts: Facts) -> str | None:
        """Whose a row is that names no account, if that was found."""
        found = self._base.execute("SELECT account FROM found WHERE number = ?", (facts.number,))
        account = found.fetchone()
        return None if account is None else str(account[0])

    def linked_already(self, identifier: str, account: str) -> bool:
        """Whether it is that account's by what has been folded."""
        found = self._base.execute(
            "SELECT 1 FROM known WHERE identifier = ? AND account = ?", (identifier, account)
        )
        return found.fetchone() is not None

    def conflicts(self, accounts_max: int | None) -> Conflicts:
        """Count what contradicts itself."""
        counts = self._base.execute(
            "SELECT count(*) FILTER (WHERE n > 1), count(*) FILTER (WHERE n > ?) FROM ("
            "SELECT count(*) AS n FROM (SELECT identifier, account FROM claims "
            "UNION SELECT identifier, account FROM known WHERE account != '') GROUP BY identifier)",
            (1 << 62 if accounts_max is None else accounts_max,),
        ).fetchone()
        rows = self._base.execute(
            "SELECT count(*) FROM (SELECT 1 FROM rows GROUP BY key, time_ms HAVING count(*) > 1)"
        ).fetchone()
        return Conflicts(counts[0], rows[0], counts[1])

    def count_events(self, subjects: Iterable[str]) -> None:
        """Count an event of each of these."""
        self._base.executemany(_COUNT, [(subject,) for subject in subjects])

    def crowded(self, events: int) -> int:
        """How many subjects have more events than that."""
        found = self._base.execute("SELECT count(*) FROM subjects WHERE events > ?", (events,))
        return int(found.fetchone()[0])

    def in_order(self, skip: int = 0) -> Iterator[Facts]:
        """The rows by time, and those of one time as the file has them, from the ``skip``-th on."""
        for (facts,) in self._base.execute(
            "SELECT facts FROM rows ORDER BY time_ms, number LIMIT -1 OFFSET ?", (skip,)
        ):
            yield self._decode(facts)
