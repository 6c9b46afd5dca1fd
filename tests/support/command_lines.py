"""Whether a command line that somebody wrote down is one that ccstream has."""

from __future__ import annotations

from typing import Any

__all__ = ["unknown_part"]


def unknown_part(command: Any, words: list[str]) -> str | None:
    """The first word that is no command or option, or ``None``."""
    for word in words:
        if word == "--" or word in {"|", ">", "<", "&&", "&"}:
            return None
        if word.startswith("-"):
            options = {
                name for option in command.params for name in (*option.opts, *option.secondary_opts)
            }
            options |= {"--help", "-h"}
            if word.split("=")[0] not in options:
                return word
        elif hasattr(command, "commands") and word not in {"…", "..."}:
            if word not in command.commands:
                return word
            command = command.commands[word]
    return None
