"""``ccstream diff``: whether two applications have come to the same tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ccstream.cli.exits import ExitCode
from ccstream.cli.options import Bootstrap, Json

if TYPE_CHECKING:
    from ccstream.evidence.differences import Comparison, Difference

__all__ = ["app"]

app = typer.Typer()


@app.command()
def diff(
    old: Annotated[str, typer.Argument(metavar="OLD_ID", help="The one.", show_default=False)],
    new: Annotated[
        str,
        typer.Argument(metavar="NEW_ID", help="That which rebuilds it.", show_default=False),
    ],
    wait: Annotated[
        float,
        typer.Option(
            min=0.0,
            max=3_600.0,
            metavar="SECONDS",
            help="How long to wait for NEW_ID, and for rows that are being changed.",
        ),
    ] = 10.0,
    show_keys: Annotated[
        bool,
        typer.Option("--show-keys", help="Show the keys of rows, which are personal."),
    ] = False,
    bootstrap: Bootstrap = None,
    json: Json = False,
) -> int:
    """Compare the tables of two applications; exit code 0 if they say the same, 1 if not.

    With an id that no application at this Kafka has it is 2.

    The committed changelogs of both are read, up to where OLD_ID has folded when this begins, and
    further where rows are changed meanwhile. Of each table: how many rows each has, and how many
    differ, or are there in one only. Not compared are versions of rows, when one was last
    changed or a source last heard, timers that are due, the order in which the lines of a
    basket came, and from when on a device's log-ins are known or until when it was somebody's who
    was erased, which workers of earlier versions did not note.

    Of rows that differ the first are told, by a fingerprint of their key, with the names of the
    fields in which they do; never by a value.

    For example:

        ccstream diff ccstream shop-2
        ccstream diff ccstream what-if --show-keys --json
    """
    from ccstream.cli.console import data, say, table
    from ccstream.evidence.differences import compare
    from ccstream.ops.settings import Settings

    if old == new:
        raise typer.BadParameter("OLD_ID and NEW_ID are the same application")
    settings = Settings.load(kafka__bootstrap=bootstrap)
    found = compare(settings, old, new, settle_seconds=wait, progress=say)
    if json:
        data(_as_record(found, show_keys=show_keys))
    else:
        table(
            ("table", f"rows of {old}", f"rows of {new}", "differ", "only old", "only new"),
            [
                (
                    name,
                    *map(str, (one.old_rows, one.new_rows, one.other, one.only_old, one.only_new)),
                )
                for name, one in found.tables.items()
            ],
        )
        if found.first:
            table(
                ("table", "partition", "key" if show_keys else "fingerprint", "how", "fields"),
                [
                    (
                        one.table,
                        str(one.partition),
                        _name(one, show_keys=show_keys),
                        one.kind,
                        ", ".join(one.fields),
                    )
                    for one in found.first
                ],
            )
    say(_verdict(found))
    return ExitCode.OK if found.equal else ExitCode.NEGATIVE


def _verdict(found: Comparison) -> str:
    records = sum(map(sum, found.offsets.values()))
    different = sum(one.different for one in found.tables.values())
    as_of = f"up to offset {records} (of all inputs together) of {found.old}"
    if found.behind:
        return (
            f"{found.new} is {found.behind} records behind, {different} rows differ {as_of}: "
            f"`ccstream rebuild --as {found.new}` has to run meanwhile, without --until-caught-up "
            "as long as events come; --wait gives it more time"
        )
    return f"{different} rows differ {as_of}" if different else f"the tables are equal {as_of}"


def _as_record(found: Comparison, *, show_keys: bool) -> dict[str, Any]:
    return {
        "old": found.old,
        "new": found.new,
        "equal": found.equal,
        "behind": found.behind,
        "offsets": found.offsets,
        "tables": {
            name: {
                "old_rows": one.old_rows,
                "new_rows": one.new_rows,
                "differ": one.other,
                "only_old": one.only_old,
                "only_new": one.only_new,
            }
            for name, one in found.tables.items()
        },
        "first": [
            {
                "table": one.table,
                "partition": one.partition,
                "key" if show_keys else "fingerprint": _name(one, show_keys=show_keys),
                "how": one.kind,
                "fields": list(one.fields),
            }
            for one in found.first
        ],
    }


def _name(one: Difference, *, show_keys: bool) -> str:
    from ccstream.evidence.differences import fingerprint

    if not show_keys:
        return fingerprint(one.key)
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in one.key)
