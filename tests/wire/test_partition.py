from __future__ import annotations

from aiokafka.partitioner import murmur2 as aiokafka_murmur2
from hypothesis import given
from hypothesis import strategies as st

from ccstream.wire.partition import murmur2, partition_for

# org.apache.kafka.common.utils.UtilsTest.testMurmur2, there as signed 32-bit numbers
JAVA = {
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"a-little-bit-longer-string": -1486304829,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    b"abc": 479470107,
}


def test_hashes_are_those_of_kafkas_own_test() -> None:
    assert {key: murmur2(key) for key in JAVA} == {k: v & 0xFFFFFFFF for k, v in JAVA.items()}


@given(st.binary(max_size=64))
def test_hashes_are_those_of_aiokafka(data: bytes) -> None:
    assert murmur2(data) == aiokafka_murmur2(data) & 0xFFFFFFFF


@given(st.binary(max_size=64), st.integers(1, 1000))
def test_a_partition_is_the_positive_hash_modulo_their_number(key: bytes, partitions: int) -> None:
    assert partition_for(key, partitions) == (aiokafka_murmur2(key) & 0x7FFFFFFF) % partitions


def test_keys_spread_evenly() -> None:
    counts = [0] * 8
    for n in range(8000):
        counts[partition_for(b"customer:%d" % n, 8)] += 1
    assert min(counts) > 850 and max(counts) < 1150
