"""``ccstream inspect``: show what is stored about one key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from ccstream.cli.options import AppId, Bootstrap, Json

if TYPE_CHECKING:
    from ccstream.ops.devices import Device
    from ccstream.ops.entity import Entity
    from ccstream.ops.profile_links import PassedOver

__all__ = ["app"]

app = typer.Typer()


@app.command()
def inspect(
    key: Annotated[str, typer.Argument(metavar="KEY", help="As customer:42.", show_default=False)],
    devices: Annotated[
        bool,
        typer.Option(
            "--devices", help="Also which devices are logged in: reads all partitions of aliases."
        ),
    ] = False,
    bootstrap: Bootstrap = None,
    app_id: AppId = None,
    json: Json = False,
) -> int:
    """Show the rows of one key, as the tables have them; exit code 1 if there are none.

    They are read from the changelogs of the key's partition, as far as they are committed.
    An alias is followed to the key that it stands for. Of a profile with several identifiers these
    are listed, each with its class and its surest link, and so are links that were passed over,
    with their ends, how sure they are and why, and what is kept apart for good.

    For example:

        ccstream inspect customer:42
        ccstream inspect visitor:9f3c --json
        ccstream inspect customer:42 --devices
    """
    from ccstream.cli.console import data, line, say
    from ccstream.ops.devices import devices_of
    from ccstream.ops.entity import entity
    from ccstream.ops.settings import Settings
    from ccstream.wire.validate import is_entity_key

    if not is_entity_key(key):
        raise typer.BadParameter(f"{key!r} is no namespace:value, as customer:42 is")
    settings = Settings.load(kafka__bootstrap=bootstrap, app_id=app_id)
    found = entity(settings, key, say)
    logged_in = devices_of(settings, found.key, say) if devices else None
    if json:
        data(_as_record(found, logged_in))
    else:
        for text in _as_lines(found, logged_in or ()):
            line(text)
        if logged_in == ():
            say(f"no device is logged in to {found.key}")
    if not found.known:
        say(f"nothing is stored about {found.key}")
    return 0 if found.known else 1


def _as_record(found: Entity, devices: Sequence[Device] | None) -> dict[str, object]:
    from ccstream.wire.headers import time_text

    shown: dict[str, object] = {
        "key": found.key,
        "partition": found.partition,
        "redirects": list(found.redirects),
        "identifiers": [
            {"key": one.key, "class": one.kind, "strength": one.strength}
            for one in found.identifiers
        ],
        "passed_over": [
            {
                "event_id": link.event_id,
                "one": link.one,
                "other": link.other,
                "strength": link.strength,
                "one_root": link.one_root,
                "other_root": link.other_root,
                "kept_apart_by": link.kept_apart_by,
            }
            for link in found.passed_over
        ],
        "kept_apart": [
            {"event_id": one.event_id, "one": one.one, "other": one.other}
            for one in found.kept_apart
        ],
        "rows": {
            table: [{"key": row.key, "type": row.type, "value": row.value} for row in rows]
            for table, rows in found.rows.items()
            if rows
        },
    }
    if devices is not None:
        shown["devices"] = [
            {"key": one.key, "since": time_text(one.since), "event_id": one.event_id}
            for one in devices
        ]
    return shown


def _why(link: PassedOver) -> str:
    """Why a link does not count."""
    roots = f"{link.one_root} and {link.other_root}"
    if link.kept_apart_by is None:
        return f"it would join two accounts, {roots}"
    return f"it would join {roots}, of which some are kept apart by {link.kept_apart_by}"


def _as_lines(found: Entity, devices: Sequence[Device]) -> list[str]:
    from ccstream.cli.console import as_json
    from ccstream.wire.headers import time_text

    lines = [f"{' → '.join((*found.redirects, found.key))}  (partition {found.partition})"]
    lines += [
        f"identifier  {one.key}  {one.kind}, {one.strength or 'not linked'}"
        for one in found.identifiers
    ]
    lines += [
        f"device  {one.key}  logged in since {time_text(one.since)}, by {one.event_id}"
        for one in devices
    ]
    lines += [
        f"passed over  the link {link.event_id} of {link.one} and {link.other}, {link.strength}: "
        f"{_why(link)}"
        for link in found.passed_over
    ]
    lines += [
        f"kept apart  {pair.one} and {pair.other}, by {pair.event_id}" for pair in found.kept_apart
    ]
    for table, rows in found.rows.items():
        for row in rows:
            lines.append(f"{table}  {row.key}")
            lines += [f"  {text}" for text in as_json(row.value, indent=True).splitlines()]
    return lines
