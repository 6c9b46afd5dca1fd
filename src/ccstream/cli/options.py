"""Options that several commands have, with one name and one help each."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["AppId", "Bootstrap", "Json"]

Bootstrap = Annotated[
    str | None,
    typer.Option(
        "--bootstrap",
        "-b",
        metavar="HOST:PORT",
        help="Brokers to begin with, comma separated, if not as configured.",
    ),
]

AppId = Annotated[
    str | None,
    typer.Option("--app-id", metavar="NAME", help="The application, if not as configured."),
]

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
