"""Rules other than those configured, to see what they would have made of the same events.

Such rules are decided where an event or a letter is folded. Rules about which log-ins are taken
(``identity.rules``) are not among them: an application that is rebuilt reads the letters that were
sent under the rules there were, and would count the events in them twice.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, Final

from ccstream.errors import OptionError

__all__ = ["OTHER_RULES", "RULES_BYTES_MAX", "read_other_rules"]

OTHER_RULES: Final = (
    "cart.lines_max",
    "identity.cart_merge",
    "profile.policies",
    "signals.cart_abandoned_after_ms",
    "touch.lookback_days",
    "window.horizon_days",
    "window.ids_max",
)
"""The settings that decide what an event or a letter comes to."""

RULES_BYTES_MAX: Final = 65_536
"""A handful of settings; more is another kind of file."""


def read_other_rules(path: Path) -> dict[str, Any]:
    """The settings of a TOML file, named as `Settings.load` takes them; values are not checked.

    Raises:
        OptionError: it cannot be read, or has what is no such rule.
    """
    try:
        content = path.read_bytes()
    except OSError as problem:
        raise OptionError(f"{path} cannot be read: {problem.strerror}") from None
    if len(content) > RULES_BYTES_MAX:
        raise OptionError(f"{path} has more than {RULES_BYTES_MAX:,} bytes; is it the right one?")
    try:
        sections = tomllib.loads(content.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise OptionError(f"{path} is no TOML: {problem}") from None
    rules: dict[str, Any] = {}
    for section, given in sections.items():
        if not isinstance(given, dict):
            raise _no_rule(path, section)
        for name, value in given.items():
            if f"{section}.{name}" not in OTHER_RULES:
                raise _no_rule(path, f"{section}.{name}")
            rules[f"{section}__{name}"] = value
    if not rules:
        raise OptionError(f"{path} has no rule; there are {', '.join(OTHER_RULES)}")
    return rules


def _no_rule(path: Path, name: str) -> OptionError:
    if name == "identity.rules":
        return OptionError(
            f"{path}: identity.rules cannot be tried on events that were folded: whom an event is "
            "sent on to is in the log as it was decided, and would be wrong under other rules"
        )
    return OptionError(
        f"{path}: {name} is no rule that can be tried; there are {', '.join(OTHER_RULES)}"
    )
