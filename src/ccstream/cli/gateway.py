"""``ccstream gateway``: serve HTTP until it is told to stop."""

from __future__ import annotations

from typing import Annotated

import typer

from ccstream.cli.options import Bootstrap

app = typer.Typer()

__all__ = ["app"]


@app.command()
def gateway(
    bootstrap: Bootstrap = None,
    host: Annotated[
        str | None, typer.Option(help="Address to listen on, if not as configured.")
    ] = None,
    port: Annotated[
        int | None, typer.Option(help="Port to listen on; 0 takes a free one and logs it.")
    ] = None,
    log_format: Annotated[str | None, typer.Option(help="auto, json or console.")] = None,
    log_level: Annotated[str | None, typer.Option(help="debug, info, warning or error.")] = None,
) -> int:
    """Take events over HTTP, for what does not speak Kafka.

    It keeps nothing, so that any number may run behind a load balancer. SIGTERM or Ctrl-C ends
    it after the requests under way. Without `gateway.auth` set to required everybody may do
    everything, which is refused on any address but this machine's own.

    For example:

        ccstream gateway --bootstrap kafka:9092 --port 8080
    """
    from ccstream.gateway.server import run
    from ccstream.ops import logs
    from ccstream.ops.settings import Settings

    settings = Settings.load(
        kafka__bootstrap=bootstrap,
        gateway__host=host,
        gateway__port=port,
        log__format=log_format,
        log__level=log_level,
    )
    logs.configure(settings.log)
    return run(settings)
