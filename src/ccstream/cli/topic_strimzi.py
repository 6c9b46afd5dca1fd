"""``ccstream topics strimzi``: topics and users for Kafka on Kubernetes."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from ccstream.cli.options import AppId

__all__ = ["strimzi"]


class What(StrEnum):
    ALL = "all"
    TOPICS = "topics"
    USERS = "users"


class Authentication(StrEnum):
    """As in `ccstream.ops.strimzi`, which is imported only when it is needed."""

    SCRAM = "scram-sha-512"
    TLS = "tls"


def strimzi(
    cluster: Annotated[str, typer.Option(help="The name of the Kafka resource.")] = "kafka",
    what: Annotated[
        What, typer.Option("--only", help="Topics alone, users alone, or all.")
    ] = What.ALL,
    authentication: Annotated[
        Authentication, typer.Option(help="How users log in: with a password or a certificate.")
    ] = Authentication.SCRAM,
    app_id: AppId = None,
    partitions: Annotated[
        int | None, typer.Option(help="Partitions of every topic, if not as configured.")
    ] = None,
    replication_factor: Annotated[
        int | None, typer.Option(help="Copies of every topic, if not as configured.")
    ] = None,
) -> int:
    """Print every topic as a KafkaTopic, every role's user as a KafkaUser, for Strimzi.

    The users are APP-worker, APP-gateway, APP-subscriber, and APP-channel-NAME for each channel.
    No cluster is asked. What a name of Kubernetes cannot have is replaced in it; the topic keeps
    its own.

    For example:

        ccstream topics strimzi --cluster blue --partitions 48 | kubectl apply -f -
    """
    from ccstream.cli.console import line
    from ccstream.ops.settings import Settings
    from ccstream.ops.strimzi import (
        documents,
        is_kubernetes_name,
        topic_resources,
        user_resources,
    )

    if not is_kubernetes_name(cluster):
        raise typer.BadParameter(f"{cluster!r} is no name of Kubernetes'", param_hint="--cluster")
    settings = Settings.load(
        app_id=app_id,
        kafka__partitions=partitions,
        kafka__replication_factor=replication_factor,
    )
    topics = () if what is What.USERS else topic_resources(settings, cluster)
    users = () if what is What.TOPICS else user_resources(settings, cluster, authentication.value)
    line(documents((*topics, *users)).rstrip())
    return 0
