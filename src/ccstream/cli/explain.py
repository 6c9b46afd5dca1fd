"""``ccstream explain``: the events that led to what a customer's rows show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from ccstream.cli.exits import ExitCode
from ccstream.cli.options import AppId, Bootstrap, Json
from ccstream.cli.when import Since, since_ms

if TYPE_CHECKING:
    from ccstream.evidence.explanation import Explanation

__all__ = ["app"]

app = typer.Typer()

CONTROL: Final = "\N{REPLACEMENT CHARACTER}"
VIA: Final = {
    "forwarded": ", sent on",
    "handed_over": ", handed over",
    "linked": ", by letter",
    "parted": ", gone back",
    "erased": ", told to go along",
}


@app.command()
def explain(
    key: Annotated[str, typer.Argument(metavar="KEY", help="As customer:42.", show_default=False)],
    line: Annotated[
        list[str] | None,
        typer.Option(metavar="SKU", help="Why the basket has this; may be repeated, as the rest."),
    ] = None,
    trait: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Why the profile has this trait.")
    ] = None,
    consent: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CHANNEL[/PURPOSE]", help="Why a consent is as it is: email, email/newsletter."
        ),
    ] = None,
    order: Annotated[list[str] | None, typer.Option(metavar="ID", help="What placed it.")] = None,
    interaction: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="What logged a call, a chat, a visit.")
    ] = None,
    touch: Annotated[bool, typer.Option("--touch", help="First and last touch.")] = False,
    merge: Annotated[
        bool,
        typer.Option(
            "--merge", help="Which log-ins and links brought identifiers, and took them away."
        ),
    ] = False,
    erasure: Annotated[
        bool, typer.Option("--erasure", help="Which request erased the person, and who went along.")
    ] = False,
    since: Since = "beginning",
    idle: Annotated[
        bool, typer.Option("--all", help="Also events that changed nothing, or were rejected.")
    ] = False,
    show_values: Annotated[
        bool,
        typer.Option(
            "--show-values", help="Show traits' values and identifiers, which are personal."
        ),
    ] = False,
    bootstrap: Bootstrap = None,
    app_id: AppId = None,
    json: Json = False,
) -> int:
    """Show which events led to what is stored about a key; exit code 1 if nothing is known.

    Of each event: its id, topic, partition and offset, when it was appended and when it occurred,
    by which channel, and the rule by which it changed what it changed. The key's own partition of
    the input topics is read, and those of the identifiers that were linked to it, and folded again
    as the worker folds it. What retention has deleted is said to be gone. Without an option it is
    about everything.

    For example:

        ccstream explain customer:42 --line tea
        ccstream explain customer:42 --consent email/newsletter --since 7d --json
    """
    from ccstream.cli.console import data, say
    from ccstream.domain.consent import CONTACT_CHANNELS
    from ccstream.evidence.explanation import Wanted
    from ccstream.evidence.explanation import explain as find
    from ccstream.evidence.masking import Mask
    from ccstream.ops.settings import Settings
    from ccstream.wire.validate import is_entity_key

    if not is_entity_key(key):
        raise typer.BadParameter(f"{key!r} is no namespace:value, as customer:42 is")
    for which in consent or ():
        if which.partition("/")[0] not in CONTACT_CHANNELS:
            known = ", ".join(CONTACT_CHANNELS)
            raise typer.BadParameter(f"{which}: the channels are {known}", param_hint="--consent")
    prefixes = [
        *(f"line {sku}" for sku in line or ()),
        *(f"trait {name}" for name in trait or ()),
        *(f"consent {which}" for which in consent or ()),
        *(f"order {which}" for which in order or ()),
        *(f"interaction {which}" for which in interaction or ()),
        *(["touch"] if touch else []),
        *(["account"] if merge else []),
        *(["erasure"] if erasure else []),
    ]
    settings = Settings.load(kafka__bootstrap=bootstrap, app_id=app_id)
    found = find(
        settings,
        key,
        Wanted(prefixes=tuple(prefixes), idle=idle),
        since_ms=since_ms(since),
        mask=Mask(key, show=show_values),
        progress=say,
    )
    if json:
        data(found)
    else:
        _tell(found)
    for note in found.notes:
        say(note)
    if not found.known:
        gone = " (events before what retention keeps would not show)" if found.notes else ""
        say(f"nothing is known about this key{gone}")
        return ExitCode.NEGATIVE
    if prefixes and not (found.shown or found.events or found.unfound):
        say(f"nothing is known of {', '.join(prefixes)} of this key")
        return ExitCode.NEGATIVE
    return ExitCode.OK


def _tell(found: Explanation) -> None:
    from ccstream.cli.console import line

    line(f"{_clean(found.asked)}  (partition {found.partition})")
    if found.redirects:
        line("  it is an alias; told is what the account has")
    for identifier in found.identifiers:
        line(f"  with what came from {_clean(identifier)}")
    for identifier in found.parted:
        line(f"  {_clean(identifier)} was part of it, and is not any more")
    for name, value in found.shown.items():
        line(f"{_clean(name)}: {_clean(_value(value))}")
    for event in found.events:
        where = f"{event['topic']}/{event['partition']}@{event['offset']}"
        line("")
        line(f"{event['appended_at']}  {event['type']}  {_clean(event['event_id'])}  {where}")
        via = VIA.get(event["via"], "")
        reason = f" ({event['reason']})" if "reason" in event else ""
        line(
            f"  {event['channel']}/{_clean(event['source'])}, occurred {event['occurred_at']}, of "
            f"{_clean(event['subject'])}{via}: {event['outcome']}{reason}"
        )
        for change in event["changes"]:
            before, after = _value(change["before"]), _value(change["after"])
            line(f"  {_clean(change['what'])}: {_clean(before)} → {_clean(after)}")
            if change["rule"]:
                line(f"    {change['rule']}")
    if found.unfound:
        line("")
        line("named by the rows alone, their records are not in what was read:")
        for one in found.unfound:
            line(
                f"  {_clean(one['what'])}: {_clean(one['event_id'])}  "
                f"{one['channel']}/{_clean(one['source'])}, {one['occurred_at'] or 'time unknown'}"
            )


def _value(value: Any) -> str:
    if value is None:
        return "nothing"
    if not isinstance(value, list):
        return str(value)
    between = "; " if any(isinstance(one, list) for one in value) else ", "
    return between.join(map(_value, value))


def _clean(text: str) -> str:
    """Nothing that was in an event steers the terminal."""
    return "".join(one if one.isprintable() else CONTROL for one in text)
