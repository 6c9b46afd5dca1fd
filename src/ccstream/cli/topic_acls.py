"""``ccstream topics acls``: what a role's user has to be granted, and no more."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from ccstream.cli.options import AppId, Bootstrap

__all__ = ["acls"]


class Role(StrEnum):
    """As in `ccstream.ops.acls`, which is imported only when it is needed."""

    CHANNEL = "channel"
    WORKER = "worker"
    SUBSCRIBER = "subscriber"
    GATEWAY = "gateway"


class Form(StrEnum):
    TEXT = "text"
    STRIMZI = "strimzi"
    JSON = "json"


def acls(
    role: Annotated[Role, typer.Option(help="Whose rights.")],
    user: Annotated[
        str | None,
        typer.Option(help="The user's name in the cluster; ccstream-ROLE if it is not given."),
    ] = None,
    channel: Annotated[
        list[str] | None,
        typer.Option(help="For the role channel: publish for this one only. May be repeated."),
    ] = None,
    rebuilt_as: Annotated[
        str | None,
        typer.Option(
            "--as",
            metavar="NEW_ID",
            help="For the role worker: of those that rebuild the application as NEW_ID.",
        ),
    ] = None,
    form: Annotated[
        Form,
        typer.Option(
            "--format",
            help="text: calls of kafka-acls.sh; strimzi: a KafkaUser; json: a line for each right.",
        ),
    ] = Form.TEXT,
    cluster: Annotated[
        str, typer.Option(help="For strimzi: the name of the Kafka resource.")
    ] = "kafka",
    apply: Annotated[
        bool,
        typer.Option("--apply", help="Grant them in the cluster, as a user who may do that."),
    ] = False,
    bootstrap: Bootstrap = None,
    app_id: AppId = None,
) -> int:
    """Show the rights that a role's user needs, or grant them.

    A channel may publish to its own topic, a subscriber read the sync topics; a worker reads
    what channels publish and writes everything else; a gateway publishes for all channels and
    reads the sync topics. Nobody may do more.

    For example:

        ccstream topics acls --role channel --channel web --user web-shop
        ccstream topics acls --role worker --format strimzi --cluster my-cluster
    """
    from ccstream.cli.console import data, line, say
    from ccstream.ops.acls import as_commands, rights
    from ccstream.ops.broker import Broker
    from ccstream.ops.settings import Settings
    from ccstream.ops.strimzi import as_strimzi_user, is_kubernetes_name

    if user is not None and (not user or user.startswith("User:")):
        raise typer.BadParameter(
            f"{user!r} is no name: as web-shop, without User:", param_hint="--user"
        )
    if form is Form.STRIMZI and not is_kubernetes_name(cluster):
        raise typer.BadParameter(f"{cluster!r} is no name of Kubernetes'", param_hint="--cluster")
    settings = Settings.load(app_id=app_id, kafka__bootstrap=bootstrap)
    granted = rights(role, settings, channel or (), rebuilt_as)
    name = user or f"ccstream-{role}"
    if form is Form.JSON:
        for right in granted:
            data(right)
    elif form is Form.STRIMZI:
        line(as_strimzi_user(granted, name, cluster).rstrip())
    else:
        for command in as_commands(granted, name, settings.kafka.bootstrap):
            line(command)
    if apply:
        Broker(settings).grant(name, granted)
        say(f"granted {len(granted)} rights to User:{name}")
    return 0
