"""``ccstream tail``: show a topic's records, decoded."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated

import typer

from ccstream.cli.options import Bootstrap, Json
from ccstream.errors import AccessDeniedError

if TYPE_CHECKING:
    from confluent_kafka import Message

    from ccstream.ops.kafka_config import Isolation
    from ccstream.ops.reading import Bounds
    from ccstream.ops.records import Shown
    from ccstream.ops.settings import Settings

__all__ = ["app"]

app = typer.Typer()

LAST = -10
"""Where a look begins unless told otherwise: so many records before the end."""


@app.command()
def tail(
    topic: Annotated[str, typer.Argument(help="The topic's name.", show_default=False)],
    begin: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="WHERE",
            help="beginning, end, an offset, or -10 for the last ten of each partition "
            "(which is what it does without; with --follow: end).",
        ),
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Wait for more.")] = False,
    count: Annotated[
        int | None, typer.Option("-n", min=1, metavar="COUNT", help="End after so many records.")
    ] = None,
    partition: Annotated[
        int | None, typer.Option("--partition", "-p", min=0, help="Only this partition.")
    ] = None,
    key: Annotated[str | None, typer.Option(help="Only records with this key.")] = None,
    committed: Annotated[
        bool,
        typer.Option("--committed", help="Only what is committed, not what is yet to be."),
    ] = False,
    bootstrap: Bootstrap = None,
    json: Json = False,
) -> int:
    """Show a topic's records, decoded: events, sync events, changelogs, mail, dead letters.

    What is no record of ours is shown as such, with the reason and its first bytes.

    For example, every basket as it changes, and why records were rejected:

        ccstream tail sync.carts.v1 --follow
        ccstream tail ccstream.rejected.v1 --from beginning --json
    """
    from ccstream.cli.console import data, line, say
    from ccstream.ops.codecs import codec_of
    from ccstream.ops.reading import TopicReader
    from ccstream.ops.records import show
    from ccstream.ops.settings import Settings

    settings = Settings.load(kafka__bootstrap=bootstrap)
    partitions = _partitions(settings, topic, partition)
    wanted = None if key is None else key.encode()
    left = count
    codec = codec_of(settings)
    isolation: Isolation = "read_committed" if committed else "read_uncommitted"
    with TopicReader(settings, topic, isolation, say) as reader:
        starts = {
            number: _start(begin, reader.bounds(number), follow, number) for number in partitions
        }
        for batch in reader.read(starts, follow=follow):
            for message in _with_key(batch, wanted):
                shown = show(message, codec)
                if json:
                    data(shown)
                else:
                    line(_as_line(shown))
                if left is not None:
                    left -= 1
                    if left == 0:
                        return 0
    return 0


def _partitions(settings: Settings, topic: str, only: int | None) -> Iterable[int]:
    from ccstream.ops.broker import Broker

    broker = Broker(settings)
    topics = broker.cluster().topics
    found = topics.get(topic)
    if found is None:
        # Where users have rights, a cluster does not list what this one may not see, but tells a
        # topic that it hides from one that is not there.
        if settings.kafka.security_protocol != "PLAINTEXT" and topic in broker.operations([topic]):
            raise AccessDeniedError(
                f"there is no topic {topic} at {settings.kafka.bootstrap}, or this user may not "
                "see it: `ccstream topics acls --role …` lists what each role needs"
            )
        near = get_close_matches(topic, topics, n=1)
        hint = f"did you mean {near[0]}?" if near else "`ccstream topics apply` makes the topics"
        raise typer.BadParameter(f"there is no topic {topic} at {settings.kafka.bootstrap}; {hint}")
    if only is None:
        return range(found.partitions)
    if only >= found.partitions:
        raise typer.BadParameter(f"{topic} has the partitions 0 to {found.partitions - 1}")
    return (only,)


def _start(begin: str | None, bounds: Bounds, follow: bool, partition: int) -> int:
    where = begin or ("end" if follow else str(LAST))
    if where == "beginning":
        return bounds.first
    if where == "end":
        return bounds.end
    try:
        offset = int(where)
    except ValueError:
        raise typer.BadParameter(
            f"--from {where} is neither beginning, end, nor a number"
        ) from None
    if offset < 0:
        return max(bounds.first, bounds.end + offset)
    if offset < bounds.first:
        from ccstream.cli.console import say

        say(f"partition {partition} begins at {bounds.first}: what was before is gone")
        return bounds.first
    return min(offset, bounds.end)


def _with_key(batch: Iterable[Message], wanted: bytes | None) -> Iterable[Message]:
    return batch if wanted is None else (one for one in batch if one.key() == wanted)


def _as_line(shown: Shown) -> str:
    from ccstream.cli.console import as_json
    from ccstream.wire.headers import EPOCH

    where = f"{shown.partition}@{shown.offset}"
    parts = [where, shown.time, shown.key if shown.key is not None else "(no key)"]
    if EPOCH in shown.headers:
        parts.append(f"epoch {shown.headers[EPOCH]}")
    if shown.tombstone:
        parts.append("(tombstone)")
    elif shown.error is not None:
        parts.append(f"(unreadable) {shown.error}; {shown.raw_bytes} bytes: {shown.raw}")
    else:
        parts.append(f"{shown.type} {as_json(shown.value)}")
    return "  ".join(parts)
