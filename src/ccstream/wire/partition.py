"""Where a key lives: the partition that Kafka's Java client chooses for it.

librdkafka calls the same rule ``murmur2_random``. Its own default is CRC32, so producers
that do not set it send keys to other partitions; the worker compares and forwards those.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

__all__ = ["murmur2", "partition_for"]

_SEED: Final = 0x9747B28C
_M: Final = 0x5BD1E995
_WORD: Final = 0xFFFFFFFF

_CACHED_KEYS: Final = 65_536
"""Keys come back: a shopper's events share one. About 10 MB at most."""


def murmur2(data: bytes) -> int:
    """Kafka's 32-bit MurmurHash2, as an unsigned number.

    Source: ``org.apache.kafka.common.utils.Utils.murmur2``.
    """
    length = len(data)
    h = _SEED ^ length
    whole = length & ~3
    for i in range(0, whole, 4):
        k = int.from_bytes(data[i : i + 4], "little") * _M & _WORD
        h = h * _M & _WORD ^ (k ^ k >> 24) * _M & _WORD
    if length > whole:
        h = (h ^ int.from_bytes(data[whole:], "little")) * _M & _WORD
    h = (h ^ h >> 13) * _M & _WORD
    return h ^ h >> 15


@lru_cache(maxsize=_CACHED_KEYS)
def partition_for(key: bytes, partitions: int) -> int:
    """The partition of a key, 0 to ``partitions - 1``."""
    return (murmur2(key) & 0x7FFFFFFF) % partitions
