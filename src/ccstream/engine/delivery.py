"""How a chunk's consequences reach Kafka: the interface that both strategies keep.

Outputs (sync events, mail, dead letters) are handed over one by one while a chunk is folded
and leave at once. At a chunk boundary the engine takes a :class:`Snapshot` of the rows that
changed and of the positions reached, and :meth:`Delivery.commit` makes all of it durable
together. Only one thread calls these methods.
"""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

from ccstream.engine.acknowledgements import Told
from ccstream.engine.assignment import Assignment

__all__ = ["Appended", "ChangelogRecord", "Delivery", "Headers", "Snapshot", "SourceOffset"]

Appended = dict[tuple[str, int], int]

Headers = list[tuple[str, bytes]]


class ChangelogRecord(Struct, frozen=True):
    """A row as its changelog gets it; a value of None deletes it."""

    topic: str
    partition: int
    key: str
    value: bytes | None


class SourceOffset(Struct, frozen=True):
    """The next offset to read of an input partition."""

    topic: str
    partition: int
    offset: int


class Snapshot(Struct, frozen=True):
    """What one commit makes durable, under the assignment it was folded in."""

    assignment: Assignment
    rows: tuple[ChangelogRecord, ...]
    offsets: tuple[SourceOffset, ...]


class Delivery(Protocol):
    """A strategy; see :mod:`.transactional` and :mod:`.plain`."""

    @property
    def transactional_ids(self) -> tuple[str, ...]:
        """The ids by which a successor can fence this worker; none if its producers have none."""

    @property
    def busy(self) -> bool:
        """Whether a commit is on its way."""

    @property
    def waiting(self) -> int:
        """How many outputs wait in memory for those before them to be acknowledged."""

    @property
    def queued(self) -> int:
        """How many records are held that are not acknowledged yet, the waiting ones included."""

    @property
    def offsets_behind(self) -> bool:
        """Whether rows were stored whose offsets the group did not take: they are ahead of it."""

    def start(self) -> None:
        """Settle what an earlier life of this worker left open. Before joining the group."""

    def send(
        self,
        topic: str,
        partition: int,
        key: bytes | str,
        value: bytes | None,
        headers: Headers | None,
        told: Told | None = None,
    ) -> None:
        """Hand over one output; ``told`` is told when it is acknowledged, or cannot be.

        Raises:
            DeliveryError: the producer can take no more, or has failed.
        """

    def commit(
        self, snapshot: Snapshot, appended: Appended | None = None, pause: float = 0.0
    ) -> None:
        """Begin to commit; not while :attr:`busy`.

        Args:
            snapshot: what is to become a fact.
            appended: is filled in, by the time that the commit has ended, with the offset after
                the last row in each partition of a changelog.
            pause: seconds for which outputs of what is folded next may go before the rows.
        """

    def hasten(self) -> None:
        """End the pause of the commit on its way: something waits for it."""

    def poll(self) -> float | None:
        """Serve callbacks. The duration in seconds of a commit that has just ended, or None.

        Raises:
            DeliveryError: an output or a commit failed.
            FencedError: another member took over.
        """

    def settle(self, timeout: float) -> float | None:
        """Wait until no commit is on its way, then as :meth:`poll`.

        Raises:
            DeliveryError: also when that took longer than ``timeout`` seconds.
        """

    def close(self) -> None:
        """End without committing."""
