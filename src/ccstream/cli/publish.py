"""``ccstream publish``: events from JSON lines."""

from __future__ import annotations

import os
import sys
import time
from asyncio import Runner
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from ccstream.cli.options import Bootstrap

if TYPE_CHECKING:
    from ccstream.cli.event_lines import Defaults, Line
    from ccstream.client.publisher import ChannelPublisher
    from ccstream.domain.events import Event
    from ccstream.ops.settings import Settings

__all__ = ["app"]

app = typer.Typer()

PIECE_BYTES: Final = 65_536
LINE_BYTES_FACTOR: Final = 4
"""JSON with its names is longer than the Avro record that it becomes, hardly fourfold."""


@app.command()
def publish(
    file: Annotated[
        Path | None,
        typer.Argument(
            help="A file of JSON lines; standard input without.",
            show_default=False,
            exists=True,
            dir_okay=False,
            readable=True,
            allow_dash=True,
        ),
    ] = None,
    channel: Annotated[
        str | None, typer.Option(help="The channel of lines that name none.", metavar="NAME")
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(help="The source (which till, which shop) of lines that name none."),
    ] = None,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Tell of bad lines and go on; exit code 1 then.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only check the lines; needs no broker.")
    ] = False,
    bootstrap: Bootstrap = None,
    json: Annotated[
        bool, typer.Option("--json", help="Print how many were published and bad, as JSON.")
    ] = False,
) -> int:
    """Publish events from JSON lines, checked against schema and rules.

    A line is an object with the event's fields and its type, as
    `{"type": "CartItemAdded", "subject": "customer:42", "sku": "mug", "quantity": 2}`. Money
    is `{"amount_minor": 1999, "currency": "EUR"}`, `occurred_at` milliseconds or ISO 8601
    with a zone (now, if left out). The first bad line ends it, with its number; lines before
    it are published. Give an `event_id` where a line may come twice: it then counts once.

    For example:

        ccstream publish events.jsonl --channel web --source shop-1
        generate-events | ccstream publish --skip-bad
    """
    from ccstream.cli.console import data, say
    from ccstream.ops.settings import Settings

    settings = Settings.load(kafka__bootstrap=bootstrap)
    begun = time.monotonic()
    work = _Work(settings, channel, source, skip_bad, dry_run)
    with _opened(file) as descriptor:
        work.run(descriptor)
    did = "checked" if dry_run else "published"
    seconds = time.monotonic() - begun
    bad = f", {work.bad:,} bad lines skipped" if work.bad else ""
    say(f"{did} {_events(work.good)} in {seconds:.1f} s{bad}")
    if json:
        data({did: work.good, "bad": work.bad})
    return 1 if work.bad else 0


@contextmanager
def _opened(file: Path | None) -> Iterator[int]:
    """The descriptor to read from: of the file, or standard input's."""
    if file is None or str(file) == "-":
        if sys.stdin.isatty():
            from ccstream.cli.console import say

            say("reading JSON lines from the terminal; Ctrl-D ends them")
        yield sys.stdin.fileno()
        return
    with file.open("rb", buffering=0) as opened:
        yield opened.fileno()


class _Work:
    """Reads in the main thread, where Ctrl-C reaches a blocked read, and publishes between."""

    def __init__(
        self,
        settings: Settings,
        channel: str | None,
        source: str | None,
        skip_bad: bool,
        dry_run: bool,
    ) -> None:
        from ccstream.cli.event_lines import Defaults
        from ccstream.client.stamps import Stamps
        from ccstream.ops.codecs import codec_of
        from ccstream.wire.catalogue import CHANNELS

        stamps = Stamps()
        self._settings = settings
        self._skip_bad = skip_bad
        self._dry_run = dry_run
        self._defaults: Defaults = Defaults(
            stamp=stamps.next, new_id=stamps.event_id, channel=channel, source=source
        )
        self._channels = (*CHANNELS, *settings.channels_extra)
        self._codec = codec_of(settings)
        self._publishers: dict[str, ChannelPublisher] = {}
        self.good = 0
        self.bad = 0

    def run(self, descriptor: int) -> None:
        """Publish every line of what can be read from the descriptor.

        Raises:
            InvalidEventError: a line is bad, and is not to be skipped.
        """
        from ccstream.cli.event_lines import lines

        longest = LINE_BYTES_FACTOR * self._settings.kafka.max_message_bytes
        with Runner() as runner, ExitStack() as stack:
            stack.callback(lambda: runner.run(self._close()))
            with _progress() as advance:
                for found in lines(partial(os.read, descriptor, PIECE_BYTES), longest):
                    runner.run(self._publish(found))
                    advance(self.good)

    async def _publish(self, found: list[Line]) -> None:
        from ccstream.cli.console import say
        from ccstream.errors import InvalidEventError

        for line in found:
            try:
                await self._publish_line(line)
            except InvalidEventError as problem:
                if not self._skip_bad:
                    before = _events(self.good) if self.good else "nothing"
                    problem.args = (f"line {line.number}: {problem} ({before} before it)",)
                    raise
                self.bad += 1
                say(f"line {line.number}: {problem}")

    async def _publish_line(self, line: Line) -> None:
        from ccstream.cli.event_lines import event_of
        from ccstream.domain import reasons
        from ccstream.errors import InvalidEventError

        event = event_of(line.text, self._defaults)
        if event.channel not in self._channels:
            raise InvalidEventError(
                reasons.CHANNEL_MISMATCH,
                f"there is no channel {event.channel!r}; there are {', '.join(self._channels)}",
            )
        if self._dry_run:
            self._check(event)
        else:
            publisher = self._publishers.get(event.channel) or await self._open(event.channel)
            await publisher.publish_soon(event)
        self.good += 1

    def _check(self, event: Event) -> None:
        from ccstream.errors import InvalidEventError
        from ccstream.wire.validate import validate

        self._codec.encode_event(event)
        rejection = validate(event, time.time_ns() // 1_000_000)
        if rejection is not None:
            raise InvalidEventError(rejection.reason, rejection.detail)

    async def _open(self, channel: str) -> ChannelPublisher:
        from ccstream.client.publisher import ChannelPublisher

        publisher = ChannelPublisher(
            channel=channel,
            source="ccstream-publish",
            settings=self._settings,
            start_timeout_s=self._settings.kafka.connect_timeout_ms / 1000,
        )
        await publisher.start()
        self._publishers[channel] = publisher
        return publisher

    async def _close(self) -> None:
        """Wait until Kafka has what was handed to it; raises DeliveryError if it has not."""
        while self._publishers:
            _, publisher = self._publishers.popitem()
            await publisher.aclose()


def _events(count: int) -> str:
    return f"{count:,} event" if count == 1 else f"{count:,} events"


@contextmanager
def _progress() -> Iterator[Callable[[int], None]]:
    """Shows how far it is, where somebody looks."""
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from ccstream.cli.console import talk

    columns = (SpinnerColumn(), TextColumn("{task.completed:,.0f} events"), TimeElapsedColumn())
    with Progress(*columns, console=talk, disable=not talk.is_terminal, transient=True) as progress:
        task = progress.add_task("publish", total=None)
        yield lambda completed: progress.update(task, completed=completed)
