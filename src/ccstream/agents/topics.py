"""The topics that an app of one's own needs: those of ccstream are there, its own are made.

Faust would make them with one copy each, and a sync topic that is missing with settings that
are not the catalogue's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from ccstream.errors import TopicMismatchError
from ccstream.ops.broker import Broker
from ccstream.ops.settings import Settings
from ccstream.wire.catalogue import topics
from ccstream.wire.topics import SETTINGS

__all__ = ["OwnTopics"]

CHANGELOG: Final = {
    setting.name: setting.value
    for setting in SETTINGS["changelog"]
    # an app's tables keep their events' own times
    if setting.name != "message.timestamp.type"
}
"""As the changelogs of the pipeline's tables are set, and for the same reasons."""


class OwnTopics:
    """Makes what is not there, once, and never touches what is ccstream's."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._ours = {spec.name for spec in topics(settings.app_id, settings.channels_extra)}
        self._there: set[str] = set()

    def check(self, wanted: Iterable[str]) -> None:
        """See that ccstream's topics among these exist.

        Raises:
            TopicMismatchError: one does not.
            BrokerUnavailableError: no broker answered in time.
        """
        broker = Broker(self._settings)
        cluster = broker.cluster()
        for topic in sorted(set(wanted) & self._ours):
            if cluster.embedded:
                broker.mention(topic)
            elif topic not in cluster.topics:
                raise TopicMismatchError(
                    f"there is no topic {topic}; `ccstream topics apply` makes the topics that "
                    "ccstream needs"
                )

    def make(self, topic: str, partitions: int, config: Mapping[str, str]) -> None:
        """Make a topic of the app's own, unless it is there.

        Raises:
            BrokerUnavailableError, BrokerRefusedError: it could not be made.
        """
        if topic in self._ours or topic in self._there:
            return
        broker = Broker(self._settings)
        cluster = broker.cluster()
        if cluster.embedded:
            broker.mention(topic)
        elif topic not in cluster.topics:
            copies = self._settings.kafka.replication_factor
            settings = {"min.insync.replicas": str(max(1, copies - 1)), **config}
            if settings.get("cleanup.policy") == "compact":
                settings = CHANGELOG | settings
            broker.create(topic, partitions, copies, settings)
        self._there.add(topic)
