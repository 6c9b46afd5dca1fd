"""A consumer group as its coordinator keeps it: generations, members, offsets."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from confluent_kafka import KafkaError, KafkaException

if TYPE_CHECKING:
    from tests.simulation.broker import TopicPartition, Transaction

__all__ = ["CommittedOffsets", "Group"]


class CommittedOffsets(NamedTuple):
    """One transaction's offsets that became facts, and whose transaction it was."""

    owner: str
    offsets: dict[TopicPartition, int]


class Group:
    """Members of the present generation, and offsets, pending ones apart."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.generation = 0
        self.members: dict[str, str | None] = {}
        self.offsets: dict[TopicPartition, int] = {}
        self.pending: dict[Transaction, dict[TopicPartition, int]] = {}
        self._joined = 0
        self._sent = 0
        self._facts: dict[int, CommittedOffsets] = {}
        self._sent_as: dict[Transaction, int] = {}
        self._applied: dict[TopicPartition, int] = {}

    @property
    def journal(self) -> list[CommittedOffsets]:
        """What became facts, in the order in which it was sent: that of the offsets' log."""
        return [self._facts[sent] for sent in sorted(self._facts)]

    def new_member_id(self) -> str:
        self._joined += 1
        return f"member-{self._joined}"

    def rebalance(self, members: dict[str, str | None]) -> int:
        """Begin a generation of these member ids, each with its instance id or None."""
        self.generation += 1
        self.members = dict(members)
        return self.generation

    def replace(self, instance: str) -> str:
        """A static member joins again: a new member id, no new generation."""
        for member, known in self.members.items():
            if known == instance:
                del self.members[member]
                break
        joined = self.new_member_id()
        self.members[joined] = instance
        return joined

    def check(self, metadata: bytes) -> None:
        """Refuse offsets of whoever is no member now.

        As Kafka does, offsets that name neither generation nor member are taken unchecked.
        """
        generation, group, member, instance = _parse(metadata)
        assert group == self.name
        if generation < 0 and not member:
            return
        if member not in self.members:
            code = KafkaError.UNKNOWN_MEMBER_ID
            if instance is not None and instance in self.members.values():
                code = KafkaError.FENCED_INSTANCE_ID
            raise KafkaException(KafkaError(code, "no member"))
        if generation != self.generation:
            raise KafkaException(KafkaError(KafkaError.ILLEGAL_GENERATION, "another generation"))

    def stable(
        self, partitions: Iterable[TopicPartition]
    ) -> dict[TopicPartition, int | None] | None:
        """The offsets, None where there is none; None as a whole while any is pending."""
        asked = list(partitions)
        waiting = {at for offsets in self.pending.values() for at in offsets}
        if waiting.intersection(asked):
            return None
        return {at: self.offsets.get(at) for at in asked}

    def send(self, transaction: Transaction, offsets: dict[TopicPartition, int]) -> None:
        """Offsets are written to the log, and pending."""
        self._sent += 1
        self._sent_as[transaction] = self._sent
        self.pending[transaction] = offsets

    def decide(self, transaction: Transaction, *, committed: bool) -> None:
        """The transaction's marker has reached the group's offsets.

        Markers of several transactions come in any order; as in Kafka, of two offsets of a
        partition the one that was sent later is the offset.
        """
        offsets = self.pending.pop(transaction)
        sent = self._sent_as.pop(transaction)
        if not committed:
            return
        for at, offset in offsets.items():
            if sent > self._applied.get(at, 0):
                self._applied[at] = sent
                self.offsets[at] = offset
        self._facts[sent] = CommittedOffsets(transaction.owner, dict(offsets))


def _parse(metadata: bytes) -> tuple[int, str, str, str | None]:
    magic = b"CGMDv2:"
    assert metadata.startswith(magic)
    generation: int = struct.unpack_from("<i", metadata, len(magic))[0]
    group, member, rest = metadata[len(magic) + 4 :].split(b"\0", 2)
    if rest == b"\x01":
        return generation, group.decode(), member.decode(), None
    assert rest.startswith(b"\0"), "a flag of 0 says that the instance id follows"
    return generation, group.decode(), member.decode(), rest[1:-1].decode()
