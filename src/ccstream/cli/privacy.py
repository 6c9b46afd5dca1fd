"""``ccstream privacy``: what a person may ask for."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ccstream.cli.exits import ExitCode
from ccstream.cli.options import AppId, Bootstrap, Json

if TYPE_CHECKING:
    from ccstream.ops.settings import Settings

__all__ = ["app"]

app = typer.Typer(help="What a person may ask for: their consents, all that is held.")

Key = Annotated[str, typer.Argument(metavar="KEY", help="As customer:42.", show_default=False)]


@app.callback()
def privacy() -> None:
    """What a person may ask for: their consents, all that is held."""


@app.command()
def consents(
    key: Key, bootstrap: Bootstrap = None, app_id: AppId = None, json: Json = False
) -> int:
    """Show every word on being contacted that the log still has, and which hold; code 1 if none.

    Of each word: what was said, the proof, by which channel, when, where it is in the log, and
    whether it had an effect. What holds is there with its proof also where the record that said
    it is gone.

    For example:

        ccstream privacy consents customer:42
        ccstream privacy consents customer:42 --json > history.json
    """
    from ccstream.cli.console import as_json, data, line, say
    from ccstream.evidence.history import consent_history

    found = consent_history(_settings(key, bootstrap, app_id), key, say)
    if json:
        data(found)
    else:
        for word in found.words:
            effect = "took effect" if word["took_effect"] else word.get("reason", "no effect")
            where = f"{effect}  {word['topic']}/{word['partition']}@{word['offset']}"
            line(f"{word['occurred_at']}  {word['type']}  {word['channel']}  {where}")
            line(f"  {as_json(word['said'])}")
        line("holding:")
        line(as_json(found.holding, indent=True))
    if not found.complete:
        say(
            "the earliest records are gone by retention; what holds is complete, its history is not"
        )
    if not found.words and not found.holding:
        say("no word on being contacted is known of this key")
        return ExitCode.NEGATIVE
    return ExitCode.OK


@app.command()
def access(
    key: Key,
    page: Annotated[
        Path | None,
        typer.Option(
            "--page", metavar="FILE", help="Write a page to read (HTML) there, beside the JSON."
        ),
    ] = None,
    bootstrap: Bootstrap = None,
    app_id: AppId = None,
) -> int:
    """Print all that is held on a person as JSON; exit code 1 if it is nothing.

    It has the rows of all tables, the events that the log still has, and which rejected records
    are theirs, under all identifiers that are linked. What other systems have copied from the sync
    topics is not in it. Personal fields that are stored as ciphertext are shown in plain if
    privacy.master_key is set. The output is personal data: mind where it goes.

    For example:

        ccstream privacy access customer:42 --page customer-42.html > customer-42.json
    """
    from ccstream.cli.console import as_json, line, say
    from ccstream.evidence.access import as_page, everything_held

    settings = _settings(key, bootstrap, app_id)
    held = everything_held(settings, key, int(time.time() * 1000), say)
    if page is not None:
        _write(page, as_page(held))
    line(as_json(_plain(held), indent=True))
    if not held.complete:
        say("the earliest events are gone by retention")
    if held.unreadable:
        why = held.trouble or "their keys are gone, or privacy.master_key is not set"
        say(f"{held.unreadable} personal values are ciphertext: {why}")
    if not held.known:
        say("nothing is held on this key")
        return ExitCode.NEGATIVE
    return ExitCode.OK


@app.command()
def rotate(
    channel: Annotated[
        str, typer.Option("--channel", help="Whose topic the wrapped keys are published on.")
    ] = "web",
    bootstrap: Bootstrap = None,
    app_id: AppId = None,
) -> int:
    """Wrap all data keys under today's master key; exit code 1 if some cannot be unwrapped.

    Set the new key as privacy.master_key and the old one as privacy.previous_master_key wherever
    personal fields are encrypted or read, then run this, until it says that none was left. Only
    then take the old one away. Nothing is encrypted anew. It may be repeated.

    For example:

        ccstream privacy rotate
    """
    from ccstream.cli.console import say
    from ccstream.client.rotation import rotate as rotate_keys
    from ccstream.ops.settings import Settings

    settings = Settings.load(kafka__bootstrap=bootstrap, app_id=app_id)
    outcome = rotate_keys(settings, channel, say)
    say(
        f"{outcome.known} data keys; {outcome.wrapped} were wrapped anew under "
        f"{outcome.master_id}, {outcome.failed} cannot be unwrapped"
    )
    if outcome.trouble is not None:
        say(outcome.trouble)
    return ExitCode.NEGATIVE if outcome.failed else ExitCode.OK


def _settings(key: str, bootstrap: str | None, app_id: str | None) -> Settings:
    from ccstream.ops.settings import Settings
    from ccstream.wire.validate import is_entity_key

    if not is_entity_key(key):
        raise typer.BadParameter(f"{key!r} is no namespace:value, as customer:42 is")
    return Settings.load(kafka__bootstrap=bootstrap, app_id=app_id)


def _write(page: Path, text: str) -> None:
    """For the eyes of whoever runs this, and nobody else on the machine."""
    try:
        page.touch(mode=0o600)
        page.write_text(text, encoding="utf-8")
    except OSError as problem:
        raise typer.BadParameter(f"{page} cannot be written: {problem.strerror}") from None


def _plain(held: Any) -> dict[str, Any]:
    return {name: getattr(held, name) for name in held.__struct_fields__}
