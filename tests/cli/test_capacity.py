from __future__ import annotations

import json
from collections.abc import Callable

from ccstream.cli.exits import ExitCode
from tests.cli.conftest import Ended

Run = Callable[..., Ended]

LOAD = ("--events-per-second", "10000", "--customers", "1000000")


def test_a_load_is_answered_with_what_it_takes_and_why(ccstream: Run) -> None:
    ended = ccstream("capacity", *LOAD)
    assert ended.code == ExitCode.OK
    lines = {line[:20].strip(): line for line in ended.out.splitlines()}
    assert "one to spare" in lines["workers"]
    assert "a topic" in lines["partitions"]
    assert "limited by the processor of the workers" in ended.err


def test_as_json_it_has_the_same_numbers(ccstream: Run) -> None:
    found = json.loads(ccstream("capacity", *LOAD, "--lines", "20", "--json").out)
    assert found["workers_busy"] >= 1
    assert {line["name"] for line in found["lines"]} >= {"brokers", "disk of brokers", "restore"}


def test_what_is_no_load_is_a_usage_error(ccstream: Run) -> None:
    assert ccstream("capacity", "--customers", "1").code == ExitCode.USAGE
    assert ccstream("capacity", *LOAD, "--busy", "2").code == ExitCode.USAGE
