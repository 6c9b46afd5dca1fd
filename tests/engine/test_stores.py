"""Local stores: what they keep, and when they are wiped rather than believed."""

from __future__ import annotations

import random
import re
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from msgspec import json, structs
from structlog.testing import capture_logs

from ccstream.domain.moment import Scope
from ccstream.engine import rocks
from ccstream.engine.rocks import Memory, RocksDatabase
from ccstream.engine.store import Table
from ccstream.engine.store_fit import misfit
from ccstream.engine.store_folder import StoreFolder
from ccstream.engine.stores import FORMAT, Header, PartitionStore, Stores
from ccstream.errors import StoreDamagedError, StoreError
from ccstream.wire.catalogue import TABLES
from ccstream.wire.rows import Entry
from tests.engine.takeovers import CARTS, WINDOWS, Place
from tests.engine.test_store import Words
from tests.simulation.disk import FakeDisk
from tests.simulation.process import APP, make_stores, on_fakes

SCOPE = Scope(b"stateid8", 0, 4)
HOUR_MS = 3_600_000
NOW_MS = 1_000 * HOUR_MS
MEMORY = 16 << 20

Open = Callable[..., Stores]


@pytest.fixture
def reopened(tmp_path: Path) -> Iterator[Open]:
    """The stores of the worker that comes next on this machine."""
    running: list[Stores] = []

    def again(app_id: str = "app", partitions: int = 4) -> Stores:
        while running:
            running.pop().close()
        # Below the same folder whatever the application: as if somebody had moved it.
        folder = StoreFolder(tmp_path, "app", MEMORY)
        running.append(
            Stores(
                folder,
                app_id,
                partitions,
                lambda name, backing: Table(name, Words(), 4, backing),
                ("words",),
            )
        )
        return running[0]

    yield again
    for stores in running:
        stores.close()


def fill(stores: Stores, rows: int = 3, epoch: int = 1) -> PartitionStore:
    """Some rows, restored from a changelog of as many records, current now."""
    store = stores.open(SCOPE, epoch)
    tables = stores.tables(store)
    for number in range(rows):
        tables["words"].restore(f"k{number}", b"1:" + b"a" * 100)
    store.write_restored({"changelog": rows})
    store.write_current(NOW_MS, epoch)
    return store


def states(stores: Stores, epoch: int = 1, scope: Scope = SCOPE) -> tuple[int, dict[str, int]]:
    """How many rows there are, and from where on changelogs have to be read."""
    store = stores.open(scope, epoch)
    table = stores.tables(store)["words"]
    assert len(table) == len(table.keys())
    return len(table), dict(store.positions)


def test_what_was_written_is_there_for_the_next_worker(reopened: Open) -> None:
    fill(reopened())
    assert states(reopened()) == (3, {"changelog": 3})


def test_rows_of_a_commit_and_their_positions_are_kept_together(reopened: Open) -> None:
    stores = reopened()
    store = fill(stores)
    tables = stores.tables(store)
    tables["words"].put("k0", Entry(None, 2))
    tables["words"].put("k7", Entry("b", 3))
    tables["words"].drain()
    fresh = reopened()
    assert states(fresh) == (3, {"changelog": 3})  # drained, and nothing came of it
    store = fresh.open(SCOPE, 1)
    tables = fresh.tables(store)
    tables["words"].put("k0", Entry(None, 2))
    tables["words"].put("k7", Entry("b", 3))
    tables["words"].put("k8", Entry("b", 3))
    tables["words"].drain()
    store.write_committed(tables, {"changelog": 6}, {"input": 9}, NOW_MS)
    last = reopened()
    assert states(last) == (4, {"changelog": 6})
    assert last.open(SCOPE, 1).header.folded == {"input": 9}


@pytest.mark.parametrize(
    ("app_id", "partitions", "scope", "epoch", "reason"),
    [
        ("other", 4, SCOPE, 1, "it is of application 'app', and this is 'other'"),
        ("app", 8, Scope(b"stateid8", 0, 8), 1, "made with 4 partitions, not 8"),
        ("app", 4, Scope(b"another8", 0, 4), 1, "a state that was begun anew"),
        ("app", 4, SCOPE, 0, "it is of epoch 1, and the cluster knows of 0 at most"),
    ],
)
def test_a_store_of_something_else_is_wiped_and_the_log_says_why(
    reopened: Open, app_id: str, partitions: int, scope: Scope, epoch: int, reason: str
) -> None:
    fill(reopened())
    with capture_logs() as logs:
        assert states(reopened(app_id, partitions), epoch, scope) == (0, {})
    (line,) = logs
    assert (line["event"], line["partition"]) == ("local store is made anew", 0)
    assert reason in line["reason"]


@pytest.mark.parametrize("version", range(1, FORMAT + 1))
def test_rows_of_tables_that_stand_beside_each_other_are_told_apart(
    tmp_path: Path, version: int
) -> None:
    tables = ("carts", "touches", "timers")
    keys = ("a", "a#1", "a#2", "ab", "a\0carts", "é")
    folder = StoreFolder(tmp_path, "app", MEMORY)
    for _ in range(2):
        store = PartitionStore(0, folder, Header(version, "app", b"state", 1), tables)
        for name, backing in store.backings.items():
            for key in keys:
                backing.restore(key, f"1:{name} {key}".encode())
        store.write_restored({})
        for name, backing in store.backings.items():
            assert backing.rows == len(keys)
            assert [backing.get(key) for key in keys] == [f"1:{name} {k}".encode() for k in keys]
            assert set(backing.keys()) == set(keys)
            assert set(backing.keys("a#")) == {"a#1", "a#2"}
        store.close()
    folder.close()


def test_rows_of_one_customer_stand_beside_each_other() -> None:
    rows = [(key, b"1:x") for key in ("k1", "k2")]
    store = PartitionStore(
        0, FakeDisk(), Header(FORMAT, "app", b"state", 1), ("carts", "touches", "timers")
    )
    names = [key for backing in store.backings.values() for key, _ in backing.named(rows)]
    assert [name.partition(b"\0")[0] for name in sorted(names)] == [
        *(b"\1k1", b"\1k1", b"\1k2", b"\1k2"),
        *(b"timers", b"timers"),
    ]


def test_which_tables_stand_beside_each_other_is_part_of_the_format() -> None:
    """Of a table that joins them, or leaves them, or has another name, nothing would be found."""
    store = PartitionStore(0, FakeDisk(), Header(FORMAT, "app", b"state", 1), TABLES)
    beside = {
        name
        for name, backing in store.backings.items()
        for key, _ in backing.named([("k", b"1:x")])
        if key.startswith(b"\1")
    }
    assert (FORMAT, beside) == (2, {"carts", "touches", "windows"})


def test_a_store_of_a_newer_format_is_wiped_and_the_log_says_why(
    reopened: Open, tmp_path: Path
) -> None:
    (tmp_path / "app").mkdir()
    database = RocksDatabase(tmp_path / "app" / "0", Memory(MEMORY))
    header = structs.asdict(Header(FORMAT + 1, "app", b"stateid8", 4))
    database.write([(b"\0header", json.encode(header)), (b"words\0k", b"1:a")])
    database.close()
    with capture_logs() as logs:
        assert states(reopened()) == (0, {})
    assert f"its format is {FORMAT + 1}" in logs[0]["reason"]


def test_a_header_that_cannot_be_read_makes_the_store_anew(reopened: Open, tmp_path: Path) -> None:
    store = fill(reopened())
    store.database.write([(b"\0header", b'{"format": "x"}')])
    with capture_logs() as logs:
        assert states(reopened()) == (0, {})
    assert "header cannot be read" in logs[0]["reason"]


def test_damaged_files_are_found_at_the_start_and_made_anew(reopened: Open, tmp_path: Path) -> None:
    stores = reopened()
    fill(stores)
    stores.keep(())
    (tmp_path / "app" / "0" / "CURRENT").write_text("garbage")
    with capture_logs() as logs:
        assert states(stores) == (0, {})
    assert "damaged" in logs[0]["reason"]


def test_a_missing_file_makes_the_store_anew(reopened: Open, tmp_path: Path) -> None:
    stores = reopened()
    fill(stores, rows=100)
    stores.keep(())
    for file in (tmp_path / "app" / "0").glob("*.sst"):
        file.unlink()
    assert states(stores) == (0, {})


def test_damage_that_shows_when_a_row_is_read_is_remembered_for_the_next_start(
    reopened: Open, tmp_path: Path
) -> None:
    stores = reopened()
    fill(stores, rows=20_000)
    stores.keep(())  # its rows are in files now
    (file,) = (tmp_path / "app" / "0").glob("*.sst")
    with file.open("r+b") as damaged:
        damaged.seek(file.stat().st_size // 2)
        damaged.write(b"\xff" * 64)
    fresh = reopened()
    table = fresh.tables(fresh.open(SCOPE, 1))["words"]
    with pytest.raises(StoreDamagedError, match="made anew from the changelogs"):
        deque(map(table.get, (f"k{number}" for number in range(20_000))), maxlen=0)
    with pytest.raises(StoreDamagedError):
        table.keys()
    assert states(reopened()) == (0, {})


def test_two_workers_on_one_folder_are_told_so(reopened: Open, tmp_path: Path) -> None:
    reopened()
    with pytest.raises(StoreError, match=r"in use by another worker; .* state\.directory"):
        StoreFolder(tmp_path, "app", MEMORY)


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot be used as the local store: Not a directory"):
        StoreFolder(tmp_path / "file", "app", MEMORY)


def test_a_database_that_another_process_has_open_is_told(tmp_path: Path) -> None:
    holding = (
        "import sys, rocksdict\n"
        "options = rocksdict.Options(raw_mode=True); options.create_if_missing(True)\n"
        "held = rocksdict.Rdict(sys.argv[1], options)\n"
        "print('held', flush=True); sys.stdin.read()\n"
    )
    path = tmp_path / "0"
    with subprocess.Popen(
        [sys.executable, "-c", holding, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None and other.stdin is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(StoreError, match="in use by another process"):
            RocksDatabase(path, Memory(MEMORY))
        other.stdin.close()


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("IO error: No space left on device: While appending to file", "no room left on disk"),
        ("IO error: Disk quota exceeded: While appending to file", "no room left on disk"),
        ("IO error: Input/output error: While reading", "cannot be used: IO error: Input/output"),
    ],
)
def test_what_rocksdb_says_is_told_as_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, meant: str
) -> None:
    class Failing:
        def __init__(self, *_: object) -> None: ...

        def write(self, batch: object) -> None:
            raise Exception(said)

    monkeypatch.setattr(rocks, "Rdict", Failing)
    with pytest.raises(StoreError, match=meant) as told:
        RocksDatabase(tmp_path, Memory(MEMORY)).write([(b"k", b"v")])
    assert not isinstance(told.value, StoreDamagedError)


@pytest.mark.parametrize(
    ("position", "age_ms", "reason"),
    [
        (5, 0, None),
        (2, 0, None),
        (9, 0, None),
        (10, 0, "ahead of"),
        (1, 0, "begins at 2"),
        (5, 84 * HOUR_MS, None),
        (5, 85 * HOUR_MS, "last current 85 hours ago, and deletions stay .* for 168 hours"),
        (5, -HOUR_MS, "still to come"),
    ],
)
def test_a_store_fits_if_it_is_within_the_changelog_and_no_deletion_is_missed(
    position: int, age_ms: int, reason: str | None
) -> None:
    header = Header(FORMAT, "app", b"", 4, 1, NOW_MS - age_ms, {"changelog": position})
    said = misfit(header, {"changelog": 2}, {"changelog": 9}, NOW_MS, 168 * HOUR_MS)
    assert (said is None) if reason is None else re.search(reason, said or "")


def test_a_restore_that_was_broken_off_goes_on(reopened: Open) -> None:
    stores = reopened()
    store = stores.open(SCOPE, 1)
    store.begin({"changelog": 0}, NOW_MS)
    stores.tables(store)["words"].restore("k", b"1:a")
    store.write_restored({"changelog": 1})
    fresh = reopened()
    assert states(fresh) == (1, {"changelog": 1})
    header = fresh.open(SCOPE, 1).header
    assert misfit(header, {"changelog": 0}, {"changelog": 9}, NOW_MS + 1, HOUR_MS) is None


def test_a_store_without_a_table_of_today_fits_and_one_with_a_table_of_tomorrow_does_not() -> None:
    one, both = {"changelog": 5}, {"changelog": 5, "another": 5}
    header = Header(FORMAT, "app", b"", 4, 1, NOW_MS, one)
    assert misfit(header, both, both, NOW_MS, HOUR_MS) is None
    header = Header(FORMAT, "app", b"", 4, 1, NOW_MS, both)
    assert misfit(header, one, one, NOW_MS, HOUR_MS) is not None


@pytest.fixture
def place() -> Iterator[Place]:
    with on_fakes():
        yield Place()


def rows_read(place: Place, disk: FakeDisk) -> int:
    """How many changelog records a worker on this disk's machine reads to take over."""
    read = []
    place.acquire(
        place.candidate(f"w{place.clock.monotonic()}-{len(place.points)}"),
        stores=make_stores(disk, 2),
        progress=lambda progress: read.append(progress.records),
    )
    return read[-1] if read else 0


def test_a_take_over_reads_what_the_store_has_missed_and_no_more(place: Place) -> None:
    disk = FakeDisk()
    rows_read(place, disk)
    for number in range(5):
        place.broker.append((CARTS, 0), f"customer:{number}".encode(), b"\xc3\x01")
    assert rows_read(place, disk) == 5
    assert rows_read(place, disk) == 0
    place.broker.append((WINDOWS, 1), b"customer:9", b"\xc3\x01")
    assert rows_read(place, disk) == 1
    assert rows_read(place, FakeDisk()) == 6
    assert disk.removed == 0


def test_of_a_table_that_an_earlier_version_did_not_have_all_is_read_and_of_others_the_rest(
    place: Place,
) -> None:
    disk = FakeDisk()
    for number in range(5):
        place.broker.append((CARTS, 0), f"customer:{number}".encode(), b"\xc3\x01")
    place.broker.append((WINDOWS, 0), b"customer:9", b"\xc3\x01")
    place.broker.group.offsets.update(dict.fromkeys(place.layout.inputs([0, 1]), 0))
    assert rows_read(place, disk) == 6
    for database in disk.databases.values():
        header = json.decode(database.rows[b"\0header"], type=Header)
        header.positions.pop(WINDOWS)
        header.rows.pop(place.layout.table_of(WINDOWS))
        database.rows = {
            key: value
            for key, value in database.rows.items()
            if not key.endswith(b"\0" + place.layout.table_of(WINDOWS).encode())
        } | {b"\0header": json.encode(header)}
    place.broker.append((CARTS, 0), b"customer:6", b"\xc3\x01")
    assert rows_read(place, disk) == 2
    assert disk.removed == 0


def test_a_store_that_missed_deletions_is_made_anew_at_the_take_over(place: Place) -> None:
    disk = FakeDisk()
    for number in range(5):
        place.broker.append((CARTS, 0), f"customer:{number}".encode(), b"\xc3\x01")
    place.broker.group.offsets.update(dict.fromkeys(place.layout.inputs([0, 1]), 0))
    assert rows_read(place, disk) == 5
    place.clock.advance(3 * 24 * 3_600)
    assert rows_read(place, disk) == 0
    place.clock.advance(4 * 24 * 3_600)
    assert rows_read(place, disk) == 5
    assert disk.removed == len(disk.databases) == 2


def test_a_store_ahead_of_its_changelog_is_made_anew_at_the_take_over(place: Place) -> None:
    disk = FakeDisk()
    for number in range(5):
        place.broker.append((CARTS, 0), f"customer:{number}".encode(), b"\xc3\x01")
    place.broker.group.offsets.update(dict.fromkeys(place.layout.inputs([0, 1]), 0))
    rows_read(place, disk)
    del place.broker.logs[CARTS, 0].records[3:]
    place.broker.logs[CARTS, 0].end = 3
    assert rows_read(place, disk) == 3
    assert disk.removed == 1
    assert APP in disk.databases[0].rows[b"\0header"].decode()


def test_a_database_knows_how_many_bytes_are_in_files_and_how_many_in_none_yet(
    tmp_path: Path,
) -> None:
    database = RocksDatabase(tmp_path, Memory(MEMORY))
    before = database.sizes()
    rows = [(str(number).encode(), random.Random(number).randbytes(1_000)) for number in range(300)]
    database.write(rows)
    unwritten = database.sizes()
    assert unwritten["files"] == before["files"] == 0
    assert unwritten["memory"] - before["memory"] > 300_000
    database.close()
    again = RocksDatabase(tmp_path, Memory(MEMORY))
    written = again.sizes()
    again.close()
    on_disk = sum(file.stat().st_size for file in tmp_path.glob("*.sst"))
    assert written["files"] == on_disk > 300_000
    assert written["memory"] == before["memory"]
