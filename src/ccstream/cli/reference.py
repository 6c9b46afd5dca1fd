"""Prints docs/cli.md: ``python -m ccstream.cli.reference``; a test fails when it is stale."""

from __future__ import annotations

import sys

from ccstream.cli.exits import MEANINGS
from ccstream.cli.program import COMMANDS

__all__ = ["cli_page"]

HEAD = """\
<!-- Generated from src/ccstream/cli by `python -m ccstream.cli.reference`. -->

# The command line

`ccstream --help` lists the commands; each explains itself with an example: `ccstream tail --help`.

| command | what it is for |
|---|---|
"""

BODY = """
Before the command stand the options of all: `--config FILE` reads that file instead of
`ccstream.toml`, `--traceback` shows where in the code an error arose. Every other setting comes
from the environment or the file; see [configuration](configuration.md).

Data goes to standard output, everything else to standard error, so that output can be piped. With
`--json` a command prints JSON, one value a line. Ctrl-C ends every command; one that is ended by
the reader of its output (`ccstream tail … | head`) ends quietly.

## Exit codes

An error is one sentence on standard error and one of these codes:

| code | meaning |
|---|---|
"""


def cli_page() -> str:
    """docs/cli.md: the commands and what their exit codes mean."""
    commands = "".join(
        f"| `ccstream {name}` | {command.help} |\n" for name, command in COMMANDS.items()
    )
    codes = "".join(f"| {code} | {meaning} |\n" for code, meaning in MEANINGS.items())
    return f"{HEAD}{commands}{BODY}{codes}"


if __name__ == "__main__":
    sys.stdout.write(cli_page())
