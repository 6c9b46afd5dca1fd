"""``ccstream worker``: run a worker until it is told to stop."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from ccstream.cli.options import AppId, Bootstrap

if TYPE_CHECKING:
    from ccstream.ops.settings import Settings

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
    processes: Annotated[
        int,
        typer.Option(
            min=1,
            max=64,
            help="So many workers, each in a process of its own, with the metrics and health of "
            "all on the one port.",
        ),
    ] = 1,
    restart: Annotated[
        bool,
        typer.Option(
            help="Start it anew, with back-off, when it ends for a reason that this mends. "
            "Kubernetes and systemd do that themselves."
        ),
    ] = True,
    log_format: Annotated[str | None, typer.Option(help="auto, json or console.")] = None,
    log_level: Annotated[str | None, typer.Option(help="debug, info, warning or error.")] = None,
    parent: Annotated[int | None, typer.Option(hidden=True)] = None,
    process: Annotated[int | None, typer.Option(hidden=True)] = None,
    web_socket: Annotated[int | None, typer.Option(hidden=True)] = None,
    query_url: Annotated[str | None, typer.Option(hidden=True)] = None,
    restarts: Annotated[int, typer.Option(hidden=True)] = 0,
) -> int:
    """Run a worker: read the channels' events, keep the tables, publish what changed.

    Start as many as there is work for, at most one a partition; they share the partitions.
    SIGTERM or Ctrl-C ends one after its last commit. Make the topics first. A worker keeps one
    core busy: with `--processes` there are as many on this machine, each restarted by itself,
    with `-0`, `-1` and so on behind their client and instance ids.

    For example:

        ccstream topics apply --bootstrap kafka:9092
        ccstream worker --bootstrap kafka:9092 --web-port 0
        ccstream worker --bootstrap kafka:9092 --processes 4
    """
    from ccstream.ops import startup

    with startup.imports():
        from ccstream.ops import logs
        from ccstream.ops.settings import Settings

    if processes > 1 and not restart and process is None:
        raise typer.BadParameter("--processes restarts workers by itself; leave --no-restart out")
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
    if process is not None:
        logs.configure(settings.log, process=process)
        settings = _of_process(settings, process)
    else:
        logs.configure(settings.log)

    if restart:
        me = str(os.getpid())
        command = [sys.executable, "-m", "ccstream", *context.obj, "--no-restart", "--parent", me]
        if processes > 1:
            from ccstream.engine.processes import run_processes

            return run_processes(command, processes, settings.web)
        from ccstream.engine.supervisor import Child, supervise

        return supervise([Child(command)])

    if parent is not None:
        from ccstream.engine.supervisor import die_with

        die_with(parent)

    from ccstream.engine.allocator import share_one_heap

    with startup.engine_imports():
        from ccstream.engine.worker import run

    share_one_heap()
    status = run(settings, web_socket, query_url, None, restarts)
    startup.leave()
    return status


def _of_process(settings: Settings, number: int) -> Settings:
    """The settings of one of several processes: what no two workers share has its number."""
    kafka, group, state = settings.kafka, settings.group, settings.state
    instance_id = None if group.instance_id is None else f"{group.instance_id}-{number}"
    return settings.model_copy(
        update={
            "kafka": kafka.model_copy(update={"client_id": f"{kafka.client_id}-{number}"}),
            "group": group.model_copy(update={"instance_id": instance_id}),
            "state": state.model_copy(update={"directory": state.directory / str(number)}),
        }
    )
