"""How each trait of a profile is decided, from a TOML file.

A file that breaks a rule of its own is refused as a whole, with the place in it.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path
from typing import Final, Literal

from msgspec import Struct, field

from ccstream.domain.profile import Policies, Policy, PolicyName
from ccstream.errors import RulesError, SettingsError
from ccstream.ops.settings import Settings
from ccstream.rules.toml_file import read_toml
from ccstream.wire.catalogue import CHANNELS

__all__ = ["POLICIES_BYTES_MAX", "load_trait_policies", "policies_of", "read_trait_policies"]

POLICIES_BYTES_MAX: Final = 1_000_000
"""Some lines a trait; more is another kind of file."""

_VERIFIED: Final = "verified"
_ORIGIN: Final = re.compile(r"[a-z][a-z0-9_]*(/.+)?")
"""A channel, or a source of one."""


class _Decided(Struct, forbid_unknown_fields=True):
    policy: PolicyName
    trust: tuple[str, ...] = ()


class _File(Struct, forbid_unknown_fields=True):
    format: Literal[1]
    other: _Decided = field(default_factory=lambda: _Decided("most_recent"))
    traits: dict[str, _Decided] = field(default_factory=dict)


def policies_of(settings: Settings) -> Policies:
    """The policies that these settings name. Raises as `load_trait_policies`."""
    channels = (*CHANNELS, *settings.channels_extra)
    return load_trait_policies(settings.profile.policies, channels)


def load_trait_policies(path: Path | None, channels: Collection[str]) -> Policies:
    """The policies of a file; the latest statement of every trait if None.

    Args:
        path: the file.
        channels: all that there are.

    Raises:
        SettingsError: it cannot be read, or is malformed.
    """
    if path is None:
        return Policies()
    try:
        content = path.read_bytes()
    except OSError as problem:
        raise SettingsError(
            f"setting profile.policies: {path} cannot be read: {problem.strerror}"
        ) from None
    try:
        return read_trait_policies(content, path.name, channels)
    except RulesError as problem:
        raise SettingsError(f"setting profile.policies: {problem}") from None


def read_trait_policies(content: bytes, name: str, channels: Collection[str]) -> Policies:
    """The policies of a file's content.

    Args:
        content: TOML in UTF-8, at most `POLICIES_BYTES_MAX`.
        name: the file's, for the sentence that says what is wrong.
        channels: all that there are.

    Raises:
        RulesError: it is malformed; the sentence names the place.
    """
    if len(content) > POLICIES_BYTES_MAX:
        raise RulesError(f"{name}: has more than {POLICIES_BYTES_MAX:,} bytes")
    said = read_toml(content, _File, name)
    return Policies(
        {
            trait: _policy(one, f"{name}: traits.{trait}", channels)
            for trait, one in said.traits.items()
        },
        _policy(said.other, f"{name}: other", channels),
    )


def _policy(decided: _Decided, place: str, channels: Collection[str]) -> Policy:
    if decided.policy == "most_trusted" and not decided.trust:
        raise RulesError(f"{place}.trust: most_trusted wants a list, the most trusted first")
    if decided.policy != "most_trusted" and decided.trust:
        raise RulesError(f"{place}.trust: {decided.policy} goes by no trust; leave it out")
    for origin in decided.trust:
        if origin != _VERIFIED and _ORIGIN.fullmatch(origin) is None:
            raise RulesError(
                f"{place}.trust: {origin!r} is no origin: a channel (store), a source of one "
                f"(store/till:7) or {_VERIFIED}"
            )
        channel = origin.partition("/")[0]
        if origin != _VERIFIED and channel not in channels:
            # It would rank nobody, and the latest statement would count instead.
            raise RulesError(
                f"{place}.trust: there is no channel {channel!r}; there are {', '.join(channels)} "
                "(others are named in channels_extra)"
            )
    if len(set(decided.trust)) < len(decided.trust):
        raise RulesError(f"{place}.trust: an origin is there twice")
    return Policy(decided.policy, decided.trust)
