from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.cli.conftest import Ended

Run = Callable[..., Ended]


def test_each_line_is_ok_warn_or_fail_and_none_that_fails_is_exit_code_0(
    ccstream: Run, embedded_kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CCSTREAM_KAFKA__PARTITIONS", "4")
    ended = ccstream("doctor", "--bootstrap", embedded_kafka)
    assert ended.code == 0
    states = {line.split()[0] for line in ended.out.splitlines()[1:]}
    assert states == {"ok", "warn"}
    assert "0 to mend, 1 to know" in ended.err


def test_one_that_fails_is_exit_code_1_with_what_to_do(ccstream: Run, embedded_kafka: str) -> None:
    ended = ccstream("doctor", "--bootstrap", embedded_kafka, "--json")
    assert ended.code == 1
    found = [json.loads(line) for line in ended.out.splitlines()]
    (failed,) = (one for one in found if one["state"] == "fail")
    assert failed["check"] == "topics"
    assert failed["advice"]
