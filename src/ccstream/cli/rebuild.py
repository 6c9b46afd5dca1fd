"""``ccstream rebuild``: a second application that folds the log anew beside the first."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ccstream.cli.options import Bootstrap

if TYPE_CHECKING:
    from ccstream.ops.settings import Settings

app = typer.Typer()

__all__ = ["app"]


@app.command()
def rebuild(
    context: typer.Context,
    new: Annotated[
        str,
        typer.Option("--as", metavar="NEW_ID", help="The application to make.", show_default=False),
    ],
    of: Annotated[
        str | None,
        typer.Option(metavar="OLD_ID", help="The one to rebuild, if not the one configured."),
    ] = None,
    rules: Annotated[
        Path | None,
        typer.Option(
            "--with", metavar="FILE", help="A TOML file with settings that are to be otherwise."
        ),
    ] = None,
    until_caught_up: Annotated[
        bool,
        typer.Option(
            "--until-caught-up",
            help="End once all is folded that OLD_ID has folded: for when no more events come.",
        ),
    ] = False,
    web_port: Annotated[
        int, typer.Option(help="Port of /metrics, /livez and /readyz; 0 takes a free one.")
    ] = 0,
    restart: Annotated[
        bool,
        typer.Option(
            "--restart/--no-restart",
            help="Restart after failures that a restart mends. Leave it to Kubernetes there.",
        ),
    ] = True,
    bootstrap: Bootstrap = None,
    parent: Annotated[int | None, typer.Option(hidden=True)] = None,
    restarts: Annotated[int, typer.Option(hidden=True)] = 0,
) -> int:
    """Fold the log anew, from its beginning, as application NEW_ID, beside the one that works.

    NEW_ID gets changelogs and a consumer group of its own, and what it puts out goes to topics
    with its name before theirs, as NEW_ID.sync.carts.v1; they are made if need be. It folds what
    OLD_ID has folded, no further, follows it as it goes on, and sends nothing from entity to
    entity. Ctrl-C ends it; called again, it goes on where it was. Start more of them on other
    machines to share the work. When `ccstream diff OLD_ID NEW_ID` finds no difference, NEW_ID
    can take over: see docs/operations.md.

    With `--with` the same events are folded by other rules: cart.lines_max,
    identity.cart_merge, profile.policies, signals.cart_abandoned_after_ms, touch.lookback_days,
    window.horizon_days, window.ids_max. A path in it begins where the command is called.

    For example:

        ccstream rebuild --as shop-2
        ccstream rebuild --as what-if --with rules.toml
        ccstream diff ccstream what-if
    """
    from ccstream.cli.console import say
    from ccstream.engine.aggregates import Rules
    from ccstream.engine.lineage import Rebuild, check_rebuild
    from ccstream.ops import logs
    from ccstream.ops.health import check_free
    from ccstream.ops.other_rules import read_other_rules
    from ccstream.ops.rebuilds import make_topics, rebuilt_settings, tell_beginning
    from ccstream.ops.settings import Settings

    others = {} if rules is None else read_other_rules(rules)
    old = Settings.load(
        kafka__bootstrap=bootstrap,
        app_id=of,
        web__port=web_port,
        given_in=dict.fromkeys(others, f"in {rules}"),
        **others,
    )
    settings = rebuilt_settings(old, new)
    logs.configure(settings.log)

    if parent is None:
        if "profile__policies" in others:
            _check_policies(settings, str(rules))
        Rules.of(settings)  # their files are read before anything is made
        check_free(settings.web.host, settings.web.port)
        make_topics(settings, say, lambda: check_rebuild(settings, old.app_id, say, asked=bool(of)))
        tell_beginning(settings, say)
    if restart:
        from ccstream.engine.supervisor import Child, supervise

        me = str(os.getpid())
        command = [sys.executable, "-m", "ccstream", *context.obj, "--no-restart", "--parent", me]
        return supervise([Child(command)])
    if parent is not None:
        from ccstream.engine.supervisor import die_with

        die_with(parent)

    from ccstream.engine.allocator import share_one_heap
    from ccstream.engine.worker import run

    share_one_heap()
    rebuilt = Rebuild(old.app_id, until_caught_up)
    return run(settings, rebuild=rebuilt, restarts=restarts)


def _check_policies(settings: Settings, named_in: str) -> None:
    """A file that other rules name is their fault, and so the option's."""
    from ccstream.errors import OptionError, SettingsError
    from ccstream.ops.trait_policies import policies_of

    try:
        policies_of(settings)
    except SettingsError as problem:
        raise OptionError(f"{named_in}: {problem}") from None
