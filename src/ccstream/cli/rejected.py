"""``ccstream rejected``: look at dead letters, and send their events again."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from ccstream.cli.exits import ExitCode
from ccstream.cli.options import Bootstrap, Json
from ccstream.cli.when import Since, since_ms

if TYPE_CHECKING:
    from ccstream.ops.dead_letters import DeadLetter, Place, Wanted
    from ccstream.ops.retry import Outcome
    from ccstream.wire.codec import Codec

__all__ = ["app"]

app = typer.Typer(help="Look at dead letters, and send their events again.")

SINCE: Final = "24h"
SHOWN: Final = 100
RETRIED: Final = 1_000
"""So many at a time unless told otherwise: what a filter takes in by mistake stays bounded."""

COLUMNS: Final = ["place", "time", "reason", "origin", "channel", "event"]

Reason = Annotated[
    list[str] | None, typer.Option(help="Only with this reason; may be given several times.")
]
Channel = Annotated[
    list[str] | None, typer.Option(help="Only of this channel; may be given several times.")
]


@app.command("list")
def list_letters(
    since: Since = SINCE,
    reason: Reason = None,
    channel: Channel = None,
    limit: Annotated[int, typer.Option(min=1, help="The latest so many.")] = SHOWN,
    show_keys: Annotated[
        bool, typer.Option("--show-keys", help="Also show whose events they are.")
    ] = False,
    bootstrap: Bootstrap = None,
    json: Json = False,
) -> int:
    """List the dead letters, the latest last: place, time, reason, origin and type of event.

    For example:

        ccstream rejected list --since 7d --reason too_late
        ccstream rejected list --json | jq -r .place
    """
    from ccstream.cli.console import data, say, table
    from ccstream.ops.codecs import codec_of
    from ccstream.ops.dead_letters import dead_letters, latest
    from ccstream.ops.settings import Settings

    settings = Settings.load(kafka__bootstrap=bootstrap)
    unread = Counter[int]()
    wanted = _wanted(since, reason, channel)
    shown, count = latest(dead_letters(settings, wanted, say, unread), limit)
    codec = codec_of(settings)
    records = (_as_record(letter, codec, show_keys=show_keys) for letter in shown)
    if json:
        for record in records:
            data(record)
    else:
        columns = [*COLUMNS, "key"] if show_keys else COLUMNS
        rows = ([_printable(str(one[name] or "-")) for name in columns] for one in records)
        table(columns, rows)
    more = f" of {count:,}; --limit shows more" if count > len(shown) else ""
    say(f"{_letters(len(shown))}{more}")
    _tell_unread(unread.total())
    return ExitCode.OK


@app.command()
def show(
    place: Annotated[
        str, typer.Argument(metavar="PARTITION@OFFSET", help="As listed.", show_default=False)
    ],
    bootstrap: Bootstrap = None,
    json: Json = False,
) -> int:
    """Show all of one dead letter, its event decoded if it can be; exit code 1 if there is none.

    For example:

        ccstream rejected show 3@17
    """
    from ccstream.cli.console import as_json, data, line, say
    from ccstream.ops.codecs import codec_of
    from ccstream.ops.dead_letters import letters_at
    from ccstream.ops.records import show_dead_letter
    from ccstream.ops.settings import Settings

    at = _place(place)
    settings = Settings.load(kafka__bootstrap=bootstrap)
    letter = letters_at(settings, [at], say).get(at)
    if letter is None:
        say(f"there is no dead letter at {at}")
        return ExitCode.NEGATIVE
    codec = codec_of(settings)
    fields = _as_record(letter, codec) | show_dead_letter(letter.rejected, codec)
    if json:
        data(fields)
        return ExitCode.OK
    detail = fields.pop("detail")
    for name, value in fields.items():
        if isinstance(value, dict):
            line(f"{name}:")
            for text in as_json(value, indent=True).splitlines():
                line(f"  {text}")
        elif value is not None:
            line(f"{name}: {_printable(str(value))}")
    line("detail:")
    for text in detail.splitlines():
        line(f"  {_printable(text)}")
    return ExitCode.OK


@app.command()
def retry(
    places: Annotated[
        list[str] | None,
        typer.Argument(metavar="PARTITION@OFFSET…", help="As listed.", show_default=False),
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="WHEN", help="All since then; as for list.")
    ] = None,
    reason: Reason = None,
    channel: Channel = None,
    limit: Annotated[
        int, typer.Option(min=1, help="The latest so many, of those chosen by options.")
    ] = RETRIED,
    late: Annotated[
        bool,
        typer.Option("--late", help="Apply them although they are too late. See below."),
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Do it, where options chose; else it only tells.")
    ] = False,
    bootstrap: Bootstrap = None,
    json: Json = False,
) -> int:
    """Send events again as they were, to where they came from, and wait until they are stored.

    An event takes effect once however often it is retried. What is rejected again is a new
    dead letter. The same event in several dead letters is sent once. A row that was handed over
    and not taken is asked of who has it, as long as the mail has its letter (a week); nothing
    happens if it has been taken since, or a log-out, a split or an erasure has deleted it. A dead
    letter of an earlier version may stand for several rows: each is a record that is sent.

    `--late` also applies events that are too late: older than what duplicates can be told from.
    Whether such an event had been applied when it first came, nobody knows any more: you do.
    By hand, too, it takes effect once.

    For example, after a mistake was mended, or for what a till found in a drawer:

        ccstream rejected retry --reason failed --since 7d --yes
        ccstream rejected retry --late 3@17 3@18
    """
    from ccstream.cli.console import data, say
    from ccstream.ops.codecs import codec_of
    from ccstream.ops.dead_letters import dead_letters, latest, letters_at
    from ccstream.ops.retry import Outcome
    from ccstream.ops.retrying import GONE, retry_all, ticket_of
    from ccstream.ops.settings import Settings

    by_options = bool(since or reason or channel)
    if bool(places) == by_options:
        raise typer.BadParameter(
            "give either places, as 3@17, or options that choose: --since, --reason, --channel"
        )
    settings = Settings.load(kafka__bootstrap=bootstrap)
    asked = [_place(text) for text in places or ()]
    unread = Counter[int]()
    if places:
        at = letters_at(settings, asked, say)
        chosen, missing = iter(at.values()), [place for place in asked if place not in at]
        limit = len(asked)
    else:
        wanted = _wanted(since or SINCE, reason, channel)
        chosen, missing = dead_letters(settings, wanted, say, unread), []
    if by_options and not yes:
        found, count = latest(map(_without_record, chosen), limit)
        for name, number in sorted(Counter(one.rejected.reason for one in found).items()):
            say(f"{number:,} {_printable(name)}")
        _tell_left_out(count - len(found), unread.total())
        say(f"{_letters(len(found))} would be retried; nothing was done: --yes does it")
        return ExitCode.USAGE
    codec, bytes_max = codec_of(settings), settings.kafka.max_message_bytes
    tickets, count = latest((ticket_of(one, codec, bytes_max) for one in chosen), limit)
    outcome = Outcome(passed_over=dict.fromkeys(missing, GONE))
    try:
        retry_all(settings, tickets, by_hand=late, report=say, outcome=outcome)
    finally:  # what was sent until an error or an interruption was sent
        code = _tell(outcome, count - len(tickets), unread.total(), data if json else None)
    return code


def _without_record(letter: DeadLetter) -> DeadLetter:
    """Small enough to have a great many of them."""
    from msgspec.structs import replace

    rejected = replace(letter.rejected, key=None, value=None, detail="")
    return replace(letter, rejected=rejected)


def _tell_left_out(count: int, unread: int) -> None:
    from ccstream.cli.console import say

    if count:
        say(f"{_letters(count)}, older than these, left out: --limit takes more")
    _tell_unread(unread)


def _tell_unread(count: int) -> None:
    """Of these nobody knows which of them are meant."""
    from ccstream.cli.console import say

    if count:
        say(f"{_letters(count)}, older still, not looked at: there are too many in a partition")


def _tell(outcome: Outcome, left_out: int, unread: int, data: Any) -> int:
    from ccstream.cli.console import say

    for place, why in {**outcome.passed_over, **outcome.failed}.items():
        say(f"{place} was not sent: {_printable(why)}")
    sent = len(outcome.sent)
    places = list(dict.fromkeys(str(place) for one in outcome.sent for place in one))
    say(f"sent {sent:,} {'record' if sent == 1 else 'records'} for {_letters(len(places))}")
    if outcome.not_tried:
        say(f"{_letters(outcome.not_tried)} not tried")
    _tell_left_out(left_out, unread)
    if data is not None:
        data(
            {
                "sent": sent,
                "dead_letters": len(places),
                "places": places,
                "not_tried": outcome.not_tried,
                "left_out": left_out,
                "not_looked_at": unread,
                "passed_over": {str(place): why for place, why in outcome.passed_over.items()},
                "failed": {str(place): why for place, why in outcome.failed.items()},
            }
        )
    if outcome.failed:
        return ExitCode.DELIVERY
    return ExitCode.NEGATIVE if outcome.passed_over else ExitCode.OK


def _wanted(since: str, reasons: list[str] | None, channels: list[str] | None) -> Wanted:
    from ccstream.ops.dead_letters import Wanted

    return Wanted(
        since_ms=since_ms(since), reasons=tuple(reasons or ()), channels=tuple(channels or ())
    )


def _place(text: str) -> Place:
    from ccstream.ops.dead_letters import Place

    found = re.fullmatch(r"(\d{1,9})@(\d{1,18})", text)
    if found is None:
        raise typer.BadParameter(f"{text!r} is no PARTITION@OFFSET, as 3@17 is")
    return Place(int(found[1]), int(found[2]))


def _as_record(letter: DeadLetter, codec: Codec, *, show_keys: bool = False) -> dict[str, Any]:
    """What of a letter tells nothing of a customer; more, if it is asked for."""
    from ccstream.ops.records import text_of, type_of
    from ccstream.wire.headers import time_text

    rejected = letter.rejected
    record = {
        "place": str(letter.place),
        "time": time_text(letter.time_ms),
        "reason": rejected.reason,
        "origin": f"{rejected.topic}/{rejected.partition}/{rejected.offset}",
        "channel": rejected.channel,
        "event": type_of(rejected.value, codec),
    }
    if show_keys:  # a channel may have made its ids of keys
        record |= {"key": text_of(rejected.key), "event_id": rejected.event_id}
    return record


def _letters(count: int) -> str:
    return f"{count:,} dead letter" if count == 1 else f"{count:,} dead letters"


def _printable(text: str) -> str:
    """Nothing that was in an event steers the terminal."""
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in text)
