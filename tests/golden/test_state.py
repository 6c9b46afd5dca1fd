"""A state directory of any format that there has been opens, with all that is in it."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest
from msgspec import structs
from structlog.testing import capture_logs

from ccstream.engine.store_fit import misfit
from ccstream.engine.stores import FORMAT
from tests.golden.make_state import APP, CHANGELOGS, FOLDER, SCOPE, Golden, opened, rows_of
from tests.golden.test_golden import assert_still_there
from tests.integration.harness import added
from tests.wire.samples import NOW

WEEK_MS = 7 * 24 * 3_600_000
each_format = pytest.mark.parametrize("number", range(1, FORMAT + 1))


@pytest.fixture
def folder(number: int, tmp_path: Path) -> Path:
    archive = FOLDER / f"format-{number}.tar.gz"
    assert archive.exists(), "no golden directory: python -m tests.golden.make_state"
    with tarfile.open(archive) as tar:
        tar.extractall(tmp_path, filter="data")
    return tmp_path


@each_format
def test_a_directory_of_a_format_opens_and_every_row_of_it_is_read(
    number: int, folder: Path
) -> None:
    expected = json.loads((FOLDER / f"format-{number}.json").read_text(encoding="utf-8"))
    stores = opened(folder)
    try:
        with capture_logs() as said:
            store = stores.open(SCOPE, 2)
            tables = stores.tables(store)
        assert said == [], "made anew"
        found = rows_of(store)
        for table, rows in expected.items():
            assert len(tables[table]) == len(rows)
            assert found[table].keys() == rows.keys()
            for key, row in rows.items():
                assert_still_there(row, found[table][key])
                assert tables[table].get(key) is not None
    finally:
        stores.close()
    assert all(expected.values()), "a row of every table"


@each_format
def test_it_fits_the_changelogs_that_it_was_made_of_also_where_there_are_more_by_now(
    folder: Path,
) -> None:
    stores = opened(folder)
    header = stores.open(SCOPE, 2).header
    stores.close()
    assert (header.app_id, header.partitions) == (APP, 1)
    ends = dict(header.positions) | CHANGELOGS | {"a-table-of-tomorrow": 5}
    starts = dict.fromkeys(ends, 0)
    assert misfit(header, starts, ends, NOW, WEEK_MS) is None


@each_format
def test_a_worker_goes_on_with_it(folder: Path) -> None:
    subject = "customer:42"
    for epoch in (2, 3):
        stores = opened(folder)
        golden = Golden(stores, epoch)
        before = golden.partition.tables["carts"].get(subject)
        assert before is not None
        event = added(1, subject)
        event = structs.replace(
            event, occurred_at=NOW + 1, event_id=f"more-{golden.partition.epoch}"
        )
        golden.fold(event)
        after = golden.partition.tables["carts"].get(subject)
        assert after is not None
        assert after.state != before.state
        golden.commit(NOW)
        stores.close()
