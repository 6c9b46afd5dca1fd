"""A commit's steps in a thread of their own."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from ccstream.engine.committer import Committer
from ccstream.errors import DeliveryError


@pytest.fixture
def committer() -> Iterator[Committer]:
    made = Committer("test-commit")
    yield made
    made.close()


def test_steps_are_carried_out_in_order_in_another_thread(committer: Committer) -> None:
    done: list[tuple[str, str]] = []

    def step(name: str) -> None:
        done.append((name, threading.current_thread().name))

    committer.begin(lambda: step("offsets"), lambda: step("end"))
    assert committer.wait(5) is not None
    assert done == [("offsets", "test-commit"), ("end", "test-commit")]


def test_the_end_is_told_once(committer: Committer) -> None:
    assert committer.finished() is None
    committer.begin(lambda: None)
    committer.wait(5)
    assert committer.finished() is None
    assert committer.wait(5) is None


def test_it_is_busy_until_its_end_was_asked_for(committer: Committer) -> None:
    committer.begin(lambda: None)
    assert committer.busy
    committer.wait(5)
    assert not committer.busy


def test_a_step_that_fails_is_the_last_and_its_failure_is_told(committer: Committer) -> None:
    done: list[str] = []

    def fail() -> None:
        raise DeliveryError("no")

    committer.begin(fail, lambda: done.append("end"))
    with pytest.raises(DeliveryError, match="no"):
        committer.wait(5)
    assert done == []


def test_a_pause_ends_by_itself_or_when_it_is_hastened(committer: Committer) -> None:
    for seconds, hasten in ((0.01, False), (60.0, True), (0.01, False), (60.0, True)):
        committer.begin(lambda seconds=seconds: committer.pause(seconds))  # type: ignore[misc]
        if hasten:
            time.sleep(0.05)
            assert committer.finished() is None, "it pauses anew"
            committer.hasten()
        deadline = time.monotonic() + 5
        while committer.busy and time.monotonic() < deadline:
            committer.finished()
        assert not committer.busy


def test_who_waits_for_a_job_ends_its_pause(committer: Committer) -> None:
    committer.begin(lambda: committer.pause(60))
    assert committer.wait(5) is not None


def test_to_close_ends_a_pause(committer: Committer) -> None:
    began = time.monotonic()
    committer.begin(lambda: committer.pause(60))
    committer.close()
    assert time.monotonic() - began < 1


def test_waiting_has_an_end(committer: Committer) -> None:
    release = threading.Event()
    committer.begin(lambda: release.wait(5) and None)
    assert committer.finished() is None
    with pytest.raises(DeliveryError, match="did not end within"):
        committer.wait(0.01)
    release.set()


def test_there_is_one_commit_at_a_time(committer: Committer) -> None:
    release = threading.Event()
    committer.begin(lambda: release.wait(5) and None)
    with pytest.raises(DeliveryError, match="another was on its way"):
        committer.begin(lambda: None)
    release.set()


def test_a_job_that_never_seems_to_end_is_given_up() -> None:
    ended = threading.Event()
    committer = Committer("test-commit", seconds_max=0.05)
    committer.begin(lambda: ended.wait(10) and None)
    try:
        assert committer.finished() is None
        time.sleep(0.1)
        with pytest.raises(DeliveryError, match="has not ended within"):
            committer.finished()
    finally:
        ended.set()
        committer.close()
