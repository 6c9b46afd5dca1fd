"""The token that says what an author had seen: ``observed``.

Every snapshot published carries one: the last offset folded of each input topic, for the
partition that published it. An event that sends it back says "I have seen all of that",
which is what lets it consume exactly what its author knew of. The bytes::

    01 | state id (8) | partitions N (u16) | partition (u16) | offset of topic 0, 1, ... (i64)

big endian, -1 for a topic of which nothing was folded. Offsets mean nothing in another
state or with another N: such a token, or one that cannot be read, counts as not sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from struct import Struct as Layout
from typing import Final, final

from librt.strings import BytesWriter, write_i64_be

from ccstream.domain.limits import TOKEN_TOPICS_MAX
from ccstream.domain.moment import Moment, Scope

__all__ = ["Observed"]

_VERSION: Final = 1
_HEAD: Final = Layout(">B8sHH")
_OFFSET_BYTES: Final = 8


@lru_cache(maxsize=TOKEN_TOPICS_MAX)
def _whole(topics: int) -> Layout:
    return Layout(f">B8sHH{topics}q")


@final
@dataclass(frozen=True)
class Observed:
    """A token, read. ``offsets[t]`` is the last offset seen of topic number ``t``."""

    state_id: bytes
    partitions: int
    partition: int
    offsets: tuple[int, ...]

    @staticmethod
    def parse(token: bytes) -> Observed | None:
        """Read a token; None for whatever is not one."""
        topics, rest = divmod(len(token) - _HEAD.size, _OFFSET_BYTES)
        if rest or not 0 <= topics <= TOKEN_TOPICS_MAX or token[0] != _VERSION:
            return None
        _, state_id, partitions, partition, *offsets = _whole(topics).unpack(token)
        return Observed(state_id, partitions, partition, tuple(offsets))

    @staticmethod
    def encode(scope: Scope, folded: Sequence[int]) -> bytes:
        """The token of a snapshot published when ``folded`` was what is folded."""
        out = BytesWriter()
        out.write(_HEAD.pack(_VERSION, scope.state_id, scope.partitions, scope.partition))
        for offset in folded:
            write_i64_be(out, offset)
        return out.getvalue()

    def is_of(self, scope: Scope) -> bool:
        """Whether its offsets mean anything here: the same state, with as many partitions."""
        return self.state_id == scope.state_id and self.partitions == scope.partitions

    def covers(self, position: tuple[int, int, int]) -> bool:
        """Whether the author had seen what was folded at (partition, topic, offset)."""
        partition, topic, offset = position
        offsets = self.offsets
        return partition == self.partition and topic < len(offsets) and offset <= offsets[topic]

    def reaches_beyond(self, at: Moment) -> bool:
        """Whether it may cover what is still to come once the record at hand is folded.

        That is known for this partition only: another's records may always be to come.
        """
        if self.partition != at.scope.partition:
            return True
        folded, known = at.folded, len(at.folded)
        for topic, offset in enumerate(self.offsets):
            if topic == at.topic:
                if offset > at.offset:
                    return True
            elif offset >= 0 and (topic >= known or offset > folded[topic]):
                return True
        return False
