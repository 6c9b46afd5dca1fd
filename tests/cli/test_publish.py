from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ccstream.wire.catalogue import input_topic
from tests.cli.conftest import Ended
from tests.support.machine import Stopwatch
from tests.support.topics import make_topic
from tests.support.waiting import eventually

Run = Callable[..., Ended]


@pytest.fixture
def channel(unique: str, monkeypatch: pytest.MonkeyPatch, embedded_kafka: str) -> str:
    """A channel of the test's own, by configuration, with its topic."""
    monkeypatch.setenv("CCSTREAM_CHANNELS_EXTRA", unique)
    monkeypatch.setenv("CCSTREAM_KAFKA__BOOTSTRAP", embedded_kafka)
    make_topic(embedded_kafka, input_topic(unique))
    return unique


@pytest.fixture
def published(ccstream: Run, channel: str) -> Callable[[], list[dict[str, Any]]]:
    """What has come to the channel's topic, in the order of the events' ids."""

    def read() -> list[dict[str, Any]]:
        ended = ccstream("tail", input_topic(channel), "--from", "beginning", "--json")
        found = [json.loads(line) for line in ended.out.splitlines()]
        return sorted(found, key=lambda one: str(one["value"]["event_id"]))

    return read


Published = Callable[[], list[dict[str, Any]]]


def added(number: int, **fields: Any) -> str:
    event = {
        "type": "CartItemAdded",
        "event_id": f"e{number:04}",
        "subject": f"customer:{number}",
        "sku": "mug",
        "quantity": number,
        **fields,
    }
    return json.dumps(event) + "\n"


def test_the_lines_of_a_file_become_events_of_the_channel(
    ccstream: Run, channel: str, published: Published, tmp_path: Path
) -> None:
    file = tmp_path / "events.jsonl"
    file.write_text("".join(added(number) for number in range(1, 501)))
    ended = ccstream("publish", str(file), "--channel", channel, "--source", "till-1", "--json")
    assert ended.code == 0, ended.err
    assert json.loads(ended.out) == {"published": 500, "bad": 0}
    assert "published 500 events" in ended.err
    found = published()
    assert [one["value"]["quantity"] for one in found] == list(range(1, 501))
    assert found[0]["key"] == "customer:1"
    assert found[0]["headers"]["ce_type"] == "ccstream.cart.v1.CartItemAdded"
    assert found[0]["value"]["source"] == "till-1"


def test_the_first_bad_line_ends_it_and_is_named_and_those_before_it_are_there(
    ccstream: Run, channel: str, published: Published, tmp_path: Path
) -> None:
    file = tmp_path / "events.jsonl"
    file.write_text(added(1) + "\n" + added(2) + added(3, quantity=0) + added(4))
    ended = ccstream("publish", str(file), "--channel", channel, "--source", "x")
    assert ended.code == 2
    assert ended.out == ""
    assert len(ended.err.splitlines()) == 1
    assert "line 4: " in ended.err
    assert "2 events before it" in ended.err
    assert [one["value"]["event_id"] for one in published()] == ["e0001", "e0002"]


def test_bad_lines_can_be_skipped_and_each_is_told(
    ccstream: Run, channel: str, published: Published, tmp_path: Path
) -> None:
    file = tmp_path / "events.jsonl"
    file.write_text("{\n" + added(1) + added(2, subject="nobody") + added(3, channel="telex"))
    ended = ccstream("publish", str(file), "--channel", channel, "--source", "x", "--skip-bad")
    assert ended.code == 1
    told = [line for line in ended.err.splitlines() if line.startswith("line ")]
    assert [line.split(":")[0] for line in told] == ["line 1", "line 3", "line 4"]
    assert "there is no channel 'telex'" in told[2]
    assert "published 1 event in" in ended.err
    assert len(published()) == 1


def test_a_dry_run_finds_what_is_wrong_without_a_broker(ccstream: Run, tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    file.write_text(added(1) + added(2, quantity=2_000_000))
    arguments = ("publish", str(file), "--channel", "web", "--source", "x", "--dry-run")
    ended = ccstream(*arguments, "--bootstrap", "127.0.0.1:1")
    assert ended.code == 2
    assert "line 2: " in ended.err
    file.write_text(added(1))
    assert ccstream(*arguments, "--bootstrap", "127.0.0.1:1").code == 0


def test_a_file_that_is_not_there_is_one_sentence(ccstream: Run) -> None:
    ended = ccstream("publish", "nowhere.jsonl")
    assert ended.code == 2
    assert len(ended.err.splitlines()) == 1
    assert "nowhere.jsonl" in ended.err


def test_a_broker_that_is_away_is_one_sentence_however_often_it_is_tried() -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "ccstream", "publish", "--channel", "web", "--source", "x"),
            *("--bootstrap", "127.0.0.1:1"),
        ],
        input=added(1),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env={**os.environ, "CCSTREAM_KAFKA__CONNECT_TIMEOUT_MS": "1500"},
    )
    assert done.returncode == 3
    assert len(done.stderr.splitlines()) == 1
    assert "127.0.0.1:1" in done.stderr


def started(channel: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "ccstream", "publish", "--channel", channel, "--source", "x"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ,
    )


def test_lines_of_a_pipe_are_published_as_they_come(channel: str, published: Published) -> None:
    process = started(channel)
    try:
        assert process.stdin is not None
        process.stdin.write(added(1).encode())
        process.stdin.flush()
        assert eventually(published, bool)
        process.stdin.write(added(2).encode())
        _, told = process.communicate(timeout=20)
    finally:
        process.kill()
    assert process.returncode == 0
    assert b"published 2 events" in told


def test_ctrl_c_while_waiting_for_lines_is_quiet_and_loses_nothing(
    channel: str, published: Published
) -> None:
    process = started(channel)
    try:
        assert process.stdin is not None
        process.stdin.write(added(1).encode())
        process.stdin.flush()
        assert eventually(published, bool)
        with Stopwatch() as ending:
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=20) == 130
        assert ending.kept(5), ending
        assert process.stderr is not None
        assert process.stderr.read() == b""
    finally:
        process.kill()
        process.communicate()
