"""``ccstream capacity``: how many workers, partitions and brokers a load takes."""

from __future__ import annotations

from typing import Annotated

import typer

from ccstream.cli.options import Json

__all__ = ["app"]

app = typer.Typer()


@app.command()
def capacity(
    events_per_second: Annotated[float, typer.Option(min=0.001, help="At the peak.")],
    customers: Annotated[int, typer.Option(min=1, help="Of whom something is kept.")],
    lines: Annotated[
        float, typer.Option(min=1, help="In a cart when something happens to it.")
    ] = 3,
    average_per_second: Annotated[
        float | None,
        typer.Option(min=0.001, help="Over a week, for the disks; the peak if not given."),
    ] = None,
    readers: Annotated[
        int, typer.Option(min=0, help="Apps and gateways that read all sync topics.")
    ] = 2,
    replication: Annotated[int, typer.Option(min=1, max=9, help="Copies of each topic.")] = 3,
    standbys: Annotated[
        int, typer.Option(min=0, max=8, help="Workers that follow each partition.")
    ] = 0,
    worker_gib: Annotated[float, typer.Option(min=1, help="Memory of one worker.")] = 4,
    broker_cores: Annotated[int, typer.Option(min=1, help="Of one broker.")] = 8,
    broker_mb_per_second: Annotated[
        float, typer.Option(min=1, help="That a broker's network and disks take, each way.")
    ] = 300,
    busy: Annotated[
        float, typer.Option(min=0.05, max=1, help="How much of each may be used at the peak.")
    ] = 0.6,
    growth: Annotated[
        float, typer.Option(min=1, help="Times as many workers as there may once be.")
    ] = 2,
    worker_rate: Annotated[
        float | None,
        typer.Option(min=1, help="Events a second that a worker of yours does, if measured."),
    ] = None,
    json: Json = False,
) -> None:
    """Reckon partitions, workers, memory, disk and bandwidth from what was measured.

    Each line says which figure it follows from, and which limit is reached first. The figures are
    those of docs/performance.md, of the machine named there: with `--worker-rate` your own count.

    For example:

        ccstream capacity --events-per-second 10000 --customers 1000000
        ccstream capacity --events-per-second 10000 --customers 1000000 --lines 20 --json
    """
    from ccstream.cli.console import data, say, table
    from ccstream.ops.capacity import UNMEASURED, Figures, Load, plan
    from ccstream.ops.settings import StateSettings

    found = plan(
        Load(
            events_per_second=events_per_second,
            customers=customers,
            lines=lines,
            average_per_second=average_per_second,
            readers=readers,
            replication=replication,
            standbys=standbys,
            worker_gib=worker_gib,
            broker_cores=broker_cores,
            broker_mb_per_second=broker_mb_per_second,
            busy=busy,
            growth=growth,
            cache_rows=StateSettings().cache_rows_max,
            worker_rate=worker_rate,
        )
    )
    if json:
        data(found)
        return
    table(
        ("what", "how much", "because"),
        ((one.name, f"{number(one.value)} {one.unit}".strip(), one.because) for one in found.lines),
    )
    figures = Figures.packaged()
    say(f"limited by the {found.limit}; measured on {figures.measured}, {figures.on}")
    for sentence in UNMEASURED:
        say(f"mind that {sentence}")


def number(value: float) -> str:
    """As many digits as mean something."""
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:.2g}"
