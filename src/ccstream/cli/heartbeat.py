"""``ccstream heartbeat``: show, day and night, that events come through."""

from __future__ import annotations

from typing import Annotated

import typer

from ccstream.cli.options import Bootstrap

app = typer.Typer()

__all__ = ["app"]


@app.command()
def heartbeat(
    bootstrap: Bootstrap = None,
    web_port: Annotated[
        int | None,
        typer.Option(help="Port of /metrics, /livez and /readyz; 0 takes a free one and logs it."),
    ] = None,
    interval_ms: Annotated[
        int | None, typer.Option(help="Between two beats, if not as configured.")
    ] = None,
    beats: Annotated[
        int | None, typer.Option(min=1, help="End after so many; exit code 1 if one is missed.")
    ] = None,
) -> int:
    """Publish a synthetic event through every channel, again and again, and wait for its return.

    One process for each cluster. Each beat goes to the next partition, to every channel's topic,
    and is waited for on every sync topic; how long that took is in the metrics. Its subjects are of
    the namespace `heartbeat:`, which readers of the SDK are not shown. At 5 s between beats it
    costs 8 events a second for 10 channels, and no row grows. It needs the rights of a gateway.

    For example:

        ccstream heartbeat --bootstrap kafka:9092 --web-port 6068
        ccstream heartbeat --bootstrap kafka:9092 --beats 1
    """
    import signal
    from threading import Event

    from ccstream.ops import logs
    from ccstream.ops.broker import Broker
    from ccstream.ops.health import Health
    from ccstream.ops.heartbeat import SHOWN, Prober
    from ccstream.ops.metrics import Metrics
    from ccstream.ops.settings import Settings

    settings = Settings.load(
        kafka__bootstrap=bootstrap, web__port=web_port, heartbeat__interval_ms=interval_ms
    )
    logs.configure(settings.log)
    metrics = Metrics(only=SHOWN)
    prober = Prober(settings, metrics)
    if beats is not None:
        try:
            Broker(settings).cluster()  # whoever asks once is told that nobody answers
            missed = 0
            for number in range(beats):
                prober.beat(number % settings.kafka.partitions)
                if prober.trouble is not None:
                    raise prober.trouble
                missed += bool(prober.missing)
            return 1 if missed else 0
        finally:
            prober.close()
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    health = Health(
        lambda: (True, {}),
        lambda: (not prober.missing, {"missing": len(prober.missing)}),
        metrics.registry,
        settings.web.host,
        settings.web.port,
    )
    with health:
        try:
            prober.run(stop)
        finally:
            prober.close()
    return 0
