"""What a one-node Kafka for trials and tests is told, and why."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

__all__ = ["CLUSTER_ID", "render"]

CLUSTER_ID: Final = "ccstreamDevkitClusterA"
"""A fixed KRaft cluster id (22 characters of base64url), so that a folder can be restarted."""

FIXED: Final[Mapping[str, str]] = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
}

QUICK: Final[Mapping[str, str]] = {
    # Topics are made on purpose, by `ccstream topics apply`: one that a mistyped name
    # brought into being has the wrong partitions, and says so far too late.
    "auto.create.topics.enable": "false",
    "num.partitions": "8",
    # One node: nothing can be replicated. Few partitions, since each is opened at start.
    "offsets.topic.num.partitions": "4",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    # The first member of a group need not wait for others, and a test of a lost member may
    # choose a session timeout below the usual least of 6 s.
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",
    # A transaction whose owner died is looked for every second, not every ten.
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000",
    "transaction.remove.expired.transaction.cleanup.interval.ms": "60000",
    # Compaction starts within seconds, on a buffer that fits a small heap.
    "log.initial.task.delay.ms": "1000",
    "log.cleaner.backoff.ms": "1000",
    "log.cleaner.dedupe.buffer.size": str(16 * 1024 * 1024),
    # A quorum of one: nothing to batch for, and no other node to hand leadership to.
    "controller.quorum.append.linger.ms": "5",
    # After a kill the new node is let in only when the session of the old one has expired;
    # shorter than this, a busy machine would lose a node that is merely slow.
    "broker.heartbeat.interval.ms": "500",
    "broker.session.timeout.ms": "3000",
}
"""Overridden one by one by the caller. No ``fsync`` per record: that is Kafka's own default."""


def render(
    *,
    host: str,
    port: int,
    controller_port: int,
    data: Path,
    config: Mapping[str, str],
    proxied: tuple[int, int] | None = None,
    more_listeners: Mapping[str, tuple[str, int]] = MappingProxyType({}),
) -> str:
    """``server.properties`` for a node that listens on ``host`` and keeps its log in ``data``.

    ``config`` overrides any of :data:`QUICK` and may add what is not listed there. ``proxied``
    adds a listener for a proxy: the port it listens on, and the proxy's, which it advertises.
    ``more_listeners`` adds others by name, each with its security protocol and its port.
    """
    listeners = {"PLAINTEXT": port, "CONTROLLER": controller_port}
    advertised = {"PLAINTEXT": port}
    more: dict[str, str] = {}
    protocols = {name: protocol for name, (protocol, _) in more_listeners.items()}
    for name, (_, listens_on) in more_listeners.items():
        listeners[name] = advertised[name] = listens_on
    if proxied is not None:
        listeners["PROXIED"], advertised["PROXIED"] = proxied
    if advertised.keys() != {"PLAINTEXT"}:
        # The node itself, which writes the markers of transactions, goes by none of the others.
        more = {
            "inter.broker.listener.name": "PLAINTEXT",
            "listener.security.protocol.map": ",".join(
                f"{name}:{protocols.get(name, 'PLAINTEXT')}" for name in listeners
            ),
        }
    settings = {
        **QUICK,
        **config,
        **FIXED,
        **more,
        "listeners": _addresses(host, listeners),
        "advertised.listeners": _addresses(host, advertised),
        "controller.quorum.voters": f"1@{host}:{controller_port}",
        "log.dirs": str(data),
    }
    return "".join(f"{name}={_escaped(value)}\n" for name, value in settings.items())


def _addresses(host: str, ports: Mapping[str, int]) -> str:
    return ",".join(f"{name}://{host}:{port}" for name, port in ports.items())


def _escaped(value: str) -> str:
    """As a Java properties file wants it: a backslash begins an escape, a line ends a value."""
    return value.replace("\\", "\\\\").replace("\n", "\\n")
