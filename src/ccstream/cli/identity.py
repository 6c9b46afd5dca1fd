"""``ccstream identity``: undo a wrong link, and keep apart what is never one person's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from ccstream.cli.exits import ExitCode
from ccstream.cli.options import AppId, Bootstrap, Json

if TYPE_CHECKING:
    from ccstream.domain.events import IdentifierUnlinked
    from ccstream.domain.identifiers import IdentifierRules
    from ccstream.ops.settings import Settings

__all__ = ["app"]

app = typer.Typer(help="Correct who is who.")

REASON: Final = "wrong_link"
NOT_LINKED: Final = {
    "device": "is a device, and goes with whoever logged in last: a log-out takes it away from "
    "them (IdentifierUnlinked, published by its channel)",
    "shared": "is shared, and never linked, so that it has joined nobody: `ccstream inspect` of "
    "those who were joined lists by which identifier they were; split that one",
}
"""By class, why there is nothing to undo, and what to do."""

SOURCE: Final = "ccstream-identity"


@app.callback()
def identity() -> None:
    """Correct who is who."""


@app.command()
def split(
    key: Annotated[
        str,
        typer.Argument(metavar="KEY", help="A card, an address: loyalty:77.", show_default=False),
    ],
    from_: Annotated[
        list[str] | None,
        typer.Option(
            "--from", metavar="KEY", help="Only from this one; may be repeated. Without, from all."
        ),
    ] = None,
    never_again: Annotated[
        bool,
        typer.Option(
            "--never-again", help="Keep them apart for good, whatever is said; needs --from."
        ),
    ] = False,
    channel: Annotated[
        str, typer.Option(metavar="NAME", help="The channel that says so.")
    ] = "call_centre",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would come of it.")
    ] = False,
    bootstrap: Bootstrap = None,
    app_id: AppId = None,
    json: Json = False,
) -> int:
    """Undo the links of an identifier; exit code 1 if nothing would change.

    What is known of its profile is read, and which identifiers would go where is shown; then
    IdentifierUnlinked is published. A later link counts again, unless the two are kept apart
    for good, which cannot be taken back. Two that are linked through a third are not parted by
    undoing a link between the two: undo the wrong one, or keep them apart.

    For example:

        ccstream identity split loyalty:77 --dry-run
        ccstream identity split loyalty:77 --from customer:42 --never-again
    """
    from asyncio import run

    from ccstream.cli.console import data, line, say
    from ccstream.ops.entity import LINKS, entity
    from ccstream.ops.identity_rules import load_identifier_rules
    from ccstream.ops.settings import Settings
    from ccstream.ops.splitting import is_news, moves_of

    settings = Settings.load(kafka__bootstrap=bootstrap, app_id=app_id)
    rules = load_identifier_rules(settings.identity.rules)
    others = tuple(dict.fromkeys(from_ or ()))
    event = _event(key, others, rules, channel, never_again=never_again)
    known = entity(settings, key, say, (LINKS,)).facts
    moves = moves_of(event, known, rules)
    wanted = bool(moves) or is_news(event, known, rules)
    if wanted and not dry_run:
        run(_publish(event, settings))
    published = event.event_id if wanted and not dry_run else None
    if json:
        shown = [{"key": one.key, "before": one.before, "after": one.after} for one in moves]
        data({"published": published, "moves": shown})
    else:
        for one in moves:
            line(f"{one.key}: from {one.before} to {one.after}")
    if published is not None:
        say(f"published {published}")
    if wanted:
        return ExitCode.OK
    say(
        "nothing would change: no such link counts, or they are one person's by others as well "
        "(`ccstream inspect` lists them); nothing was published"
    )
    return ExitCode.NEGATIVE


def _event(
    key: str, others: tuple[str, ...], rules: IdentifierRules, channel: str, *, never_again: bool
) -> IdentifierUnlinked:
    from ccstream.client.stamps import Stamps
    from ccstream.domain.events import IdentifierUnlinked
    from ccstream.domain.linking import is_linkable
    from ccstream.wire.validate import is_entity_key

    for one in (key, *others):
        if not is_entity_key(one):
            raise typer.BadParameter(f"{one!r} is no namespace:value, as loyalty:77 is")
    if never_again and not others:
        raise typer.BadParameter("--never-again needs --from: name what it is kept apart from")
    for one in (key, *others):
        if not is_linkable(one, rules):
            raise typer.BadParameter(f"{one} {NOT_LINKED[rules.class_of(one)]}")
    if key in others:
        raise typer.BadParameter(f"{key} cannot be split from itself: name another one by --from")
    if rules.is_account(key) and not others:
        raise typer.BadParameter(
            f"{key} is an account, which is what others are linked to: name by --from which one is "
            f"to leave it, or split that one (`ccstream inspect {key}` lists them)"
        )
    event_id, now_ms = Stamps().next()
    return IdentifierUnlinked(
        event_id=event_id,
        occurred_at=now_ms,
        channel=channel,
        source=SOURCE,
        subject=key,
        reason=REASON,
        identifiers=others,
        never_again=never_again,
    )


async def _publish(event: IdentifierUnlinked, settings: Settings) -> None:
    from ccstream.client.publisher import ChannelPublisher

    async with ChannelPublisher(
        channel=event.channel,
        source=SOURCE,
        settings=settings,
        start_timeout_s=settings.kafka.connect_timeout_ms / 1000,
    ) as publisher:
        await publisher.publish(event)
