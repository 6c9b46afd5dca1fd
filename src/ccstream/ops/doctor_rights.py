"""What the doctor finds about rights: whether this user may do what a worker has to."""

from __future__ import annotations

from collections.abc import Iterator

from ccstream.ops.acls import rights
from ccstream.ops.broker import Broker
from ccstream.ops.finding import Finding
from ccstream.ops.settings import Settings

__all__ = ["worker_rights"]


def worker_rights(settings: Settings, broker: Broker) -> Iterator[Finding]:
    """One line. Topics that are not there are another check's.

    A cluster that has no authorizer lets everybody do everything, and says so. Rights on
    transactional ids are not looked at: a broker tells of them only whoever uses one.
    """
    needed = {
        right.name: right.operations
        for right in rights("worker", settings)
        if right.resource == "topic"
    }
    allowed = broker.operations(needed)
    lacking = [
        (topic, operation)
        for topic, operations in allowed.items()
        for operation in needed[topic]
        if operation not in operations
    ]
    if "Read" not in broker.group_operations(settings.app_id):
        lacking.append((f"the group {settings.app_id}", "Read"))
    if not lacking:
        yield Finding(
            "rights",
            "ok",
            f"this user may do on {len(allowed)} topics and the group what a worker must",
        )
        return
    topic, operation = lacking[0]
    yield Finding(
        "rights",
        "warn",
        f"this user lacks {len(lacking)} of a worker's rights, {operation} on {topic} for one",
        "grant what `ccstream topics acls --role worker` lists, unless no worker runs as this user",
    )
