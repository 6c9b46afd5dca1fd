"""The peers do the same work, on the same Kafka, with the same codec."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

import orjson
import pytest

from benchmarks import throughput
from benchmarks.load import CartModel, Load
from benchmarks.peers.ccstream_cart import TABLE, CartFolder, JsonRows
from benchmarks.processor_time import processor_seconds
from benchmarks.subjects import SUBJECTS
from benchmarks.throughput import RATIOS
from ccstream.devkit.kafka_jars import KAFKA_VERSION
from ccstream.domain.moment import Scope
from ccstream.engine.partition import NOTHING_FOLDED, Partition
from ccstream.engine.store import Table
from ccstream.wire.codec import Codec
from tests.support.brokers import why_no_local_kafka
from tests.support.source import ROOT

PEERS = ROOT / "benchmarks" / "peers"


class Sent:
    def __init__(self) -> None:
        self.records: list[tuple[str, bytes]] = []

    def send(self, _topic: str, _partition: int, key: str, value: bytes, _headers: object) -> None:
        self.records.append((key, value))


class Record:
    def __init__(self, value: bytes, offset: int) -> None:
        self._value, self._offset = value, offset

    def value(self) -> bytes:
        return self._value

    def offset(self) -> int:
        return self._offset

    def timestamp(self) -> tuple[int, int]:
        return 2, 0


def test_kafka_streams_has_the_version_of_the_broker() -> None:
    found = re.search(
        r"<kafka.version>(.+)</kafka.version>",
        (PEERS / "kafka_streams" / "pom.xml").read_text(encoding="utf-8"),
    )
    assert found
    assert found[1] == KAFKA_VERSION


def test_the_environment_of_quix_streams_has_our_codecs_libraries_as_we_have_them() -> None:
    locked = (PEERS / "quix_streams" / "requirements.txt").read_text(encoding="utf-8")
    for name in ("fastavro", "librt", "msgspec", "mypy-extensions", "orjson"):
        assert f"\n{name}=={version(name)} " in f"\n{locked}", name


def test_every_ratio_names_subjects_that_are_measured() -> None:
    names = {one.name for one in SUBJECTS}
    for subject, _, others in RATIOS:
        assert {subject, *others} <= names


def test_ccstreams_engine_with_the_plain_domain_puts_out_the_plain_carts() -> None:
    sent = Sent()
    folder = CartFolder(sent, "out")  # type: ignore[arg-type]
    partition = Partition(
        Scope(b"12345678", 0, 1), {TABLE: Table(TABLE, JsonRows(), 2)}, [NOTHING_FOLDED]
    )
    partition.begin_epoch(1)
    encode, model, expected = Codec().encode_event, CartModel(), []
    for offset, event in enumerate(Load(events=300, customers=20).stream()):
        folder.fold(partition, 0, Record(encode(event), offset))
        expected.append((event.subject, dict(model.apply(event))))
        if offset % 50 == 0:
            list(partition.drain())  # a commit; few rows stay decoded
    assert [(key, orjson.loads(value)) for key, value in sent.records] == expected
    assert partition.folded == [299]


@pytest.mark.long
@pytest.mark.timeout(180)
def test_ccstreams_engine_with_the_plain_domain_runs_as_a_worker_of_its_own_layout(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("BENCH_SCRATCH", str(tmp_path))
    missing = why_no_local_kafka()
    if missing:
        pytest.skip(f"needs a Kafka of its own: {missing}")
    found = throughput.run(events=600, runs=1, subjects=("ccstream-cart",))
    rate = next(one for one in found if one.metric == "events_per_second")
    assert rate.subject == "ccstream-cart"
    assert rate.value > 0


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="the system tells no such thing")
def test_processor_time_is_that_of_a_process_and_its_children() -> None:
    # Twice what is looked for: what /proc says is counted in ticks.
    burn = "t = __import__('time'); [None for _ in iter(lambda: t.process_time() < {}, False)]"
    child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {burn.format(0.6)!r}])"
    program = f"{child}\nimport time; time.sleep(30)"
    running = subprocess.Popen([sys.executable, "-c", program])
    try:
        deadline = time.monotonic() + 20
        while (processor_seconds(running.pid) or 0.0) < 0.3 and time.monotonic() < deadline:
            time.sleep(0.05)
        used = processor_seconds(running.pid)
        assert used is not None
        assert used >= 0.3
    finally:
        running.kill()
        running.wait()
    assert processor_seconds(running.pid) is None
