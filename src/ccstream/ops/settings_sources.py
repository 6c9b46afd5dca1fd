"""Where settings come from; how a wrong one is told is in `ccstream.ops.settings_errors`.

The environment and the TOML file are checked for names that no setting has before their
values are looked at: a mistyped setting that is silently ignored is found at three in the
morning. Values never appear in a message, as they may be secrets.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic_settings import BaseSettings, EnvSettingsSource, InitSettingsSource

from ccstream.errors import SettingsError

__all__ = [
    "CheckedEnvironment",
    "CheckedToml",
    "addresses",
    "channel_names",
    "check_names",
    "config_file",
    "env_name",
    "known_paths",
    "nested",
    "with_secret_files",
]

PREFIX = "CCSTREAM_"
CONFIG_VARIABLE = "CCSTREAM_CONFIG"
CONFIG_FILE = "ccstream.toml"
SECRET_FILE_BYTES_MAX = 65_536  # a password or token; larger is a mistake in the path
OTHER_PREFIXES = (
    "CCSTREAM_TEST_",
    "CCSTREAM_SIMULATION_",
    "CCSTREAM_DEVKIT_",
    "CCSTREAM_CACHE",
    "CCSTREAM_REQUIRE_REAL_KAFKA",
)  # read by the tests and the devkit

# Kubernetes puts the addresses of services into every container's environment; a service
# named after the application would otherwise keep its own pods from starting.
SERVICE_LINK = re.compile(
    r"_SERVICE_HOST$|_SERVICE_PORT(_[A-Z0-9_]+)?$|_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$"
)
SERVICE_ADDRESS = re.compile(r"^(tcp|udp|sctp)://")

HOST_PORT = re.compile(r"^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):(\d{1,5})$")
CHANNEL = re.compile(r"^[a-z][a-z0-9_]{0,49}$")


def addresses(text: str) -> str:
    """``host:port`` items, comma separated; raises ValueError naming the first bad one."""
    items = [item.strip() for item in text.split(",") if item.strip()]
    if not items:
        raise ValueError("is empty; give host:port, for one 127.0.0.1:9092")
    for item in items:
        found = HOST_PORT.match(item)
        if not found or not 0 < int(found[2]) < 65_536:
            raise ValueError(f"has {item!r}, which is no host:port, for one 127.0.0.1:9092")
    return ",".join(items)


def channel_names(given: Any) -> Any:
    """Split ``"kiosk, marketplace"``; raises ValueError for what cannot be in a topic's name."""
    if isinstance(given, str):
        given = [item.strip() for item in given.split(",") if item.strip()]
    if isinstance(given, Iterable):
        given = tuple(given)
        for name in given:
            if not isinstance(name, str) or not CHANNEL.match(name):
                raise ValueError(
                    f"has {name!r}; a channel is lower-case letters, digits and underscores"
                )
        if len(set(given)) != len(given):
            raise ValueError("names a channel twice")
    return given


def with_secret_files(given: Mapping[str, Any], secrets: Iterable[str]) -> dict[str, Any]:
    """Replace each ``<secret>_file`` by what stands in that file, without its line end."""
    taken = dict(given)
    for secret in secrets:
        path = taken.pop(f"{secret}_file", None)
        if path is None:
            continue
        if taken.get(secret) is not None:
            raise ValueError(f"{secret} and {secret}_file are both given; take one of them out")
        try:
            with Path(path).open("rb") as file:
                content = file.read(SECRET_FILE_BYTES_MAX + 1)
            if len(content) > SECRET_FILE_BYTES_MAX:
                raise ValueError(f"{secret}_file {path} is too large for a secret")
            taken[secret] = content.decode().rstrip("\r\n")
        except OSError as problem:
            raise ValueError(f"{secret}_file {path} cannot be read: {problem.strerror}") from None
        except UnicodeDecodeError:
            raise ValueError(f"{secret}_file {path} is no UTF-8 text") from None
    return taken


def known_paths(
    model: type[BaseModel],
) -> dict[tuple[str, ...], type[BaseModel] | None]:
    """Every path of the model: its section class for a section, None for a setting."""
    found: dict[tuple[str, ...], type[BaseModel] | None] = {}
    for name, field in model.model_fields.items():
        section = field.annotation
        if isinstance(section, type) and issubclass(section, BaseModel):
            found[(name,)] = section
            found |= {(name, *path): kind for path, kind in known_paths(section).items()}
        else:
            found[(name,)] = None
    for name in getattr(model, "secrets", ()):
        found[(f"{name}_file",)] = None
    return found


def env_name(path: Iterable[str]) -> str:
    return PREFIX + "__".join(path).upper()


def check_names(model: type[BaseModel], tree: Mapping[str, Any], where: str) -> None:
    """Raise SettingsError for the first name of ``tree`` that the model does not have."""
    known = known_paths(model)
    for path in _paths(tree, known):
        if path not in known:
            raise SettingsError(_unknown(model, path, where))


def _paths(
    tree: Mapping[str, Any],
    known: Mapping[tuple[str, ...], Any],
    above: tuple[str, ...] = (),
) -> Iterator[tuple[str, ...]]:
    for name, value in tree.items():
        path = (*above, name)
        yield path
        if isinstance(value, Mapping) and known.get(path) is not None:
            yield from _paths(value, known, path)


def _unknown(model: type[BaseModel], path: tuple[str, ...], where: str) -> str:
    name = ".".join(path)
    candidates = [".".join(known) for known, section in known_paths(model).items() if not section]
    return f"unknown setting {name} in {where}{_nearest(name, candidates)}"


def _nearest(name: str, candidates: Iterable[str]) -> str:
    found = get_close_matches(name, list(candidates), n=1, cutoff=0.6)
    return f"; did you mean {found[0]}?" if found else "; docs/configuration.md lists them all"


def nested(overrides: Mapping[str, Any]) -> dict[str, Any]:
    """``{"kafka__bootstrap": x, "web": {"port": 0}}`` as one tree, without what is None."""
    tree: dict[str, Any] = {}
    for name, value in overrides.items():
        if value is None:
            continue
        *above, last = name.split("__")
        branch = tree
        for part in above:
            branch = branch.setdefault(part, {})
        if isinstance(value, Mapping) and isinstance(branch.get(last), dict):
            branch[last] |= value
        else:
            branch[last] = dict(value) if isinstance(value, Mapping) else value
    return tree


class CheckedEnvironment(EnvSettingsSource):
    """The environment; a ``CCSTREAM_…`` variable that sets nothing is an error."""

    def __call__(self) -> dict[str, Any]:
        known = {env_name(path): path for path in known_paths(self.settings_cls)}
        for name, value in os.environ.items():
            upper = name.upper()
            if not upper.startswith(PREFIX) or upper in known or upper == CONFIG_VARIABLE:
                continue
            if upper.startswith(OTHER_PREFIXES) or _is_service_link(upper, value):
                continue
            raise SettingsError(
                f"unknown setting {name} in the environment{_nearest(upper, known)}"
            )
        return super().__call__()


def _is_service_link(name: str, value: str) -> bool:
    if "__" in name:
        return False
    return bool(SERVICE_LINK.search(name)) or (
        name.endswith("_PORT") and bool(SERVICE_ADDRESS.match(value))
    )


class CheckedToml(InitSettingsSource):
    """The TOML file, if one is named or lies in the working directory."""

    def __init__(self, settings_cls: type[BaseSettings]) -> None:
        path = config_file()
        super().__init__(settings_cls, init_kwargs=_toml(settings_cls, path) if path else {})


def config_file() -> Path | None:
    """The file that is read: it must exist where ``CCSTREAM_CONFIG`` names it."""
    named = os.environ.get(CONFIG_VARIABLE)
    if named:
        return Path(named)
    path = Path(CONFIG_FILE)
    return path if path.is_file() else None


def _toml(settings_cls: type[BaseSettings], path: Path) -> dict[str, Any]:
    try:
        tree = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as problem:
        raise SettingsError(f"settings file {path} cannot be read: {problem.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise SettingsError(f"settings file {path} is no TOML: {problem}") from None
    check_names(settings_cls, tree, str(path))
    return tree
