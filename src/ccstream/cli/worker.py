"""``ccstream worker``: run a worker until it is told to stop."""

from __future__ import annotations

from typing import Annotated

import typer

from ccstream.cli.options import AppId, Bootstrap

app = typer.Typer()

__all__ = ["app"]


@app.command()
def worker(
    context: typer.Context,
    bootstrap: Bootstrap = None,
    app_id: AppId = None,
    web_port: Annotated[
        int | None,
        typer.Option(help="Port of /metrics, /livez and /readyz; 0 takes a free one and logs it."),
    ] = None,
    partitions: Annotated[
        int | None, typer.Option(help="Partitions of every topic, if not as configured.")
    ] = None,
    delivery: Annotated[
        str | None, typer.Option(help="auto, transactional or plain.", metavar="HOW")
    ] = None,
    instance_id: Annotated[
        str | None,
        typer.Option(help="Static membership: a restart under the same name is no rebalance."),
    ] = None,
    restart: Annotated[
        bool,
        typer.Option(
            help="Start it anew, with back-off, when it ends for a reason that this mends. "
            "Kubernetes and systemd do that themselves."
        ),
    ] = True,
    log_format: Annotated[str | None, typer.Option(help="auto, json or console.")] = None,
    log_level: Annotated[str | None, typer.Option(help="debug, info, warning or error.")] = None,
) -> int:
    """Run a worker: read the channels' events, keep the tables, publish what changed.

    Start as many as there is work for, at most one a partition; they share the partitions.
    SIGTERM or Ctrl-C ends one after its last commit. Make the topics first.

    For example:

        ccstream topics apply --bootstrap kafka:9092
        ccstream worker --bootstrap kafka:9092 --web-port 0
    """
    from ccstream.ops import logs
    from ccstream.ops.settings import Settings

    settings = Settings.load(
        app_id=app_id,
        delivery=delivery,
        kafka__bootstrap=bootstrap,
        kafka__partitions=partitions,
        web__port=web_port,
        group__instance_id=instance_id,
        log__format=log_format,
        log__level=log_level,
    )
    logs.configure(settings.log)

    if restart:
        import sys

        from ccstream.engine.supervisor import supervise

        return supervise([sys.executable, "-m", "ccstream", *context.obj, "--no-restart"])

    from ccstream.engine.worker import run

    return run(settings)
