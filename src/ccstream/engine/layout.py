"""Which topics belong to a partition number, and how many numbers there are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from ccstream.engine.cluster import TopicPartitionKey
from ccstream.engine.store import Table
from ccstream.errors import TopicMismatchError
from ccstream.wire.catalogue import OWNERS_TOPIC

__all__ = ["Layout", "of_number"]


class Layout:
    """The topics of one application.

    Args:
        app_id: the consumer group, and the beginning of the changelogs' names.
        partitions: N, the partition count of every topic of the application.
        inputs: input topics and mail, at the index of their topic number.
        tables: names of the tables.
        others: topics that are only written, which must have N partitions too.
        sync_topics: those among them that are compacted, by the table whose rows they show.
        new_tables: makes the empty tables of one partition.
    """

    def __init__(
        self,
        *,
        app_id: str,
        partitions: int,
        inputs: tuple[str, ...],
        tables: tuple[str, ...],
        others: tuple[str, ...],
        new_tables: Callable[[], dict[str, Table]],
        sync_topics: Mapping[str, str],
    ) -> None:
        self.app_id = app_id
        self.partitions = partitions
        self.input_topics_by_number = inputs
        self.tables = tables
        self.new_tables = new_tables
        self.sync_topics = sync_topics
        self._others = others
        self._table_by_changelog = {f"{app_id}-{table}-changelog": table for table in tables}
        self._changelog_by_table = {t: c for c, t in self._table_by_changelog.items()}

    @property
    def topics(self) -> tuple[str, ...]:
        """Every topic that has N partitions."""
        return (*self.input_topics_by_number, *self._table_by_changelog, *self._others)

    def inputs(self, numbers: Iterable[int]) -> Iterator[TopicPartitionKey]:
        """Every input of these partition numbers."""
        return ((topic, n) for n in numbers for topic in self.input_topics_by_number)

    def changelogs(self, numbers: Iterable[int]) -> Iterator[TopicPartitionKey]:
        """Every changelog of these partition numbers."""
        return ((topic, n) for n in numbers for topic in self._table_by_changelog)

    def outputs(self, numbers: Iterable[int]) -> Iterator[TopicPartitionKey]:
        """What the owners of these partition numbers write there: all but mail."""
        return ((topic, n) for n in numbers for topic in self._others)

    def table_of(self, changelog: str) -> str:
        return self._table_by_changelog[changelog]

    def changelog_of(self, table: str) -> str:
        return self._changelog_by_table[table]

    def whole(self, assigned: set[TopicPartitionKey]) -> frozenset[int]:
        """The partition numbers of which every input and every changelog is assigned."""
        return frozenset(
            number
            for number in range(self.partitions)
            if assigned.issuperset(self.inputs([number]))
            and assigned.issuperset(self.changelogs([number]))
        )

    def partial(self, assigned: set[TopicPartitionKey]) -> frozenset[int]:
        """The partition numbers of which only a part is assigned: they wait."""
        return frozenset(number for _, number in assigned) - self.whole(assigned)

    def check(
        self,
        counts: Mapping[str, int],
        check_rights: Callable[[Iterable[str]], None] = lambda _: None,
    ) -> None:
        """Compare with the cluster's topics.

        ``check_rights`` is called with those that are missing, and raises if they are only hidden:
        a cluster does not list what its user may not see.

        Raises:
            TopicMismatchError: a topic is missing or has another partition count.
        """
        missing = [topic for topic in (*self.topics, OWNERS_TOPIC) if topic not in counts]
        if missing:
            check_rights(missing)
            raise TopicMismatchError(
                f"{len(missing)} topics are missing, {missing[0]} for one; "
                "make them with `ccstream topics apply`"
            )
        for topic in self.topics:
            if counts[topic] != self.partitions:
                raise TopicMismatchError(
                    f"{topic} has {counts[topic]} partitions and {self.partitions} are expected "
                    "(CCSTREAM_KAFKA__PARTITIONS); all topics of an application have the same "
                    "number, and it cannot change once there is state"
                )


def of_number(number: int, positions: Mapping[TopicPartitionKey, int]) -> dict[str, int]:
    """Positions of one partition number, by topic."""
    return {topic: at for (topic, n), at in positions.items() if n == number}
