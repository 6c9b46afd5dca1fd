"""The outbox keeps what it was given, in order, and says in a sentence why it cannot."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ccstream.client.outbox import Outbox, Outgoing
from ccstream.errors import OutboxError, OutboxFullError

HEADERS = (("ce_id", b"e1"), ("ce_type", b"ccstream.cart.v1.CartItemAdded"))


def outgoing(number: int, value: bytes = b"\xc3\x01payload") -> Outgoing:
    return Outgoing("channel.web.events.v1", f"customer:{number}".encode(), value, HEADERS)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "outbox.db"


@pytest.fixture
def outbox(path: Path) -> Iterator[Outbox]:
    with Outbox(path) as opened:
        yield opened


def test_what_was_stored_comes_back_whole_and_in_order_after_a_restart(path: Path) -> None:
    records = [outgoing(number) for number in range(5)]
    with Outbox(path) as before:
        before.put(records[:2])
        before.put(records[2:])
    with Outbox(path) as after:
        assert [stored.record for stored in after.after(0, 100)] == records
        assert after.rows == 5


def test_what_kafka_has_is_gone_and_its_place_in_the_order_is_never_used_again(
    path: Path,
) -> None:
    with Outbox(path) as before:
        sequences = before.put([outgoing(1), outgoing(2)])
        before.remove(sequences)
        assert (before.rows, before.bytes) == (0, 0)
    with Outbox(path) as after:
        assert after.after(0, 10) == []
        assert after.put([outgoing(3)])[0] > max(sequences)


def test_what_was_sent_does_not_stay_readable_on_the_disk(path: Path) -> None:
    with Outbox(path) as before:
        before.remove(before.put([outgoing(1, b"the secret of customer one")]))
    assert b"the secret" not in path.read_bytes()
    assert not path.with_name("outbox.db-wal").exists()


def test_the_file_is_readable_by_its_owner_only(outbox: Outbox, path: Path) -> None:
    outbox.put([outgoing(1)])
    for file in path.parent.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file.name


def test_a_full_outbox_refuses_the_whole_batch_and_keeps_what_it_has(path: Path) -> None:
    with Outbox(path, rows_max=3) as outbox:
        outbox.put([outgoing(1), outgoing(2)])
        with pytest.raises(OutboxFullError, match="at most 3 events"):
            outbox.put([outgoing(3), outgoing(4)])
        assert [stored.record for stored in outbox.after(0, 10)] == [outgoing(1), outgoing(2)]
        outbox.put([outgoing(3)])


def test_the_bound_of_bytes_counts_what_a_restart_finds(path: Path) -> None:
    with Outbox(path) as before:
        before.put([outgoing(1, b"x" * 600)])
        assert before.bytes > 600
    with (
        Outbox(path, bytes_max=1_000) as after,
        pytest.raises(OutboxFullError, match="at most 1000 bytes"),
    ):
        after.put([outgoing(2, b"x" * 600)])


def test_a_disk_without_room_is_named_and_loses_nothing_stored(path: Path) -> None:
    with Outbox(path) as outbox:
        outbox.put([outgoing(1)])
        pages = outbox._connection.execute("PRAGMA page_count").fetchone()[0]
        outbox._connection.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(OutboxError, match="no room on the disk"):
            outbox.put([outgoing(2, b"x" * 50_000)])
        assert [stored.record for stored in outbox.after(0, 10)] == [outgoing(1)]
        outbox.put([outgoing(3)])


def test_a_second_process_is_told_that_the_outbox_is_in_use(outbox: Outbox, path: Path) -> None:
    outbox.put([outgoing(1)])
    opening = (
        "import sys; from pathlib import Path; from ccstream.client.outbox import Outbox; "
        "Outbox(Path(sys.argv[1]))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", opening, str(path)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ran.returncode == 1
    assert "is in use by another process" in ran.stderr


def test_a_second_publisher_in_the_same_process_is_told_so_too(outbox: Outbox, path: Path) -> None:
    with pytest.raises(OutboxError, match="is in use by another process"):
        Outbox(path)
    outbox.put([outgoing(1)])


def test_garbage_is_refused_and_left_as_it_was(path: Path) -> None:
    garbage = os.urandom(40_000)
    path.write_bytes(garbage)
    with pytest.raises(OutboxError, match="damaged or no outbox"):
        Outbox(path)
    assert path.read_bytes() == garbage


def test_a_damaged_page_is_found_at_opening(path: Path) -> None:
    with Outbox(path) as outbox:
        outbox.put([outgoing(number, os.urandom(3_000)) for number in range(50)])
    content = bytearray(path.read_bytes())
    content[4096:12288] = os.urandom(8192)
    path.write_bytes(content)
    with pytest.raises(OutboxError, match="damaged"):
        Outbox(path)


def test_a_file_cut_short_is_found_at_opening(path: Path) -> None:
    with Outbox(path) as outbox:
        outbox.put([outgoing(number, os.urandom(3_000)) for number in range(50)])
    path.write_bytes(path.read_bytes()[:20_000])
    with pytest.raises(OutboxError, match="damaged"):
        Outbox(path)


def test_another_applications_database_is_refused_and_left_as_it_was(path: Path) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE tills (id INTEGER)")
    before = path.read_bytes()
    with pytest.raises(OutboxError, match="no outbox"):
        Outbox(path)
    assert path.read_bytes() == before


def test_an_outbox_of_a_later_format_is_refused(path: Path) -> None:
    Outbox(path).close()
    with closing(sqlite3.connect(path)) as later:
        later.execute("PRAGMA user_version = 2")
    with pytest.raises(OutboxError, match="format 2"):
        Outbox(path)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(OutboxError, match="No such file or directory"):
        Outbox(tmp_path / "missing" / "outbox.db")


def test_a_parked_record_leaves_the_way_free_and_can_be_put_back(path: Path) -> None:
    with Outbox(path) as before:
        first, second = before.put([outgoing(1), outgoing(2)])
        before.park(first, "MSG_SIZE_TOO_LARGE")
    with Outbox(path) as after:
        assert [stored.sequence for stored in after.after(0, 10)] == [second]
        (parked,) = after.parked()
        assert (parked.record, parked.reason) == (outgoing(1), "MSG_SIZE_TOO_LARGE")
        assert after.rows == 2
        after.unpark(first)
        assert [stored.sequence for stored in after.after(0, 10)] == [first, second]


DIES = """
import os, signal, sys
from pathlib import Path
from ccstream.client.outbox import Outbox, Outgoing
outbox = Outbox(Path(sys.argv[1]))
for number in range(1_000_000):
    outbox.put([Outgoing("t", b"customer:1", str(number).encode(), ())])
    print(number, flush=True)
"""


def test_what_was_acknowledged_before_kill_9_is_still_there(path: Path) -> None:
    dying = subprocess.Popen([sys.executable, "-c", DIES, str(path)], stdout=subprocess.PIPE)
    assert dying.stdout is not None
    try:
        for _ in range(200):
            acknowledged = int(dying.stdout.readline())
    finally:
        dying.kill()
        rest = dying.communicate(timeout=30)[0].split()
    acknowledged = max([acknowledged, *map(int, rest)])
    with Outbox(path) as outbox:
        values = [int(stored.record.value) for stored in outbox.after(0, 1_000_000)]
    # One more may have reached the disk without its acknowledgement reaching us.
    assert values[: acknowledged + 1] == list(range(acknowledged + 1))
    assert len(values) <= acknowledged + 2


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("put"), st.integers(1, 4)),
            st.tuples(st.just("remove"), st.integers(0, 3)),
            st.tuples(st.just("reopen"), st.just(0)),
        ),
        max_size=12,
    )
)
def test_it_behaves_like_a_list_whatever_the_order_of_calls(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int]]
) -> None:
    path = tmp_path_factory.mktemp("outbox") / "outbox.db"
    model: list[tuple[int, Outgoing]] = []
    made = 0
    outbox = Outbox(path)
    for kind, count in steps:
        if kind == "put":
            batch = [outgoing(made + number) for number in range(count)]
            made += count
            model += list(zip(outbox.put(batch), batch, strict=True))
        elif kind == "remove":
            outbox.remove([sequence for sequence, _ in model[:count]])
            del model[:count]
        else:
            outbox.close()
            outbox = Outbox(path)
        assert [tuple(stored) for stored in outbox.after(0, 1_000)] == model
        assert outbox.rows == len(model)
    outbox.close()
