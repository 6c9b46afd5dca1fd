"""What one row says: whose it is, since when, which identifiers, traits and consents.

A row that cannot say whose it is or since when is *rejected* as a whole; a cell that is malformed
is *set aside*, and the rest of its row counts. Either way the place and the reason are told, the
value never is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from msgspec import Struct

from ccstream.client.contact_points import EMAIL_NAMESPACE, PHONE_NAMESPACE, ContactPoints
from ccstream.domain.identifiers import IdentifierRules
from ccstream.errors import InvalidEventError
from ccstream.imports.mapping import ConsentColumn, IdentifierColumn, ImportMap
from ccstream.imports.table_file import TableRow
from ccstream.wire.validate import AHEAD_MS_MAX, TEXT_CHARS_MAX, is_entity_key

__all__ = ["REJECTIONS", "SET_ASIDE", "Facts", "Problem", "Reader", "StatedConsent", "StatedTrait"]

REJECTIONS: Final[Mapping[str, str]] = {
    "ragged_row": "the row has more or fewer cells than there are columns",
    "no_key": "the row has no key, or one that says nothing (null, zeros)",
    "no_time": "there is no time at which the row was changed",
    "bad_time": "that time is not in the map's format, or is before 1970",
    "future_time": "that time is more than a day ahead",
    "bad_account": "the account's number is none: null, zeros, blanks, or an address",
    "nobody": "neither account nor any identifier is left",
}

SET_ASIDE: Final[Mapping[str, str]] = {
    "bad_email": "it is no e-mail address",
    "bad_phone": "it is no phone number, or one without its country's code and row.region",
    "blocked_identifier": "it says nothing about who somebody is: null, zeros, unknown",
    "bad_identifier": "it cannot be an identifier: blanks, a #, an address, or too long",
    "text_too_long": f"it has more than {TEXT_CHARS_MAX:,} characters",
    "unclear_consent": "it is neither of yes, no nor unasked",
    "consent_without_point": "there is no address or number that it could be about",
    "bad_consent_time": "the time of the consent is not in the map's format, or is ahead",
}

_POINTS_KEPT: Final = 65_536
"""Contact points whose hash is remembered: rows of one customer lie near each other."""


class Problem(Struct, frozen=True):
    """What is wrong, and where; without the value, which may be personal."""

    number: int
    column: str
    reason: str


class StatedTrait(Struct, frozen=True, array_like=True):
    name: str
    value: str
    verified: bool


class StatedConsent(Struct, frozen=True, array_like=True):
    point: str
    channel: str
    purpose: str
    status: str
    form_version: str
    captured_at: int


class Facts(Struct, frozen=True, array_like=True):
    """A row as it is kept until it is published.

    ``digest`` is of the contents of all columns that the map reads. ``own`` is the identifier that
    the row is about where it names no account.
    """

    number: int
    key: str
    digest: str
    time_ms: int
    account: str | None
    own: str | None
    identifiers: tuple[str, ...]
    traits: tuple[StatedTrait, ...]
    consents: tuple[StatedConsent, ...]


class _RejectedError(Exception):
    def __init__(self, column: str, reason: str) -> None:
        super().__init__(reason)
        self.column = column
        self.reason = reason


class Reader:
    """Reads rows by a map.

    Args:
        mapping: what the columns mean.
        points: makes the hashes.
        rules: which values are no identifiers.
        now_ms: what time it is, for those that are ahead.
    """

    def __init__(
        self, mapping: ImportMap, points: ContactPoints, rules: IdentifierRules, now_ms: int
    ) -> None:
        self._map = mapping
        self._rules = rules
        self._latest_ms = now_ms + AHEAD_MS_MAX
        self._zone = ZoneInfo(mapping.row.time_zone)
        region = mapping.row.region
        self._points: Mapping[str, Callable[[str], str | None]] = {
            EMAIL_NAMESPACE: lru_cache(_POINTS_KEPT)(_or_none(points.email)),
            PHONE_NAMESPACE: lru_cache(_POINTS_KEPT)(
                _or_none(lambda number: points.phone(number, region))
            ),
        }

    def read(self, row: TableRow, problems: Callable[[Problem], None]) -> Facts | None:
        """What the row says; None if it is rejected. ``problems`` is told of each."""
        try:
            return self._read(row, problems)
        except _RejectedError as rejected:
            problems(Problem(row.number, rejected.column, rejected.reason))
            return None

    def _read(self, row: TableRow, problems: Callable[[Problem], None]) -> Facts:
        cells, mapping = row.cells, self._map
        if cells is None:
            raise _RejectedError("", "ragged_row")

        def aside(column: str, reason: str) -> None:
            problems(Problem(row.number, column, reason))

        key = cells[mapping.row.key]
        if not key or self._rules.is_blocked(f":{key}"):
            raise _RejectedError(mapping.row.key, "no_key")
        time_ms = self._row_time(cells)
        account = self._account(cells)
        found: dict[str, str] = {}
        for column in (mapping.subject, *mapping.identifier):
            if column is not None and (made := self._identifier(cells, column, aside)) is not None:
                found[column.column] = made
        identifiers = tuple(dict.fromkeys(found.values()))
        if account is None and not identifiers:
            raise _RejectedError("", "nobody")
        own = None
        if account is None:
            subject = None if mapping.subject is None else found.get(mapping.subject.column)
            own = subject or identifiers[0]
        return Facts(
            row.number,
            key,
            row.digest,
            time_ms,
            account,
            own,
            identifiers,
            tuple(self._traits(cells, aside)),
            tuple(self._consents(cells, found, time_ms, aside)),
        )

    def _row_time(self, cells: Mapping[str, str]) -> int:
        column = self._map.row.changed_at
        text = cells[column]
        if not text:
            raise _RejectedError(column, "no_time")
        time_ms = self._time(text)
        if time_ms is None or time_ms < 0:
            raise _RejectedError(column, "bad_time")
        if time_ms > self._latest_ms:
            raise _RejectedError(column, "future_time")
        return time_ms

    def _time(self, text: str) -> int | None:
        try:
            form = self._map.row.time_format
            if form is None:
                at = datetime.fromisoformat(text)
            else:
                at = datetime.strptime(text, form)  # noqa: DTZ007 - the zone is the map's
            zoned = at if at.tzinfo else at.replace(tzinfo=self._zone)
            return int(zoned.astimezone(UTC).timestamp() * 1000)
        except (OverflowError, ValueError):
            return None

    def _account(self, cells: Mapping[str, str]) -> str | None:
        column = self._map.account
        if column is None or not cells[column.column]:
            return None
        key = f"{column.namespace}:{cells[column.column]}"
        if self._rules.is_blocked(key) or not is_entity_key(key):
            raise _RejectedError(column.column, "bad_account")
        return key

    def _identifier(
        self,
        cells: Mapping[str, str],
        column: IdentifierColumn,
        aside: Callable[[str, str], None],
    ) -> str | None:
        text = cells[column.column]
        if not text:
            return None
        if self._rules.is_blocked(f"{column.namespace}:{text}"):
            aside(column.column, "blocked_identifier")
            return None
        hashed = self._points.get(column.namespace)
        if hashed is not None:
            point = hashed(text)
            if point is None:
                aside(column.column, f"bad_{column.namespace}")
                return None
            return f"{column.namespace}:{point}"
        key = f"{column.namespace}:{text}"
        if not is_entity_key(key):
            aside(column.column, "bad_identifier")
            return None
        return key

    def _traits(
        self, cells: Mapping[str, str], aside: Callable[[str, str], None]
    ) -> list[StatedTrait]:
        traits = []
        for column in self._map.trait:
            text = cells[column.column]
            if len(text) > TEXT_CHARS_MAX:
                aside(column.column, "text_too_long")
            elif text:
                traits.append(StatedTrait(column.name, text, column.verified))
        return traits

    def _consents(
        self,
        cells: Mapping[str, str],
        found: Mapping[str, str],
        time_ms: int,
        aside: Callable[[str, str], None],
    ) -> list[StatedConsent]:
        consents = []
        for column in self._map.consent:
            text = cells[column.column]
            if not text or text in column.unasked:
                continue
            if text not in column.yes and text not in column.no:
                aside(column.column, "unclear_consent")
                continue
            point = found.get(column.point)
            if point is None:
                aside(column.column, "consent_without_point")
                continue
            status = "granted" if text in column.yes else column.no_status
            captured_at = self._captured_at(cells, column, time_ms)
            if captured_at is None:
                aside(column.captured_at or column.column, "bad_consent_time")
                continue
            consents.append(
                StatedConsent(
                    point.partition(":")[2],
                    column.channel,
                    column.purpose,
                    status,
                    column.form_version,
                    captured_at,
                )
            )
        return consents

    def _captured_at(
        self, cells: Mapping[str, str], column: ConsentColumn, time_ms: int
    ) -> int | None:
        text = "" if column.captured_at is None else cells[column.captured_at]
        captured_at = self._time(text) if text else time_ms
        if captured_at is None or not 0 <= captured_at <= self._latest_ms:
            return None
        return captured_at


def _or_none(make: Callable[[str], str]) -> Callable[[str], str | None]:
    def made(text: str) -> str | None:
        try:
            return make(text)
        except InvalidEventError:
            return None

    return made
