"""What the columns of a customer file mean: the map, a TOML file; docs/import.md explains it.

A map that breaks a rule is refused as a whole, with the place in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal
from zoneinfo import ZoneInfo

from msgspec import Struct, field
from phonenumbers import SUPPORTED_REGIONS

from ccstream.client.contact_points import EMAIL_NAMESPACE, PHONE_NAMESPACE
from ccstream.domain.consent import CONTACT_CHANNELS
from ccstream.domain.identifiers import IdentifierRules
from ccstream.errors import RulesError
from ccstream.rules.toml_file import read_toml
from ccstream.wire.validate import ID_CHARS_MAX, TRAITS_MAX

__all__ = ["ConsentColumn", "IdentifierColumn", "ImportMap", "TraitColumn", "read_map"]

MAP_BYTES_MAX: Final = 1_000_000
"""A wide data base's has some kilobytes."""

_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,49}")


class FileForm(Struct, forbid_unknown_fields=True, frozen=True):
    """How a CSV file is written; Parquet says so itself."""

    encoding: str = "utf-8"
    delimiter: str = ","


class RowColumns(Struct, forbid_unknown_fields=True, frozen=True):
    """``key`` is the row's own id in its data base, ``changed_at`` when it was last changed."""

    key: str
    changed_at: str
    time_format: str | None = None
    time_zone: str = "UTC"
    region: str | None = None


class IdentifierColumn(Struct, forbid_unknown_fields=True, frozen=True):
    """A column of identifiers; those of ``email`` and ``phone`` are hashed."""

    namespace: str
    column: str


class TraitColumn(Struct, forbid_unknown_fields=True, frozen=True):
    """A column that becomes a trait of the profile."""

    name: str
    column: str
    verified: bool = False


class ConsentColumn(Struct, forbid_unknown_fields=True, frozen=True):
    """A column of consents, about the contact point in the column ``point``.

    ``yes`` and ``no`` are the values that say so, ``unasked`` those that say nothing.
    """

    purpose: str
    channel: str
    column: str
    point: str
    yes: tuple[str, ...]
    form_version: str
    no: tuple[str, ...] = ()
    unasked: tuple[str, ...] = ()
    no_status: Literal["refused", "withdrawn"] = "refused"
    captured_at: str | None = None


class ImportMap(Struct, forbid_unknown_fields=True, frozen=True):
    """A whole map.

    ``account`` is the column of the account's number, ``subject`` that of the identifier that rows
    without one are about; at least one of both, or an identifier, there must be.
    """

    format: Literal[1]
    source: str
    channel: str
    row: RowColumns
    file: FileForm = field(default_factory=FileForm)
    account: IdentifierColumn | None = None
    subject: IdentifierColumn | None = None
    identifier: tuple[IdentifierColumn, ...] = ()
    trait: tuple[TraitColumn, ...] = ()
    consent: tuple[ConsentColumn, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that the map reads, each once."""
        return tuple(dict.fromkeys(self._columns()))

    def _columns(self) -> Iterator[str]:
        yield self.row.key
        yield self.row.changed_at
        for one in (self.account, self.subject, *self.identifier, *self.trait, *self.consent):
            if one is not None:
                yield one.column
        for consent in self.consent:
            yield consent.point
            if consent.captured_at is not None:
                yield consent.captured_at

    def point_kind(self, column: str) -> str | None:
        """``email`` or ``phone`` if the column is one of such identifiers."""
        for one in (self.subject, *self.identifier):
            if (
                one is not None
                and one.column == column
                and one.namespace in {EMAIL_NAMESPACE, PHONE_NAMESPACE}
            ):
                return one.namespace
        return None


def read_map(path: Path, rules: IdentifierRules) -> tuple[ImportMap, bytes]:
    """The map in a file, and the file's bytes.

    Raises:
        RulesError: it cannot be read, or breaks a rule.
    """
    try:
        content = path.read_bytes()
    except OSError as problem:
        raise RulesError(f"{path} cannot be read: {problem.strerror}") from None
    if len(content) > MAP_BYTES_MAX:
        raise RulesError(f"{path.name}: has more than {MAP_BYTES_MAX:,} bytes; it is no map")
    made = read_toml(content, ImportMap, path.name)
    mistake = next(_problems(made, rules), None)
    if mistake is not None:
        raise RulesError(f"{path.name}: {mistake}")
    return made, content


def _problems(made: ImportMap, rules: IdentifierRules) -> Iterator[str]:
    if not 0 < len(made.source) <= 100:
        yield "source: has not 1 to 100 characters"
    if made.account is None and made.subject is None and not made.identifier:
        yield "there is neither account, subject nor identifier, so rows would be about nobody"
    if made.account is not None and rules.class_of(f"{made.account.namespace}:") != "account":
        yield "account.namespace: is none of accounts by the rules about identifiers"
    for name, one in (
        ("subject", made.subject),
        *((f"identifier[{index}]", one) for index, one in enumerate(made.identifier)),
    ):
        if one is None:
            continue
        if not _NAME.fullmatch(one.namespace):
            yield f"{name}.namespace: use lower-case letters, digits and _, a letter first"
        kind = rules.class_of(f"{one.namespace}:")
        if kind == "account":
            yield f"{name}.namespace: accounts belong under account"
        if kind == "shared":
            yield f"{name}.namespace: is of a class that many people use and links nobody"
    if len(made.file.delimiter) != 1:
        yield "file.delimiter: is not one character"
    try:
        "".encode(made.file.encoding)
    except LookupError:
        yield "file.encoding: is none that Python knows, as utf-8, cp1252 and latin-1 are"
    try:
        ZoneInfo(made.row.time_zone)
    except (KeyError, OSError, ValueError):
        yield "row.time_zone: is none, as Europe/Paris is"
    if made.row.region is not None and made.row.region not in SUPPORTED_REGIONS:
        yield "row.region: is no country with phone numbers, in two capital letters, as FR is"
    for index, trait in enumerate(made.trait):
        if not 0 < len(trait.name) <= ID_CHARS_MAX:
            yield f"trait[{index}].name: has not 1 to {ID_CHARS_MAX} characters"
    if len(made.trait) > TRAITS_MAX:
        yield f"trait: there are more than {TRAITS_MAX}"
    if len({trait.name for trait in made.trait}) < len(made.trait):
        yield "trait: a name is there twice"
    for index, consent in enumerate(made.consent):
        place = f"consent[{index}]"
        if consent.channel not in CONTACT_CHANNELS:
            yield f"{place}.channel: is none of {', '.join(CONTACT_CHANNELS)}"
        if not _NAME.fullmatch(consent.purpose):
            yield f"{place}.purpose: use lower-case letters, digits and _, a letter first"
        if made.point_kind(consent.point) is None:
            yield f"{place}.point: is not the column of an identifier email or phone"
        if not consent.yes:
            yield f"{place}.yes: is empty"
        if not 0 < len(consent.form_version) <= ID_CHARS_MAX:
            yield f"{place}.form_version: has not 1 to {ID_CHARS_MAX} characters"
        said = [*consent.yes, *consent.no, *consent.unasked]
        if len(set(said)) < len(said):
            yield f"{place}: a value is in two of yes, no and unasked"
