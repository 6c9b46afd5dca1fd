"""``ccstream``: the command line, one command a module.

Each command module has a typer application named ``app``. Which there are stands in
`ccstream.cli.program`; only the one that is called is imported, so that ``ccstream --help`` is
there at once. Data goes to standard output, talk to standard error; what exit codes mean
stands in `ccstream.cli.exits`.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line, and return its exit code.

    Args:
        arguments: those after the program's name; of this process if None.
    """
    from ccstream.cli.program import run

    return run(arguments)
