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

app = typer.Typer(help="What a person may ask for: consents, all that is held, to be erased.")

Key = Annotated[str, typer.Argument(metavar="KEY", help="As customer:42.", show_default=False)]


@app.callback()
def privacy() -> None:
    """What a person may ask for: consents, all that is held, to be erased."""


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


Channel = Annotated[str, typer.Option("--channel", help="Whose topic the request is published on.")]


@app.command()
def erase(
    key: Key,
    yes: Annotated[
        bool, typer.Option("--yes", help="Do it; without this, only say what would be done.")
    ] = False,
    unknown: Annotated[
        bool, typer.Option("--unknown", help="Ask also if nothing is held on the key yet.")
    ] = False,
    despite_hold: Annotated[
        bool,
        typer.Option("--despite-hold", help="Ask though a legal hold stands; done at its end."),
    ] = False,
    reason: Annotated[str, typer.Option("--reason", help="Kept in the request.")] = "request",
    channel: Channel = "web",
    bootstrap: Bootstrap = None,
    app_id: AppId = None,
) -> int:
    """Erase a person; exit code 1 if nothing is held on the key, or a legal hold is in the way.

    Publishes a request that names all identifiers that are linked to the person's account. Workers
    delete rows and keys at once, keep orders under a fingerprint, reject what is late from then on,
    and sign a receipt when the logs have had their time. It cannot be undone. With --unknown,
    events of somebody nothing is known of yet are guarded against. What is printed is the request's
    id; what has come of it is shown by `ccstream privacy receipts KEY`.

    For example:

        ccstream privacy erase customer:42
        ccstream privacy erase customer:42 --yes
    """
    from ccstream.cli.console import line, say
    from ccstream.evidence.erasures import ask_to_erase, find_person, is_held

    settings = _settings(key, bootstrap, app_id)
    asked = find_person(settings, key, say)
    if not (asked.rows or asked.identifiers or unknown):
        say("nothing is held on this key; --unknown guards against what may still come")
        return ExitCode.NEGATIVE
    say(f"{asked.key} has {asked.rows} rows and {len(asked.identifiers)} other identifiers")
    held = is_held(settings, asked.key, say)
    if held:
        say(
            "a legal hold is in place: nothing is erased before "
            f"`ccstream privacy hold {asked.key} --release`"
        )
    if not yes:
        say("nothing was done; --yes does it")
        return ExitCode.NEGATIVE if held and not despite_hold else ExitCode.OK
    if held and not despite_hold:
        say("nothing was asked for; --despite-hold does, and it is done when the hold ends")
        return ExitCode.NEGATIVE
    line(ask_to_erase(settings, asked, channel, reason))
    done = "it waits for the end of the hold" if held else "workers do it as soon as they read it"
    say(f"asked: {done}; `ccstream privacy receipts {asked.key}` shows what has come of it")
    return ExitCode.OK


@app.command()
def hold(
    key: Key,
    release: Annotated[
        bool, typer.Option("--release", help="End it; what was asked meanwhile is done then.")
    ] = False,
    reason: Annotated[str, typer.Option("--reason", help="A file number; nothing personal.")] = "",
    channel: Channel = "web",
    bootstrap: Bootstrap = None,
    app_id: AppId = None,
) -> int:
    """Keep what is held on a person from being erased, for a legal reason, or end that.

    A hold on an identifier is one on its account. What is printed is the id of what was asked;
    whether it is in place is shown by `ccstream privacy receipts KEY`.

    For example:

        ccstream privacy hold customer:42 --reason "file 7"
        ccstream privacy hold customer:42 --release
    """
    from ccstream.cli.console import line, say
    from ccstream.evidence.erasures import ask_to_hold, is_held
    from ccstream.ops.entity import entity

    settings = _settings(key, bootstrap, app_id)
    found = entity(settings, key, say, tables=("windows",))
    held = is_held(settings, found.key, say)
    # Asked for in any case: what workers have not read yet may be the opposite.
    if release and held is False:
        say(f"there is no legal hold on {found.key} that workers have read")
    elif not release and held:
        say(f"there is a legal hold on {found.key} already")
    elif not (release or found.known):
        say(f"nothing is held on {found.key} yet; what comes is kept")
    line(ask_to_hold(settings, found.key, channel, reason, held=not release))
    what = "the hold ends" if release else "it holds"
    say(
        f"asked: {what} once workers have read it; `ccstream privacy receipts {found.key}` shows it"
    )
    return ExitCode.OK


@app.command()
def receipts(
    key: Annotated[str | None, typer.Argument(metavar="[KEY]", show_default=False)] = None,
    bootstrap: Bootstrap = None,
    app_id: AppId = None,
    json: Json = False,
) -> int:
    """Show erasures and their signed receipts; code 1 if there is none, or a signature is wrong.

    People are shown by fingerprint. With privacy.erasure_key set, KEY finds one, and signatures
    are checked.

    For example:

        ccstream privacy receipts
        ccstream privacy receipts customer:42 --json > receipt.json
    """
    from ccstream.cli.console import data, line, say
    from ccstream.evidence import erasures
    from ccstream.wire.headers import time_text

    settings = _settings(key or "any:key", bootstrap, app_id)
    if key is not None and settings.privacy.erasure_key is None:
        raise typer.BadParameter("a KEY can be found only with privacy.erasure_key set")
    found = erasures.receipts(settings, key, say)
    if json:
        data(found)
    else:
        for one in found:
            when = time_text(one.erased_at) if one.erased_at else "-"
            done = time_text(one.completed_at) if one.completed_at else "-"
            word = {None: "", True: "  signed", False: "  SIGNATURE IS WRONG"}[one.signed]
            held = "  legal hold" if one.held else ""
            line(f"{one.person}  {one.state}  erased {when}  completed {done}{word}{held}")
    if not found:
        say("there is none")
    return (
        ExitCode.OK
        if found and all(one.signed is not False for one in found)
        else ExitCode.NEGATIVE
    )


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
