"""A wrong setting, told with its name and the place where it stands.

Values never appear in a message, as they may be secrets.
"""

from __future__ import annotations

import json
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

SettingPath = tuple[str, ...]
"""The names of the section and of the setting in it."""


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

    def is_given(self, path: SettingPath) -> bool:
        """Whether it is one of those that go before all else, or about one."""
        return any(_has(self._given, one) for one in self._names(path))

    def of(self, path: SettingPath) -> str:
        """Where it stands; empty if nowhere, as what is wrong is what is missing."""
        names = self._names(path)
        for name in names:
            if _has(self._given, name):
                return self._given_in.get("__".join(name), GIVEN)
        for name in names:
            if variable := _variable(name):
                return f"environment variable {variable}"
        if any(_has(self._file, name) for name in names):
            return f"in {config_file()}"
        return ""

    def about(self, path: SettingPath, text: str) -> SettingPath:
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

    def _names(self, path: SettingPath) -> tuple[SettingPath, ...]:
        """The setting itself, where a path leads on into its value, and the one that names its
        file, if it is a secret.
        """
        while path and path not in self._known:
            path = path[:-1]
        if not path:
            return ()
        of_file = (*path[:-1], f"{path[-1]}_file")
        return (path, of_file) if of_file in self._known else (path,)

    @cached_property
    def _file(self) -> Mapping[str, Any]:
        path = config_file()
        try:
            return {} if path is None else tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}  # it was read a moment ago: changed since then, it is no place to name


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


def _variable(path: SettingPath) -> str | None:
    """The variable that a setting stands in: its own, or as JSON that of its section."""
    values = {name.upper(): value for name, value in os.environ.items()}
    own = env_name(path)
    if own in values:
        return own
    for length in range(len(path) - 1, 0, -1):
        section = env_name(path[:length])
        if _has(_json(values.get(section, "")), path[length:]):
            return section
    return None


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None  # unset, or what has no settings in it


def _has(tree: Any, path: SettingPath) -> bool:
    for part in path:
        if not isinstance(tree, Mapping) or part not in tree:
            return False
        tree = tree[part]
    return bool(path)
