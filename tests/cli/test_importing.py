"""An import says how far it is, and how far it came if it is ended."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ccstream.cli.exits import ExitCode
from ccstream.cli.progress import LINE_S, shown_progress
from ccstream.imports import plan, sending
from ccstream.wire.catalogue import SYNC_TOPICS
from tests.cli.conftest import Ended
from tests.imports.customer_files import CRM_MAP
from tests.support.topics import make_topic

ROWS = 5


@pytest.fixture
def run(
    ccstream: Callable[..., Ended],
    embedded_kafka: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[], Ended]:
    monkeypatch.setenv("CCSTREAM_IDENTITY__CONTACT_KEY", "k" * 32)
    make_topic(embedded_kafka, SYNC_TOPICS["aliases"])
    rows = "".join(f"c{n},{n + 1},,,Lyon,,2020-05-{n + 1:02}\n" for n in range(ROWS))
    (tmp_path / "crm.csv").write_text(f"id,number,mail,tel,city,optin,updated\n{rows}")
    (tmp_path / "crm.toml").write_text(CRM_MAP)
    where = ("--bootstrap", embedded_kafka)
    return lambda: ccstream("import", "customers", "crm.csv", "--map", "crm.toml", *where)


def test_ctrl_c_says_how_many_rows_are_published_and_the_same_command_goes_on(
    run: Callable[[], Ended], monkeypatch: pytest.MonkeyPatch
) -> None:
    gone_on_with: list[int] = []

    async def ended(_: Any, __: str, ___: str, rows: Any, stored: Callable[[int], None]) -> int:
        stored(2)
        raise KeyboardInterrupt

    async def whole(_: Any, __: str, ___: str, rows: Any, stored: Callable[[int], None]) -> int:
        left = len(list(rows))
        gone_on_with.append(left)
        stored(left)
        return left

    monkeypatch.setattr(sending, "publish_rows", ended)
    first = run()
    assert first.code == ExitCode.INTERRUPTED
    assert "ended early: 2 of 5 rows are published; the same command goes on from" in first.err
    monkeypatch.setattr(sending, "publish_rows", whole)
    second = run()
    assert second.code == ExitCode.OK
    assert "2 rows of this file are done already" in second.err
    assert gone_on_with == [ROWS - 2]


def test_ctrl_c_while_the_file_is_read_says_that_nothing_was_published(
    run: Callable[[], Ended], monkeypatch: pytest.MonkeyPatch
) -> None:
    def ended(*_: Any, progress: Callable[[int], None], **__: Any) -> None:
        progress(3)
        raise KeyboardInterrupt

    monkeypatch.setattr(plan, "read_into", ended)
    done = run()
    assert done.code == ExitCode.INTERRUPTED
    assert "ended early: 3 rows were read, and nothing of them was published" in done.err


def test_where_nobody_looks_a_line_now_and_then_says_how_far_it_is(
    capsys: pytest.CaptureFixture[str],
) -> None:
    now = 0.0
    with shown_progress("rows published", 9_000, clock=lambda: now) as advance:
        for number in range(1, 8):
            now += LINE_S / 3
            advance(number * 1_000)
    said = capsys.readouterr().err.splitlines()
    assert said == ["3,000 of 9,000 rows published", "6,000 of 9,000 rows published"]
