"""A wrong setting, told with its name and the place where it stands.

Values never appear in a message, as they may be secrets.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from ccstream.errors import OptionError, SettingsError
from ccstream.ops.settings_sources import config_file, env_name, known_paths

__all__ = ["Places", "refusal"]

GIVEN: Final = "given as an option or argument"

Path = tuple[str, ...]


class Places:
    """Where settings stand: the first source that has one is the one that counts.

    Args:
        model: of the settings.
        given: what goes before all else, as a tree.
        given_in: of some of these, by their paths with two underscores, another place than an
            option or argument.
    """

    def __init__(
        self, model: type[BaseModel], given: Mapping[str, Any], given_in: Mapping[str, str]
    ) -> None:
        self._known = known_paths(model)
        self._given = given
        self._given_in = given_in

    def is_given(self, path: Path) -> bool:
        """Whether it is one of those that go before all else, or about one."""
        return _has(self._given, self._culprit(path))

    def of(self, path: Path) -> str:
        """Where it stands; empty if nowhere, as what is wrong is what is missing."""
        path = self._culprit(path)
        if _has(self._given, path):
            return self._given_in.get("__".join(path), GIVEN)
        variable = env_name(path)
        if any(name.upper() == variable for name in os.environ):
            return f"environment variable {variable}"
        if _has(self._file, path):
            return f"in {config_file()}"
        return ""

    def about(self, path: Path, text: str) -> Path:
        """The setting that a sentence about a section is about, if it names one that stands
        somewhere; the section itself otherwise.
        """
        if self._known.get(path) is None:
            return path
        for word in re.findall(r"[a-z0-9_]+", text):
            named = (*path, word)
            if named in self._known and self.of(named):
                return named
        return path

    def _culprit(self, path: Path) -> Path:
        """The setting itself, where a path leads on into its value."""
        while path and path not in self._known:
            path = path[:-1]
        return path

    @cached_property
    def _file(self) -> Mapping[str, Any]:
        path = config_file()
        try:
            return {} if path is None else tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}


def refusal(problem: ValidationError, places: Places) -> SettingsError:
    """Pydantic's findings as one sentence that names each setting and where it stands."""
    findings = []
    only_given = True
    for error in problem.errors(include_url=False, include_context=False, include_input=False):
        path = tuple(map(str, error["loc"]))
        message = error["msg"]
        if error["type"] == "extra_forbidden":
            message = "there is no such setting"
        text = message.removeprefix("Value error, ")
        text = text.replace("Input should", "should").replace("String should", "should")
        about = places.about(path, text)
        only_given &= bool(path) and places.is_given(about)
        where = places.of(about)
        findings.append(
            f"setting {'.'.join(path)}{f' ({where})' if where else ''}: {text}" if path else text
        )
    kind = OptionError if only_given else SettingsError
    return kind("; ".join(findings))


def _has(tree: Any, path: Path) -> bool:
    for part in path:
        if not isinstance(tree, Mapping) or part not in tree:
            return False
        tree = tree[part]
    return bool(path)
