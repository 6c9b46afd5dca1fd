"""``ccstream import``: customers of another data base, as events."""

from __future__ import annotations

import asyncio
import json as stdlib_json
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from ccstream.cli.exits import ExitCode
from ccstream.cli.options import Bootstrap, Json

if TYPE_CHECKING:
    from ccstream.imports.facts import Problem, Reader
    from ccstream.imports.mapping import ImportMap
    from ccstream.imports.plan import Plan, Report
    from ccstream.imports.progress_file import ProgressFile
    from ccstream.imports.staging import Staging
    from ccstream.ops.settings import Settings

__all__ = ["app"]

app = typer.Typer(help="Bring a data base of customers in.")

SUFFIX: Final = ".import.json"
"""Behind the name of the file of customers it is that of the file of progress."""


@app.callback()
def importing() -> None:
    """Bring a data base of customers in."""


@app.command()
def customers(
    file: Annotated[
        Path,
        typer.Argument(
            help="CSV with a line of column names, or Parquet.",
            show_default=False,
            exists=True,
            dir_okay=False,
            readable=True,
        ),
    ],
    map_file: Annotated[
        Path,
        typer.Option(
            "--map", metavar="FILE", help="What the columns mean (TOML).", show_default=False
        ),
    ],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only count; publish nothing.")
    ] = False,
    offline: Annotated[
        bool,
        typer.Option(
            "--offline", help="With --dry-run: do not ask Kafka whose identifiers are already."
        ),
    ] = False,
    problems: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write each row rejected and cell set aside there, as JSON lines: where and why.",
        ),
    ] = None,
    state: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help=f"Where to note how far it is; beside the file, as FILE{SUFFIX}, without.",
        ),
    ] = None,
    bootstrap: Bootstrap = None,
    json: Json = False,
) -> int:
    """Turn the rows of a customer data base into profile, identity and consent events.

    All is read and counted first; a column that is missing or an encoding that is wrong is found
    before anything is published. Then events go out by the time when their rows were changed. One
    that ended early goes on where it was; importing the same file again changes nothing, since ids
    are made of the map's source, the row's key and its contents. Exit code 1 if rows were rejected.

    For example:

        ccstream import customers crm.csv --map crm.toml --dry-run
        ccstream import customers crm.csv --map crm.toml --problems crm-problems.jsonl
    """
    from ccstream.cli.console import data, say
    from ccstream.client.contact_points import ContactPoints
    from ccstream.client.surroundings import topic_of
    from ccstream.imports.facts import Reader
    from ccstream.imports.known import learn_accounts
    from ccstream.imports.mapping import read_map
    from ccstream.imports.plan import Plan
    from ccstream.imports.staging import Staging
    from ccstream.ops.identity_rules import load_identifier_rules
    from ccstream.ops.settings import Settings

    if offline and not dry_run:
        raise typer.BadParameter("--offline is for --dry-run: an import needs Kafka")
    settings = Settings.load(kafka__bootstrap=bootstrap)
    rules = load_identifier_rules(settings.identity.rules)
    mapping, map_bytes = read_map(map_file, rules)
    topic_of(mapping.channel, settings)  # there is such a channel
    reader = Reader(mapping, ContactPoints(settings), rules, int(time.time() * 1000))
    begun = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="ccstream-import-") as folder,
        Staging(Path(folder)) as staging,
        _told(problems) as problem,
    ):
        report = _read(staging, file, mapping, reader, problem)
        progress = None
        if not dry_run:
            progress = _progress_file(state or file.with_name(file.name + SUFFIX), file, map_bytes)
        known_to = {} if progress is None else progress.known_to()
        if not offline:
            known_to = learn_accounts(settings, staging, say, known_to)
        plan = Plan(staging, mapping, rules)
        plan.find_accounts()
        plan.count(report)
        published = None
        if progress is not None:
            published = _publish(settings, mapping, plan, progress, known_to, staging.rows)
    if json:
        data(_as_record(report, published))
    else:
        _tell(report)
    did = (
        "counted, nothing was published,"
        if published is None
        else f"published {published:,} events"
    )
    say(f"{did} in {time.monotonic() - begun:.1f} s")
    return ExitCode.NEGATIVE if report.rejected else ExitCode.OK


def _read(
    staging: Staging,
    file: Path,
    mapping: ImportMap,
    reader: Reader,
    problem: Callable[[Problem], None],
) -> Report:
    from ccstream.cli.console import say
    from ccstream.cli.progress import shown_progress
    from ccstream.imports.plan import read_into

    rows = 0
    with shown_progress("rows read") as advance:

        def read(number: int) -> None:
            nonlocal rows
            rows = number
            advance(number)

        try:
            return read_into(staging, file, mapping, reader, problem=problem, progress=read)
        except KeyboardInterrupt:
            say(
                f"ended early: {rows:,} rows were read, and nothing of them was published; the "
                "same command reads the file again"
            )
            raise


def _publish(
    settings: Settings,
    mapping: ImportMap,
    plan: Plan,
    progress: ProgressFile,
    known_to: Mapping[int, int],
    rows: int,
) -> int:
    from ccstream.cli.console import say
    from ccstream.cli.progress import shown_progress
    from ccstream.imports.sending import publish_rows

    done = progress.rows()
    if done:
        say(f"{done:,} rows of this file are done already; going on from there")
    with shown_progress("rows published", rows) as advance:

        def stored(more: int) -> None:
            nonlocal done
            done += more
            progress.note(done, known_to)
            advance(done)

        sending = publish_rows(settings, mapping.source, mapping.channel, plan.rows(done), stored)
        try:
            return asyncio.run(sending)
        except KeyboardInterrupt:
            say(
                f"ended early: {done:,} of {rows:,} rows are published; the same command goes on "
                "from there"
            )
            raise


def _progress_file(path: Path, file: Path, map_bytes: bytes) -> ProgressFile:
    import hashlib

    from ccstream.imports.progress_file import ProgressFile
    from ccstream.imports.table_file import fingerprint

    return ProgressFile(path, fingerprint(file), hashlib.sha256(map_bytes).hexdigest())


@contextmanager
def _told(path: Path | None) -> Iterator[Callable[[Problem], None]]:
    """Where problems go: a file for whoever runs this, or nowhere."""
    if path is None:
        yield lambda _: None
        return
    try:
        path.touch(mode=0o600)
        opened = path.open("w", encoding="utf-8")
    except OSError as problem:
        raise typer.BadParameter(f"{path} cannot be written: {problem.strerror}") from None
    with opened:

        def write(one: Problem) -> None:
            record = {"line": one.number, "column": one.column, "reason": one.reason}
            opened.write(f"{stdlib_json.dumps(record)}\n")

        yield write


def _as_record(report: Report, published: int | None) -> dict[str, Any]:
    return {
        "rows": report.rows,
        "repeated": report.repeated,
        "rejected": dict(report.rejected),
        "set_aside": dict(report.set_aside),
        "matches": {
            "named": report.named,
            "found": report.found,
            "unmatched": report.unmatched,
            "links_known": report.links_known,
        },
        "conflicts": {
            "identifiers": report.conflicts.identifiers,
            "rows": report.conflicts.rows,
            "too_many_accounts": report.conflicts.too_many,
        },
        "crowded": report.crowded,
        "events": dict(report.events),
        "published": published,
    }


def _tell(report: Report) -> None:
    from ccstream.cli.console import table
    from ccstream.imports.facts import REJECTIONS, SET_ASIDE

    rows = [
        ("rows", report.rows, "below the line of names"),
        ("repeated", report.repeated, "the same key and contents as one before; once is enough"),
        *(
            (f"rejected {reason}", count, REJECTIONS[reason])
            for reason, count in sorted(report.rejected.items())
        ),
        *(
            (f"set aside {reason}", count, SET_ASIDE[reason])
            for reason, count in sorted(report.set_aside.items())
        ),
        ("named", report.named, "rows that name their account"),
        ("found", report.found, "rows whose account one of their identifiers tells"),
        ("unmatched", report.unmatched, "rows whose account nobody knows: they stay by themselves"),
        ("links known", report.links_known, "identifiers that are that account's already"),
        (
            "conflicts identifiers",
            report.conflicts.identifiers,
            "identifiers of several accounts: they stay with the one that claimed them first",
        ),
        (
            "conflicts rows",
            report.conflicts.rows,
            "keys with several contents at one time: of each trait the greater event id holds",
        ),
        (
            "conflicts too_many_accounts",
            report.conflicts.too_many,
            "identifiers of so many accounts that the worker takes them for shared",
        ),
        (
            "crowded",
            report.crowded,
            "subjects of so many events that their earliest may be rejected (too_late)",
        ),
        *((f"events {kind}", count, "") for kind, count in sorted(report.events.items())),
    ]
    table(["", "count", ""], [(name, f"{count:,}", why) for name, count, why in rows])
