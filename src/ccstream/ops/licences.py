"""Writes docs/licences.md: under which terms each package is that is installed with ccstream.

Which packages those are says ``uv.lock``, on Linux with the Python of the image; their terms they
say themselves, so they have to be installed, in the locked versions. ``python -m
ccstream.ops.licences`` prints the page; a test fails when it is stale, or when terms are none that
a user of ccstream can simply follow.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from typing import Any, Final

from msgspec import Struct
from packaging.markers import Marker

from ccstream.errors import DevkitError

__all__ = ["ALLOWED", "Installed", "installed", "not_allowed", "page"]

PLACE: Final = {
    "implementation_name": "cpython",
    "os_name": "posix",
    "platform_machine": "x86_64",
    "platform_python_implementation": "CPython",
    "platform_system": "Linux",
    "python_full_version": "3.13.0",
    "python_version": "3.13",
    "sys_platform": "linux",
}
"""That of the image; what is installed elsewhere differs by a package or two."""

BY_NAME: Final = {
    "Apache Software License": "Apache-2.0",
    "3-Clause BSD License": "BSD-3-Clause",
    "BSD License": "BSD",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "Repoze Public License": "BSD (Repoze)",
    "The Unlicense (Unlicense)": "Unlicense",
}
"""What packages say that have no SPDX expression yet. Which BSD it is only their text tells."""

ALLOWED: Final = frozenset(
    {
        *("Apache-2.0", "BSD", "BSD (Repoze)", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT"),
        *("MIT-0", "PSF-2.0", "Unlicense"),
        "MPL-2.0",  # asks for the source of changes to its own files alone
    }
)

HEAD: Final = """\
<!-- Generated from uv.lock and the packages' metadata by `python -m ccstream.ops.licences`. -->

# Licences

ccstream is under [Apache-2.0](../LICENSE). These packages are installed with it and all its extras
on Linux; what only tests need is not listed. Each keeps its own terms, here as it states them.

| package | version | licence |
|---|---|---|
"""


class Installed(Struct, frozen=True, order=True):
    """A package, and its terms as an SPDX expression or what comes nearest to it."""

    name: str
    version: str
    licence: str


def installed(lock: Path) -> Iterator[Installed]:
    """Every package that is installed with ccstream and all its extras, by name.

    Raises:
        DevkitError: one is not installed here, or in another version.
    """
    for name, version in sorted(_locked(tomllib.loads(lock.read_text(encoding="utf-8")))):
        try:
            found = metadata(name)
        except PackageNotFoundError:
            raise DevkitError(f"{name} is not installed: run `make setup`") from None
        if found["Version"] != version:
            raise DevkitError(
                f"{name} {found['Version']} is installed instead of {version}: run `make setup`"
            )
        yield Installed(name, version, _licence(found))


def _locked(lock: dict[str, Any]) -> set[tuple[str, str]]:
    packages = {(one["name"], one["version"]): one for one in lock["package"]}
    (own,) = (one for one in lock["package"] if one["name"] == "ccstream")
    found: set[tuple[str, tuple[str, ...]]] = set()
    wanted = [("ccstream", own["version"], tuple(own.get("optional-dependencies", {})))]
    names = set()
    while wanted:
        name, version, extras = wanted.pop()
        if (name, extras) in found:
            continue
        found.add((name, extras))
        names.add((name, version))
        package = packages[name, version]
        optional = package.get("optional-dependencies", {})
        for needed in (
            *package.get("dependencies", ()),
            *(one for extra in extras for one in optional.get(extra, ())),
        ):
            if "marker" not in needed or Marker(needed["marker"]).evaluate(dict(PLACE)):
                (there,) = (
                    number
                    for other, number in packages
                    if other == needed["name"] and needed.get("version", number) == number
                )
                wanted.append((needed["name"], there, tuple(needed.get("extra", ()))))
    return {(name, version) for name, version in names if name != "ccstream"}


def _licence(found: Any) -> str:
    if found["License-Expression"]:
        return str(found["License-Expression"])
    named = str(found["License"])
    if BY_NAME.get(named, named) in ALLOWED:
        return BY_NAME.get(named, named)
    prefix = "License :: "
    classifiers = [one for one in found.get_all("Classifier") or () if one.startswith(prefix)]
    terms = [BY_NAME.get(one.rpartition(" :: ")[2]) for one in classifiers]
    known = sorted({one for one in terms if one is not None})
    return " OR ".join(known) or (found["License"] or "unknown").partition("\n")[0]


def not_allowed(licence: str) -> list[str]:
    """The parts of an expression that are not among `ALLOWED`, if one needs them."""
    parts = re.split(r" AND ", licence.replace("(Repoze)", "<Repoze>"))
    found = []
    for part in parts:
        either = [one.strip(" ()").replace("<Repoze>", "(Repoze)") for one in part.split(" OR ")]
        if not ALLOWED.intersection(either):
            found += either
    return found


def page(lock: Path) -> str:
    """docs/licences.md."""
    rows = (f"| {one.name} | {one.version} | {one.licence} |\n" for one in installed(lock))
    return HEAD + "".join(rows)


if __name__ == "__main__":
    sys.stdout.write(page(Path("uv.lock")))
