"""``ccstream schemas``: check the Avro schemas, release and register them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ccstream.cli.exits import ExitCode
from ccstream.cli.options import Json

if TYPE_CHECKING:
    from ccstream.wire.compatibility import Finding
    from ccstream.wire.schemas import SchemaSet

__all__ = ["app"]

app = typer.Typer(help="Check, release and register the schemas.")

Folder = Annotated[
    Path | None,
    typer.Option(
        "--folder",
        metavar="DIR",
        exists=True,
        file_okay=False,
        help="A folder of schemas, if not those of this installation.",
    ),
]


@app.command()
def check(folder: Folder = None, json: Json = False) -> int:
    """Check documentation, names and compatibility with every released version.

    Exit code 0 if every schema keeps to the rules, 1 if not. Needs no registry.

    For example:

        ccstream schemas check --folder schemas
    """
    from ccstream.cli.console import say
    from ccstream.wire.compatibility import check_schemas

    schemas = _schemas(folder)
    findings = check_schemas(schemas)
    _show(schemas, findings, json)
    if findings:
        say(f"{len(findings)} rule(s) broken in {len({f.fullname for f in findings})} schema(s)")
        return ExitCode.NEGATIVE
    return ExitCode.OK


@app.command()
def release(
    folder: Annotated[
        Path,
        typer.Option(
            "--folder",
            metavar="DIR",
            exists=True,
            file_okay=False,
            help="The folder of schemas to release.",
        ),
    ] = Path("schemas"),
) -> int:
    """Keep today's schemas as released versions, which later ones are checked against.

    Only those that differ from their last release get a new version; none does as long as
    `check` finds a rule broken.

    For example:

        ccstream schemas release --folder schemas
    """
    from ccstream.cli.console import line, say
    from ccstream.wire.compatibility import check_schemas
    from ccstream.wire.releases import make_release

    schemas = _schemas(folder)
    findings = check_schemas(schemas)
    if findings:
        say(f"{len(findings)} rule(s) broken: `ccstream schemas check` shows them")
        return ExitCode.NEGATIVE
    written = make_release(schemas, folder)
    for path in written:
        line(str(path))
    say(f"{len(written)} schema(s) released")
    return ExitCode.OK


@app.command()
def register(
    url: Annotated[
        str | None,
        typer.Option(metavar="URL", help="The schema registry, if not as configured."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would be registered.")
    ] = False,
    json: Json = False,
) -> int:
    """Register what others write or read: events, sync records and dead letters.

    A subject is a record's full name (RecordNameStrategy), its compatibility FULL_TRANSITIVE.
    To do it again changes nothing.

    For example:

        ccstream schemas register --url http://registry:8081
    """
    from ccstream.cli.console import data, table
    from ccstream.errors import SettingsError
    from ccstream.ops.settings import Settings
    from ccstream.wire.registry import Registry, published_schemas
    from ccstream.wire.schemas import default_schemas

    settings = Settings.load(registry__url=url).registry
    if settings.url is None:
        raise SettingsError(
            "no schema registry is configured: give --url, or set CCSTREAM_REGISTRY__URL"
        )
    password = settings.password.get_secret_value() if settings.password else None
    with Registry(settings.url, username=settings.username, password=password) as registry:
        done = list(registry.register(published_schemas(default_schemas()), dry_run=dry_run))
    if json:
        for one in done:
            data({"subject": one.subject, "id": one.schema_id, "action": one.action})
    else:
        table(
            ("subject", "id", "action"),
            ((one.subject, str(one.schema_id or ""), one.action) for one in done),
        )
    return ExitCode.OK


def _schemas(folder: Path | None) -> SchemaSet:
    from ccstream.errors import SchemaError
    from ccstream.wire.schemas import SchemaSet, default_schemas

    schemas = default_schemas() if folder is None else SchemaSet(folder)
    if not tuple(schemas):
        raise SchemaError(f"{folder}: there are no schemas in it, as under events/ or sync/")
    return schemas


def _show(schemas: SchemaSet, findings: tuple[Finding, ...], json: bool) -> None:
    from ccstream.cli.console import data, table

    broken: dict[str, list[Finding]] = {}
    for finding in findings:
        broken.setdefault(finding.fullname, []).append(finding)
    names = sorted({*broken, *(info.fullname for info in schemas)})
    if json:
        for name in names:
            data(
                {
                    "schema": name,
                    "released": len(schemas.released(name)),
                    "findings": [
                        {"rule": f.rule, "sentence": f.sentence} for f in broken.get(name, ())
                    ],
                }
            )
        return
    rows = []
    for name in names:
        released = str(len(schemas.released(name)))
        if name not in broken:
            rows.append((name, released, "ok", ""))
        rows += [(name, released, "fail", f"{f.rule}: {f.sentence}") for f in broken.get(name, ())]
    table(("schema", "released", "state", "finding"), rows)
