"""``ccstream devkit``: what it takes to try ccstream where there is no Kafka."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated, Final, NoReturn

import typer
from rich.console import Console

from ccstream.cli.exits import ExitCode
from ccstream.devkit.kafka import LocalKafka
from ccstream.devkit.kafka_jars import KAFKA_VERSION
from ccstream.errors import DevkitError

__all__ = ["app"]

BOOTSTRAP_ENV: Final = "CCSTREAM_KAFKA__BOOTSTRAP"

COMMAND_STOP_S_MAX: Final = 5.0
"""How long a command may take to end after Ctrl-C before it is told more firmly."""

app = typer.Typer(help="Try it where there is no Kafka.", no_args_is_help=True)
talk = Console(stderr=True, highlight=False)


@app.callback()
def devkit() -> None:
    """Try it where there is no Kafka."""


@app.command()
def kafka(
    command: Annotated[
        list[str] | None,
        typer.Argument(
            help="After `--`: run this with CCSTREAM_KAFKA__BOOTSTRAP set, then stop Kafka.",
            show_default=False,
        ),
    ] = None,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="The port for clients; 0 takes a free one.")
    ] = 0,
    keep: Annotated[
        Path | None,
        typer.Option(
            help="Keep the log in this folder and use it again; else it goes with Kafka.",
            file_okay=False,
            show_default=False,
        ),
    ] = None,
    version: Annotated[
        str, typer.Option(help="Which Apache Kafka to fetch from the Maven repository.")
    ] = KAFKA_VERSION,
) -> int:
    """Run a real Apache Kafka here until Ctrl-C; needs Java 17 and Maven, no Docker.

    The address for clients is the one line on stdout.

    For example, Kafka and a test run beside it, which goes when the test has ended:

        ccstream devkit kafka -- make test
    """
    if command and shutil.which(command[0]) is None:
        raise DevkitError(f"{command[0]} cannot be run beside Kafka: there is no such program.")
    with _ended_by_signals():
        try:
            with LocalKafka(version=version, port=port, data=keep, report=talk.print) as node:
                if command:
                    return _run(command, node.bootstrap)
                print(node.bootstrap, flush=True)
                talk.print(f"Kafka serves on {node.bootstrap}. Ctrl-C ends it.")
                return node.wait()
        except KeyboardInterrupt:
            talk.print("Kafka has been stopped.")
            return ExitCode.INTERRUPTED if command else ExitCode.OK


def _run(command: list[str], bootstrap: str) -> int:
    """The exit code of ``command``, run beside the broker; a signal is 128 and its number."""
    child = subprocess.Popen(command, env={**os.environ, BOOTSTRAP_ENV: bootstrap})
    try:
        code = child.wait()
    except KeyboardInterrupt:
        _stop(child)
        raise
    return code if code >= 0 else 128 - code


def _stop(child: subprocess.Popen[bytes]) -> None:
    """End it: in a terminal Ctrl-C has reached it as well, elsewhere it has to be told."""
    for tell in (child.terminate, child.kill):
        try:
            child.wait(COMMAND_STOP_S_MAX)
        except subprocess.TimeoutExpired:
            tell()
    child.wait()


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """SIGTERM ends this as Ctrl-C does, so that no broker and no folder is left behind."""

    def interrupt(number: int, frame: FrameType | None) -> NoReturn:
        raise KeyboardInterrupt

    before = {
        number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
