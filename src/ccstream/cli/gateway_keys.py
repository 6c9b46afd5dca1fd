"""``ccstream gateway-keys``: make, list and revoke the gateway's API keys."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ccstream.cli.options import Json

if TYPE_CHECKING:
    from ccstream.gateway.keys import KeyFile, StoredKey

__all__ = ["app"]

app = typer.Typer(help="Make, list and revoke the gateway's API keys.")

File = Annotated[
    Path | None,
    typer.Option("--file", help="The file of keys, if not gateway.keys_file.", dir_okay=False),
]


@app.command()
def new(
    channel: Annotated[
        list[str] | None,
        typer.Option(help="It may publish on this channel; may be given again.", metavar="NAME"),
    ] = None,
    scope: Annotated[
        list[str] | None,
        typer.Option(
            help="It may do this: publish:CHANNEL, read, agent or operate; may be given again."
        ),
    ] = None,
    days: Annotated[
        int | None, typer.Option(min=1, max=3_650, help="It expires after so many days.")
    ] = None,
    rate: Annotated[
        int | None,
        typer.Option(min=1, max=10_000_000, help="Events and requests a second that it may send."),
    ] = None,
    note: Annotated[str, typer.Option(help="Whose it is.")] = "",
    file: File = None,
) -> int:
    """Make a key, and print it: once, it is kept nowhere.

    For example:

        ccstream gateway-keys new --channel web --note "shop servers" --file keys.json
    """
    from ccstream.cli.console import line, say
    from ccstream.gateway.keys import KeyFile, new_key

    scopes = (*(f"publish:{name}" for name in channel or ()), *(scope or ()))
    if not scopes:
        raise typer.BadParameter("a key without a --channel or --scope would be good for nothing")
    now = datetime.now(UTC).replace(microsecond=0)
    expires = None if days is None else now + timedelta(days=days)
    try:
        text, stored = new_key(scopes, now=now, expires=expires, rate=rate, note=note)
    except ValueError as problem:
        raise typer.BadParameter(str(problem)) from None
    path = _path(file)
    before = _read(file).keys
    KeyFile((*before, stored)).write(path)
    line(text)
    say(f"key {stored.id} may {', '.join(scopes)}; only its hash is kept, in {path}")
    return 0


@app.command("list")
def list_keys(file: File = None, json: Json = False) -> int:
    """List the keys: what each may do, not what it is.

    For example:

        ccstream gateway-keys list --file keys.json
    """
    from ccstream.cli.console import data, table

    keys = _read(file).keys
    if json:
        for key in keys:
            data(_shown(key))
        return 0
    columns = ("id", "scopes", "created", "expires", "rate", "note")
    table(columns, [[_shown(key)[column] for column in columns] for key in keys])
    return 0


@app.command()
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="The key's id, as list shows it.")],
    file: File = None,
) -> int:
    """Take a key back: running gateways refuse it within a second or two.

    For example:

        ccstream gateway-keys revoke 9f3c01ab --file keys.json
    """
    from ccstream.cli.console import say
    from ccstream.cli.exits import ExitCode
    from ccstream.gateway.keys import KeyFile

    path = _path(file)
    keys = _read(file).keys
    left = tuple(key for key in keys if key.id != key_id)
    if len(left) == len(keys):
        say(f"there is no key {key_id} in {path}")
        return ExitCode.NEGATIVE
    KeyFile(left).write(path)
    say(f"key {key_id} is revoked")
    return 0


def _read(file: Path | None) -> KeyFile:
    """The file that is named, or set; one that an option names is the option's fault."""
    from ccstream.errors import OptionError, SettingsError
    from ccstream.gateway.keys import KeyFile

    try:
        return KeyFile.read(_path(file))
    except SettingsError as problem:
        if file is None:
            raise
        raise OptionError(str(problem)) from None


def _path(file: Path | None) -> Path:
    if file is not None:
        return file
    from ccstream.errors import SettingsError
    from ccstream.ops.settings import Settings

    configured = Settings.load().gateway.keys_file
    if configured is None:
        raise SettingsError("where are the keys? Give --file, or set gateway.keys_file")
    return configured


def _shown(key: StoredKey) -> dict[str, str]:
    return {
        "id": key.id,
        "scopes": " ".join(key.scopes),
        "created": key.created.isoformat(),
        "expires": "" if key.expires is None else key.expires.isoformat(),
        "rate": "" if key.rate is None else str(key.rate),
        "note": key.note,
    }
