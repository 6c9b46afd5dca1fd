"""``ccstream dataset``: public retail data through the pipeline, compared with itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from ccstream.cli.console import data, line, say, table, talk
from ccstream.cli.exits import ExitCode
from ccstream.cli.options import Bootstrap, Json
from ccstream.errors import DevkitError

if TYPE_CHECKING:
    from ccstream.devkit.completejourney import Journey
    from ccstream.devkit.dataset import Played
    from ccstream.devkit.dataset_check import Comparison
    from ccstream.devkit.dataset_facts import Facts
    from ccstream.devkit.worker_process import WorkerProcess
    from ccstream.ops.settings import Settings

__all__ = ["app"]

DATASETS: Final = ("completejourney",)

DIFFERENCES_SHOWN: Final = 10

EMBEDDED_IN_FLIGHT_MAX: Final = 1_000
"""The embedded broker keeps 5 MB a partition: so many snapshots, large ones too, fit in."""

LINE_EVERY_S: Final = 10.0

Progressed = Callable[[int, int], None]

app = typer.Typer(help="Play public retail data through it.", no_args_is_help=True)


@app.callback()
def dataset() -> None:
    """Play public retail data through it."""


@app.command()
def play(
    name: Annotated[str, typer.Argument(help="Which data set: completejourney.")],
    bootstrap: Bootstrap = None,
    embedded: Annotated[
        bool, typer.Option("--embedded", help="Play on an embedded broker, for small slices.")
    ] = False,
    worker: Annotated[
        bool,
        typer.Option(
            help="Start a worker for it. Without, those that run need "
            "`window.horizon_days` = 36500, since the events are years old."
        ),
    ] = True,
    limit_households: Annotated[
        int | None, typer.Option(min=1, help="Only the first so many households.", metavar="N")
    ] = None,
    limit_baskets: Annotated[
        int | None, typer.Option(min=1, help="Only their first so many baskets.", metavar="N")
    ] = None,
    speed: Annotated[
        str, typer.Option(help="`max`, or a multiple of real time.", metavar="max|MULTIPLE")
    ] = "max",
    time_zone: Annotated[
        str, typer.Option(help="In which the data's times are to be read.", metavar="ZONE")
    ] = "UTC",
    verify: Annotated[
        bool, typer.Option(help="Compare what comes out with the data set itself.")
    ] = True,
    as_json: Json = False,
) -> int:
    """Stream a data set through the pipeline as store events, and compare what comes out.

    Units and amounts of each basket before check-out, orders with their amounts and the last
    touch of each household are compared with the data set, computed independently. Exit code
    1, and the first differences, if anything differs. Topics are made where they are missing.

    For example:

        ccstream dataset play completejourney --embedded --limit-baskets 200
        ccstream dataset play completejourney --bootstrap kafka:9092 --speed 100000
    """
    if name not in DATASETS:
        raise typer.BadParameter(f"there is no data set {name!r}, only {', '.join(DATASETS)}")
    if embedded and bootstrap is not None:
        raise typer.BadParameter("give either --bootstrap or --embedded")
    multiple = _multiple(speed)
    try:
        from ccstream.devkit import completejourney, completejourney_truth
    except ModuleNotFoundError as missing:
        raise DevkitError(
            f"the data set needs {missing.name}; run: uv sync --group dataset"
        ) from missing
    from ccstream.devkit.dataset import play as play_through
    from ccstream.devkit.dataset_check import compare
    from ccstream.devkit.dataset_facts import Facts

    say("Reading the data set.")
    journey = completejourney.load(
        households=limit_households, baskets=limit_baskets, time_zone=time_zone
    )
    truth = completejourney_truth.compute(journey)
    wanted = (one.last_item_id for one in truth.baskets.values() if one.last_item_id is not None)
    facts = Facts(frozenset(wanted) if verify else frozenset())
    with ExitStack() as stack:
        settings = stack.enter_context(_cluster(bootstrap, embedded))
        running = stack.enter_context(_worker(settings, embedded)) if worker else None
        moved = stack.enter_context(_progress(journey.events))
        played = play_through(
            journey,
            truth if verify else None,
            facts,
            settings,
            speed=multiple,
            in_flight_max=EMBEDDED_IN_FLIGHT_MAX if embedded else None,
            progress=moved,
            check=running.check if running is not None else lambda: None,
        )
    comparison = compare(truth, facts) if verify else None
    if as_json:
        data(_document(name, time_zone, journey, played, facts, comparison))
    else:
        _show(journey, played, facts, comparison)
    if played.answered < played.events or (comparison is not None and not comparison.equal):
        _explain(played, facts, comparison)
        return ExitCode.NEGATIVE
    return ExitCode.OK


def _multiple(speed: str) -> float | None:
    if speed == "max":
        return None
    try:
        multiple = float(speed)
    except ValueError:
        multiple = 0.0
    if not 0 < multiple < float("inf"):
        raise typer.BadParameter(f"--speed is max or a positive number, not {speed!r}")
    return multiple


@contextmanager
def _cluster(bootstrap: str | None, embedded: bool) -> Iterator[Settings]:
    """The settings of the cluster to play on, with its topics made."""
    from ccstream.ops.settings import Settings

    if not embedded:
        settings = Settings.load(kafka__bootstrap=bootstrap)
        _make_topics(settings)
        yield settings
        return
    from confluent_kafka.admin import AdminClient

    from ccstream.devkit.embedded import EMBEDDED_PARTITIONS, EmbeddedKafka
    from ccstream.ops.kafka_clients import make_client
    from ccstream.ops.kafka_config import admin_config
    from ccstream.wire.catalogue import REJECTED_TOPIC, SYNC_TOPICS

    with EmbeddedKafka() as broker:
        settings = Settings.load(
            kafka__bootstrap=broker.bootstrap, kafka__partitions=EMBEDDED_PARTITIONS
        )
        client = make_client(AdminClient, admin_config(settings))
        for topic in (*SYNC_TOPICS.values(), REJECTED_TOPIC):
            # It makes a topic when somebody asks for it.
            client.list_topics(topic, timeout=settings.kafka.connect_timeout_ms / 1000)
        yield settings


def _make_topics(settings: Settings) -> None:
    from ccstream.ops.broker import Broker
    from ccstream.ops.topics import apply, survey

    broker = Broker(settings)
    apply(survey(settings, broker), broker, alter_config=False, report=say)


def _worker(settings: Settings, embedded: bool) -> WorkerProcess:
    from ccstream.devkit.dataset import HORIZON_DAYS
    from ccstream.devkit.worker_process import WorkerProcess

    say("Starting a worker.")
    return WorkerProcess(
        {
            "KAFKA__BOOTSTRAP": settings.kafka.bootstrap,
            "KAFKA__PARTITIONS": str(settings.kafka.partitions),
            "WINDOW__HORIZON_DAYS": str(HORIZON_DAYS),
        }
    )


@contextmanager
def _progress(events: int) -> Iterator[Progressed]:
    """Shows events published and answered: bars on a terminal, else a line now and then."""
    if not talk.is_terminal:
        last = time.monotonic()

        def told(published: int, answered: int) -> None:
            nonlocal last
            if time.monotonic() - last >= LINE_EVERY_S:
                last = time.monotonic()
                say(f"{published:,} published, {answered:,} answered of {events:,}")

        yield told
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=talk) as bars:
        sent = bars.add_task("published", total=events)
        seen = bars.add_task("answered", total=events)

        def moved(published: int, answered: int) -> None:
            bars.update(sent, completed=published)
            bars.update(seen, completed=answered)

        yield moved


def _document(
    name: str,
    time_zone: str,
    journey: Journey,
    played: Played,
    facts: Facts,
    comparison: Comparison | None,
) -> dict[str, Any]:
    document: dict[str, Any] = {
        "dataset": name,
        "time_zone": time_zone,
        "lines": journey.lines.height,
        "baskets": journey.baskets,
        "households": journey.lines["household"].n_unique(),
        "events": played.events,
        "answered": played.answered,
        "seconds": round(played.seconds, 3),
        "events_per_second": round(played.events_per_second),
        "oddities": journey.oddities.as_dict(),
        "rejected": dict(facts.rejected),
        "not_applied": dict(facts.not_applied),
    }
    if comparison is not None:
        document["compared"] = comparison.compared
        document["differences"] = len(comparison.differences)
        document["first_differences"] = [
            str(one) for one in comparison.differences[:DIFFERENCES_SHOWN]
        ]
        document["equal"] = comparison.equal
    return document


def _show(journey: Journey, played: Played, facts: Facts, comparison: Comparison | None) -> None:
    counts = {
        "lines": journey.lines.height,
        "baskets": journey.baskets,
        "events": played.events,
        **journey.oddities.as_dict(),
        **{f"rejected: {reason}": count for reason, count in facts.rejected.items()},
    }
    table(
        ("in the data", "count"), ((what.replace("_", " "), f"{counts[what]:,}") for what in counts)
    )
    line(
        f"{played.answered:,} of {played.events:,} events answered in {played.seconds:.1f} s: "
        f"{played.events_per_second:,.0f} events/s"
    )
    if comparison is None:
        return
    compared = (
        f"{count:,} {what.replace('_', ' ')}" for what, count in comparison.compared.items()
    )
    line(f"compared: {', '.join(compared)}")
    if comparison.equal:
        line("all equal")
        return
    line(f"{len(comparison.differences):,} differences; the first:")
    for difference in comparison.differences[:DIFFERENCES_SHOWN]:
        line(f"  {difference}")


def _explain(played: Played, facts: Facts, comparison: Comparison | None) -> None:
    """What most probably went wrong, on standard error."""
    if played.answered == 0:
        say("No event was answered: does a worker run on this cluster?")
    elif facts.not_applied["duplicate"]:
        say(
            "Events were known already: ids are the same on every play, so a cluster takes the "
            "data set once."
        )
    elif facts.rejected["too_late"] or facts.not_applied["too_late"]:
        say(
            "Events were too late: the workers need window.horizon_days = 36500 "
            "(CCSTREAM_WINDOW__HORIZON_DAYS) for data of years ago."
        )
    elif comparison is None:
        say(f"{played.events - played.answered:,} events were not answered.")
