"""The rules about identifiers, from a TOML file: the one in the wheel, or one's own in its place.

A file that breaks a rule of its own is refused as a whole, with the place in it.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct, field

from ccstream.domain.forest import Strength
from ccstream.domain.identifiers import IdentifierClass, IdentifierRules
from ccstream.domain.limits import IDENTIFIERS_MAX, TENURES_MAX
from ccstream.errors import RulesError, SettingsError
from ccstream.rules.toml_file import read_toml

__all__ = ["RULES_BYTES_MAX", "load_identifier_rules", "read_identifier_rules"]

RULES_BYTES_MAX: Final = 1_000_000
"""Ours has 2 KB; more is another kind of file."""

_NAMESPACE: Final = re.compile(r"[a-z][a-z0-9_]*")
_COPY_OURS: Final = "begin with a copy of ccstream/ops/identity.toml"

_Identifiers = Annotated[int, Meta(ge=2, le=IDENTIFIERS_MAX)]
_Count = Annotated[int, Meta(ge=1, le=TENURES_MAX)]


class _Blocked(Struct, forbid_unknown_fields=True):
    values: frozenset[str] = frozenset()


class _Links(Struct, forbid_unknown_fields=True):
    identifiers_max: _Identifiers = IDENTIFIERS_MAX
    other: Strength = "observed"
    strengths: dict[Strength, tuple[str, ...]] = field(default_factory=dict)


class _File(Struct, forbid_unknown_fields=True):
    format: Literal[1]
    classes: dict[IdentifierClass, tuple[str, ...]]
    other: Literal["personal", "device", "shared"] = "personal"
    blocked: _Blocked = field(default_factory=_Blocked)
    accounts_max: dict[IdentifierClass, _Count] = field(default_factory=dict)
    links: _Links = field(default_factory=_Links)


def load_identifier_rules(path: Path | None) -> IdentifierRules:
    """The rules of a file, those in the wheel if None.

    Raises:
        SettingsError: it cannot be read, or is malformed.
    """
    if path is None:
        return _shipped()
    try:
        content = path.read_bytes()
    except OSError as problem:
        raise SettingsError(
            f"setting identity.rules: {path} cannot be read: {problem.strerror}; {_COPY_OURS}"
        ) from None
    try:
        return read_identifier_rules(content, path.name)
    except RulesError as problem:
        raise SettingsError(f"setting identity.rules: {problem}") from None


@cache
def _shipped() -> IdentifierRules:
    content = files("ccstream.ops").joinpath("identity.toml").read_bytes()
    return read_identifier_rules(content, "identity.toml")


def read_identifier_rules(content: bytes, name: str) -> IdentifierRules:
    """The rules of a file's content.

    Args:
        content: TOML in UTF-8, at most `RULES_BYTES_MAX`.
        name: the file's, for the sentence that says what is wrong.

    Raises:
        RulesError: it is malformed; the sentence names the place.
    """
    if len(content) > RULES_BYTES_MAX:
        raise RulesError(f"{name}: has more than {RULES_BYTES_MAX:,} bytes; {_COPY_OURS}")
    said = read_toml(content, _File, name)
    classes: dict[str, IdentifierClass] = {}
    for kind, namespaces in said.classes.items():
        for namespace in namespaces:
            if _NAMESPACE.fullmatch(namespace) is None:
                raise RulesError(
                    f"{name}: classes.{kind}: {namespace!r} is no namespace: lower-case letters, "
                    "digits and _, a letter first"
                )
            if namespace in classes:
                raise RulesError(f"{name}: classes.{kind}: {namespace} is of another class as well")
            classes[namespace] = kind
    for kind in said.accounts_max.keys() & {"account", "shared"}:
        raise RulesError(f"{name}: accounts_max.{kind}: only personal and device have accounts")
    if "account" not in classes.values():
        raise RulesError(f"{name}: classes.account: names no namespace; nothing could be linked")
    strengths: dict[str, Strength] = {}
    for strength, reasons in said.links.strengths.items():
        for reason in reasons:
            if reason in strengths:
                raise RulesError(f"{name}: links.strengths.{strength}: {reason} is there twice")
            strengths[reason] = strength
    return IdentifierRules(
        MappingProxyType(classes),
        said.other,
        frozenset(value.lower() for value in said.blocked.values),
        MappingProxyType({**said.accounts_max}),
        MappingProxyType(strengths),
        said.links.other,
        said.links.identifiers_max,
    )
