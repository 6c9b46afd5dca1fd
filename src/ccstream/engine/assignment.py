"""What the group gave this worker, frozen at the moment it was given.

Generation, member id and instance id are captured once, in the assigned callback, because
aiokafka resets them whenever it likes; every chunk and every snapshot carries the object, so
that work of a past assignment is recognised by identity and dropped.

The group metadata of a transaction is the consumer's alone to make in librdkafka. ccstream's
group membership is aiokafka's, so the bytes are written here, in the layout that librdkafka
reads (``rd_kafka_consumer_group_metadata_write``), and compared at start with what an
unjoined librdkafka consumer gives for itself.
"""

from __future__ import annotations

import struct

from confluent_kafka import Consumer
from msgspec import Struct

from ccstream.errors import StateError

__all__ = ["Assignment", "check_group_metadata_layout"]

_MAGIC = b"CGMDv2:"
_UNJOINED_GENERATION = -1


def _group_metadata(group: str, generation: int, member: str, instance: str | None) -> bytes:
    parts = [_MAGIC, struct.pack("<i", generation), group.encode(), b"\0", member.encode(), b"\0"]
    parts.append(b"\x01" if instance is None else b"\x00" + instance.encode() + b"\0")
    return b"".join(parts)


class Assignment(Struct, frozen=True, eq=False):
    """One generation's share of the partition numbers.

    ``partitions`` are the numbers that are whole: every input topic and every changelog of the
    number was assigned to this worker. ``waiting`` are those of which it got only a part, as
    happens while a rolling upgrade adds a topic; nobody folds them. ``standbys`` are those that
    another worker owns and this one follows.
    """

    group: str
    generation: int
    member: str
    instance: str | None
    partitions: frozenset[int]
    waiting: frozenset[int] = frozenset()
    standbys: frozenset[int] = frozenset()

    def group_metadata(self) -> bytes:
        """The bytes that make a transaction's offsets valid only within this generation.

        Raises:
            StateError: the member has not joined; a broker would take such offsets unchecked.
        """
        if self.generation < 0 or not self.member:
            raise StateError(
                "refused to commit offsets without a group generation: this worker is not a "
                "member of the group at the moment"
            )
        return _group_metadata(self.group, self.generation, self.member, self.instance)


def check_group_metadata_layout(group: str) -> None:
    """Compare our layout of the group metadata with librdkafka's own.

    Raises:
        StateError: this librdkafka uses another layout, so that offsets could not be fenced.
    """
    consumer = Consumer({"group.id": group, "bootstrap.servers": ""})
    try:
        theirs = bytes(consumer.consumer_group_metadata())
    finally:
        consumer.close()
    if theirs != _group_metadata(group, _UNJOINED_GENERATION, "", None):
        raise StateError(
            "this version of librdkafka writes group metadata in a layout ccstream does not "
            "know; install the confluent-kafka version of uv.lock"
        )
