"""Topics for a test, on any broker."""

from __future__ import annotations

import time

from confluent_kafka.admin import AdminClient, NewTopic

from ccstream.wire.catalogue import AUDIT_TOPIC, OWNERS_TOPIC, SYNC_TOPICS, changelog_topic

__all__ = ["make_pushed_topics", "make_topic"]

READY_S_MAX = 20.0

MOCK_CLUSTER = "mockCluster"
"""How the cluster id of librdkafka's mock cluster begins."""


def make_topic(bootstrap: str, name: str, partitions: int = 8, **config: str) -> int:
    """Make a topic and wait until clients can use it; returns how many partitions it has.

    ``config`` takes topic settings with underscores for dots (``cleanup_policy="compact"``).
    The embedded broker leaves such a request unanswered but makes any topic it is asked
    about, always with 4 partitions and its own settings.
    """
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 3})
    if not admin.list_topics(timeout=READY_S_MAX).cluster_id.startswith(MOCK_CLUSTER):
        settings = {key.replace("_", "."): value for key, value in config.items()}
        topic = NewTopic(name, num_partitions=partitions, replication_factor=1, config=settings)
        admin.create_topics([topic])[name].result(READY_S_MAX)
    deadline = time.monotonic() + READY_S_MAX
    while time.monotonic() < deadline:
        found = admin.list_topics(name, timeout=5).topics[name].partitions
        if found and all(partition.leader >= 0 for partition in found.values()):
            return len(found)
        time.sleep(0.02)
    raise TimeoutError(f"topic {name} was not ready within {READY_S_MAX:.0f} s")


def make_pushed_topics(bootstrap: str, app_id: str = "ccstream") -> None:
    """Make the topics that a gateway follows, on an embedded broker, where no worker has."""
    for name in (
        *SYNC_TOPICS.values(),
        changelog_topic(app_id, "aliases"),
        OWNERS_TOPIC,
        AUDIT_TOPIC,
    ):
        make_topic(bootstrap, name)
