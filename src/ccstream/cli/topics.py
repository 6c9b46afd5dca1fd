"""``ccstream topics``: make the topics that the catalogue lists."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ccstream.cli.options import AppId, Bootstrap, Json
from ccstream.cli.topic_acls import acls
from ccstream.cli.topic_strimzi import strimzi

if TYPE_CHECKING:
    from ccstream.ops.broker import Broker
    from ccstream.ops.topics import Plan, Step

__all__ = ["app"]

app = typer.Typer(help="Plan and make the topics, as the catalogue has them.")
app.command("acls")(acls)
app.command("strimzi")(strimzi)

Partitions = Annotated[
    int | None, typer.Option(help="Partitions of every topic, if not as configured.")
]
ReplicationFactor = Annotated[
    int | None, typer.Option(help="Copies of every topic, if not as configured.")
]


@app.command("plan")
def show_plan(
    bootstrap: Bootstrap = None,
    app_id: AppId = None,
    partitions: Partitions = None,
    replication_factor: ReplicationFactor = None,
    json: Json = False,
) -> int:
    """Show what `apply` would do. Exit code 0 if nothing, 1 if something.

    For example:

        ccstream topics plan --bootstrap kafka:9092
    """
    planned, _ = _survey(bootstrap, app_id, partitions, replication_factor)
    _show(planned, json)
    return 0 if planned.done else 1


@app.command("apply")
def carry_out(
    bootstrap: Bootstrap = None,
    app_id: AppId = None,
    partitions: Partitions = None,
    replication_factor: ReplicationFactor = None,
    alter_config: Annotated[
        bool,
        typer.Option(
            "--alter-config", help="Also set configuration that differs back to the catalogue's."
        ),
    ] = False,
    json: Json = False,
) -> int:
    """Make the topics that are missing; to do it again changes nothing.

    Configuration that somebody has set otherwise is reported, and stays unless
    `--alter-config` is given. A topic with another number of partitions is refused.

    For example, on a cluster of three brokers:

        ccstream topics apply --bootstrap kafka:9092 --partitions 48 --replication-factor 3
    """
    from ccstream.cli.console import say
    from ccstream.ops.topics import apply

    planned, broker = _survey(bootstrap, app_id, partitions, replication_factor)
    apply(planned, broker, alter_config=alter_config, report=say)
    _tell_drift(planned, alter_config, say)
    _show(planned, json)
    return 0


def _survey(
    bootstrap: str | None,
    app_id: str | None,
    partitions: int | None,
    replication_factor: int | None,
) -> tuple[Plan, Broker]:
    from ccstream.ops.broker import Broker
    from ccstream.ops.settings import Settings
    from ccstream.ops.topics import survey

    settings = Settings.load(
        app_id=app_id,
        kafka__bootstrap=bootstrap,
        kafka__partitions=partitions,
        kafka__replication_factor=replication_factor,
    )
    broker = Broker(settings)
    return survey(settings, broker), broker


def _show(planned: Plan, json: bool) -> None:
    from ccstream.cli.console import data, table

    if json:
        for step in planned.steps:
            data(_as_json(step))
        return
    table(
        ("topic", "action", "partitions", "copies", "settings"),
        (
            (
                step.topic,
                step.action,
                str(step.partitions),
                str(step.replication_factor),
                _settings_cell(step),
            )
            for step in planned.steps
        ),
    )


def _settings_cell(step: Step) -> str:
    if step.action == "create":
        return " ".join(f"{name}={value}" for name, value in step.config.items())
    return " ".join(f"{one.setting}={one.found}→{one.expected}" for one in step.differences)


def _as_json(step: Step) -> dict[str, Any]:
    return {
        "topic": step.topic,
        "kind": step.kind,
        "action": step.action,
        "partitions": step.partitions,
        "replication_factor": step.replication_factor,
        "config": dict(step.config),
        "differences": [
            {"setting": one.setting, "found": one.found, "expected": one.expected}
            for one in step.differences
        ],
    }


def _tell_drift(planned: Plan, altered: bool, say: Callable[[str], None]) -> None:
    drifted = planned.of("drift")
    if drifted and not altered:
        say(
            f"{len(drifted)} topic(s) differ from the catalogue, {drifted[0].topic} for one: "
            "`--alter-config` sets them back"
        )
    if any(step.differences and len(step.alterable) < len(step.differences) for step in drifted):
        say("the number of copies differs: kafka-reassign-partitions changes it, ccstream does not")
