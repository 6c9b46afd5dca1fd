"""Rule packs from TOML files: those in the wheel, and one's own in their place or beside them.

A pack that breaks a rule of its own is refused as a whole, with the file and the place in it:
half a law is worse than none.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from itertools import combinations
from pathlib import Path
from types import MappingProxyType
from typing import Final

from ccstream.errors import RulesError
from ccstream.rules.calendar import has_holidays, zone
from ccstream.rules.pack import Pack, Rule, span
from ccstream.rules.toml_file import read_toml

__all__ = ["PACK_BYTES_MAX", "Packs", "load_packs", "read_pack", "shipped_packs"]

Packs = Mapping[str, Pack]
"""The packs by country, as ISO 3166-1 names it with two letters."""

PACK_BYTES_MAX: Final = 1_000_000
"""The largest of ours has 10 KB; more is another kind of file."""


@cache
def shipped_packs() -> Packs:
    """The packs in the wheel."""
    return MappingProxyType(_packs_in(files("ccstream.rules").joinpath("packs")))


def load_packs(folder: Path) -> Packs:
    """The packs in the wheel, and those of a folder in their place or beside them.

    Raises:
        RulesError: there is no such folder or no pack in it, or one is malformed.
    """
    if not folder.is_dir():
        raise RulesError(f"{folder} is no folder: give one with a rule pack as fr.toml in it")
    packs = _packs_in(folder)
    if not packs:
        raise RulesError(f"{folder} has no rule pack in it: give a folder with one as fr.toml")
    return MappingProxyType({**shipped_packs(), **packs})


def _packs_in(folder: Traversable) -> dict[str, Pack]:
    packs: dict[str, Pack] = {}
    for file in sorted(folder.iterdir(), key=lambda file: file.name):
        if not file.name.endswith(".toml"):
            continue
        try:
            content = file.read_bytes()
        except OSError as problem:
            raise RulesError(f"{file.name} cannot be read: {problem.strerror}") from None
        pack = read_pack(content, file.name)
        if pack.country in packs:
            raise RulesError(f"{file.name}: country: another file has the rules of {pack.country}")
        packs[pack.country] = pack
    return packs


def read_pack(content: bytes, name: str) -> Pack:
    """The pack of a file.

    Args:
        content: TOML in UTF-8, at most `PACK_BYTES_MAX`.
        name: the file's, for the sentence that says what is wrong.

    Raises:
        RulesError: it is no pack; the sentence names the place.
    """
    if len(content) > PACK_BYTES_MAX:
        raise RulesError(f"{name}: has more than {PACK_BYTES_MAX:,} bytes, and is no rule pack")
    pack = read_toml(content, Pack, name)
    wrong = _wrong_zone(pack) or _wrong_rule(pack)
    if wrong is not None:
        raise RulesError(f"{name}: {wrong}")
    return pack


def _wrong_zone(pack: Pack) -> str | None:
    if zone(pack.time_zone) is None:
        return f"time_zone: there is no time zone {pack.time_zone}"
    for name, region in pack.region.items():
        if name not in pack.regions:
            return f"region.{name}: is not in regions"
        if region.time_zone is not None and zone(region.time_zone) is None:
            return f"region.{name}.time_zone: there is no time zone {region.time_zone}"
        if region.holidays is not None and not has_holidays(pack.country, region.holidays):
            return f"region.{name}.holidays: the package holidays knows no {region.holidays}"
    if any(not times.on_holidays for times in pack.times) and not has_holidays(pack.country, None):
        return f"times: the package holidays knows none of {pack.country}"
    return None


def _wrong_rule(pack: Pack) -> str | None:
    for kind, rules in pack.kinds().items():
        for number, rule in enumerate(rules):
            if rule.until is not None and rule.until <= rule.valid_from:
                return f"{kind}[{number}].until: is not after from"
        for (_, one), (number, other) in combinations(enumerate(rules), 2):
            if _overlap(one, other):
                return (
                    f"{kind}[{number}]: holds for {other.channel} on the same days as one above it"
                )
    for number, times in enumerate(pack.times):
        for place, hours in enumerate(times.hours):
            start, end = span(hours)
            if start >= end:
                return f"times[{number}].hours[{place}]: {hours} ends before it begins"
    return None


def _overlap(one: Rule, other: Rule) -> bool:
    return (
        one.channel == other.channel
        and (one.until is None or other.valid_from < one.until)
        and (other.until is None or one.valid_from < other.until)
    )
