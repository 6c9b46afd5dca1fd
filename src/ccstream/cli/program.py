"""Puts the command line together, and ends it: every error is one sentence and a code."""

from __future__ import annotations

import logging
import os
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple

import typer

from ccstream.cli.exits import ExitCode, code_of, silence_stdout
from ccstream.errors import CcstreamError, DevkitError

__all__ = ["COMMANDS", "build", "run"]


class Command(NamedTuple):
    """A command: its module, and the line that ``ccstream --help`` shows for it."""

    module: str
    help: str
    group: bool = False


COMMANDS: Final[dict[str, Command]] = {
    "demo": Command("ccstream.cli.demo", "See it work: four channels and one customer."),
    "worker": Command("ccstream.cli.worker", "Run a worker."),
    "rebuild": Command(
        "ccstream.cli.rebuild", "Fold the log anew beside a worker, for a change or by other rules."
    ),
    "diff": Command("ccstream.cli.diff", "Compare the tables of two applications."),
    "gateway": Command("ccstream.cli.gateway", "Serve HTTP: events in."),
    "gateway-keys": Command(
        "ccstream.cli.gateway_keys", "Make, list and revoke the gateway's API keys.", group=True
    ),
    "topics": Command("ccstream.cli.topics", "Plan and make the topics.", group=True),
    "schemas": Command("ccstream.cli.schemas", "Check and register the schemas.", group=True),
    "publish": Command("ccstream.cli.publish", "Publish events from JSON lines."),
    "tail": Command("ccstream.cli.tail", "Show a topic's records, decoded."),
    "inspect": Command("ccstream.cli.inspect", "Show what is stored about one key."),
    "explain": Command("ccstream.cli.explain", "Show which events led to what is stored."),
    "consent": Command(
        "ccstream.cli.consent", "Ask whether a person may be contacted.", group=True
    ),
    "privacy": Command(
        "ccstream.cli.privacy", "What a person may ask for: consents, all that is held.", group=True
    ),
    "identity": Command("ccstream.cli.identity", "Correct who is who.", group=True),
    "import": Command("ccstream.cli.importing", "Bring a data base of customers in.", group=True),
    "rejected": Command(
        "ccstream.cli.rejected", "Look at dead letters, and send their events again.", group=True
    ),
    "heartbeat": Command(
        "ccstream.cli.heartbeat", "Show, day and night, that events come through."
    ),
    "doctor": Command(
        "ccstream.cli.doctor",
        "Check settings, keys, brokers, topics, rights, producers and clocks.",
    ),
    "capacity": Command(
        "ccstream.cli.capacity", "Reckon what a load takes, from what was measured."
    ),
    "dataset": Command("ccstream.cli.dataset", "Play public retail data through it.", group=True),
    "devkit": Command("ccstream.cli.devkit", "Start a Kafka to try things on.", group=True),
}

LOST_INTERRUPT: Final = "returned NULL without setting an exception"
"""What Python says where confluent-kafka's `consume` is ended by Ctrl-C just after a callback, and
the KeyboardInterrupt is gone: about one time in three while no broker answers."""

EPILOG: Final = (
    "Start with: ccstream demo. Settings are read from CCSTREAM_… variables and ccstream.toml; "
    "docs/configuration.md lists them, docs/cli.md the exit codes."
)

# Typer brings a private copy of click; this is the base of the errors of whichever it uses.
USAGE_ERROR: Final[Any] = typer.BadParameter.__mro__[2]


def build(called: str | None, load_all: bool = False) -> typer.Typer:
    """The application, with only the command that is called imported; the others as lines.

    ``load_all`` imports all, for whoever checks documents against the commands.
    """
    app = typer.Typer(
        name="ccstream",
        help="Every channel sees one and the same customer, now.",
        epilog=EPILOG,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="markdown",
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    for name, command in COMMANDS.items():
        if find_spec(command.module) is None:
            continue
        if name != called and not load_all:
            app.command(name, help=command.help)(_not_loaded)
            continue
        part: typer.Typer = _load(name, command.module)
        if command.group:
            part.info.no_args_is_help = True
            app.add_typer(part, name=name, short_help=command.help)
        else:
            (only,) = part.registered_commands
            only.name, only.short_help = name, command.help
            app.registered_commands.append(only)
    return app


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; see `ccstream.cli.program`."""
    # Commands speak for themselves. Without a handler Python would print what libraries log,
    # librdkafka's line on each attempt to connect for one. The worker sets up its own logs.
    logging.getLogger().addHandler(logging.NullHandler())
    given = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    called = _called(given)
    try:
        app = build(called)
        code = app(given, prog_name="ccstream", standalone_mode=False, obj=given)
        sys.stdout.flush()
    except (KeyboardInterrupt, typer.Abort):
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        silence_stdout()
        return ExitCode.OK
    except USAGE_ERROR as problem:
        return _usage(problem, called)
    except CcstreamError as problem:
        if "--traceback" in given:
            traceback.print_exc()
        _say(called, str(problem))
        return code_of(problem)
    except Exception as problem:  # noqa: BLE001 - the last boundary, where a bug is told
        if isinstance(problem, SystemError) and LOST_INTERRUPT in str(problem):
            return ExitCode.INTERRUPTED
        if "--traceback" in given:
            traceback.print_exc()
        else:
            _say(
                called,
                f"error in ccstream itself: {type(problem).__name__}: {problem}; "
                "`ccstream --traceback …` shows where, please report it",
            )
        return ExitCode.BUG
    return code if isinstance(code, int) else ExitCode.OK


def _show(wanted: bool) -> None:
    if wanted:
        from ccstream import __version__

        print(__version__)
        raise typer.Exit


def _root(
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", metavar="FILE", help="Settings file to read instead of ccstream.toml."
        ),
    ] = None,
    _traceback: Annotated[
        bool, typer.Option("--traceback", help="Show where in the code an error arose.")
    ] = False,
    _version: Annotated[
        bool,
        typer.Option(
            "--version",
            help="Show the version and end.",
            is_eager=True,
            callback=_show,
        ),
    ] = False,
) -> None:
    if config is not None:
        os.environ["CCSTREAM_CONFIG"] = str(config)


def _called(arguments: Sequence[str]) -> str | None:
    """The command's name: the first argument that is no option of the root."""
    rest = iter(arguments)
    for argument in rest:
        if argument == "--config":
            next(rest, None)
        elif not argument.startswith("-"):
            return argument
    return None


def _load(name: str, module: str) -> Any:
    try:
        return import_module(module).app
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] == "ccstream":
            raise
        raise DevkitError(
            f"ccstream {name} needs {missing.name}, which is not installed"
        ) from missing


def _not_loaded() -> None:
    """Stands for a command that is only listed."""


def _usage(problem: Any, called: str | None) -> int:
    context = getattr(problem, "ctx", None)
    path = context.command_path if context is not None else "ccstream"
    if type(problem).__name__ == "NoArgsIsHelpError":
        problem.show()
        return ExitCode.USAGE
    sentence = " ".join(problem.format_message().split()).rstrip(".")
    _say(None if context is not None else called, f"{sentence}. Try '{path} --help'.", path)
    return ExitCode.USAGE


def _say(called: str | None, sentence: str, path: str = "ccstream") -> None:
    name = f"{path} {called}" if called in COMMANDS else path
    print(f"{name}: {sentence}", file=sys.stderr)
