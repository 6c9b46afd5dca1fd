"""Whatever is overwritten in a store's files is found, or what is left is what once was, whole."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from ccstream.engine.manifest import is_whole
from ccstream.engine.rocks import Memory, RocksDatabase
from ccstream.errors import StoreDamagedError, StoreError

pytestmark = pytest.mark.timeout(180)

MEMORY = 16 << 20
KEYS = [b"k%d" % number for number in range(40)]
STEP = b"\0step"
"""How many batches have been written, in each of them: as a store's positions are."""

State = dict[bytes, bytes]


def killed_again_and_again(dice: random.Random, folder: Path) -> tuple[Path, list[State]]:
    """A database as two killed processes and a third have left it, and all that it ever held."""
    states: list[State] = [{}]
    path = folder / "0"
    for life in range(1, 4):
        database = RocksDatabase(path, Memory(MEMORY))
        for _ in range(dice.randint(1, 6)):
            rows = {
                key: None if dice.random() < 0.3 else dice.randbytes(dice.randint(1, 400))
                for key in dice.sample(KEYS, dice.randint(1, 30))
            }
            after = {**states[-1], **{key: value for key, value in rows.items() if value}}
            states.append({key: v for key, v in after.items() if rows.get(key, v) is not None})
            database.write([*rows.items(), (STEP, b"%d" % (len(states) - 1))])
        left = folder / str(life)
        shutil.copytree(path, left)  # what a process that is killed now leaves
        database.close()
        path = left
    return path, states


def found(path: Path, states: list[State]) -> str:
    """What becomes of a start on these files.

    Raises:
        AssertionError: it holds what never was.
    """
    try:
        database = RocksDatabase(path, Memory(MEMORY))
    except StoreDamagedError:
        return "damaged"
    try:
        step = int(database.get(STEP) or b"0")
        held = {key: value for key in KEYS if (value := database.get(key)) is not None}
        assert held == states[step], f"{path.name}: step {step} of {len(states) - 1}"
        assert sorted(database.keys(b"k")) == sorted(held)
    except StoreDamagedError:
        return "damaged"
    finally:
        database.close()
    return "whole" if step == len(states) - 1 else "older"


def overwritten(path: Path, name: str, at: int, garbage: bytes) -> Path:
    copy = path.with_name(f"{name}-{at}")
    shutil.copytree(path, copy)
    with (copy / name).open("r+b") as file:
        file.seek(at)
        file.write(garbage)
    return copy


@pytest.mark.parametrize("seed", [1, 2])
def test_a_list_of_files_that_is_overwritten_anywhere_is_found(seed: int, tmp_path: Path) -> None:
    dice = random.Random(seed)
    path, states = killed_again_and_again(dice, tmp_path)
    (manifest,) = path.glob("MANIFEST-*")
    for at in range(0, manifest.stat().st_size, 5):
        garbage = dice.randbytes(dice.choice((1, 4, 64)))
        copy = overwritten(path, manifest.name, at, garbage)
        if (copy / manifest.name).read_bytes() != manifest.read_bytes():
            assert found(copy, states) == "damaged", f"{garbage.hex()} at {at}"
    assert found(path, states) == "whole"


def test_other_files_that_are_overwritten_are_found_or_an_older_state_is_whole(
    tmp_path: Path,
) -> None:
    dice = random.Random(3)
    path, states = killed_again_and_again(dice, tmp_path)
    became = set()
    for file in path.iterdir():
        size = file.stat().st_size
        if not size or file.name.startswith(("LOG", "MANIFEST")):
            continue
        for at in range(0, size, max(1, size // 12)):
            became.add(found(overwritten(path, file.name, at, dice.randbytes(64)), states))
    assert became == {"damaged", "older", "whole"}


def test_a_list_whose_last_entry_was_being_written_is_not_whole(tmp_path: Path) -> None:
    path, states = killed_again_and_again(random.Random(4), tmp_path)
    (manifest,) = path.glob("MANIFEST-*")
    manifest.write_bytes(manifest.read_bytes()[:-1])
    with pytest.raises(StoreError, match="the list of its files is cut off"):
        RocksDatabase(path, Memory(MEMORY))
    assert found(path, states) == "damaged"  # and it is not forgotten


def test_a_list_that_is_cut_off_within_an_entry_is_not_whole(tmp_path: Path) -> None:
    """At the end of a block, so that what stands before is all records; RocksDB believes it."""
    path, states = tmp_path / "0", [State()]
    database = RocksDatabase(path, Memory(MEMORY))
    for number in range(40):
        key = b"k%d" % number
        states.append({**states[-1], key: b"row"})
        padding = b"z%d" % number + bytes(1_000)  # the list names the last key of every file
        database.write([(key, b"row"), (padding, b""), (STEP, b"%d" % (number + 1))])
        database._rows.flush()
    database.close()
    (manifest,) = path.glob("MANIFEST-*")
    with manifest.open("r+b") as file:
        file.truncate(32 << 10)
    assert not is_whole(path)
    assert found(path, states) == "damaged"


@pytest.mark.parametrize("name", ["", "nothing", "../" * 200, "\udcff"])
def test_a_list_that_cannot_be_found_is_not_judged(name: str, tmp_path: Path) -> None:
    (tmp_path / "CURRENT").write_bytes(name.encode(errors="surrogateescape"))
    assert is_whole(tmp_path)


def test_records_end_with_their_block(tmp_path: Path) -> None:
    """Of what is longer than a block there are several; a rest too short for a head is empty."""
    (tmp_path / "CURRENT").write_text("MANIFEST-000001\n")
    block = 32 << 10

    def record(length: int, kind: int = 1) -> bytes:
        return bytes(4) + length.to_bytes(2, "little") + bytes([kind]) + bytes(length)

    begun = record(block - 7, 2)

    first = record(block - 7 - 6) + bytes(6)
    for data, whole in (
        (first + record(10), True),
        (first, True),
        (first + record(10)[:-1], False),
        (record(block - 7 - 20) + record(30), False),
        (record(10) + bytes(7), False),
        (record(10) + bytes(3), False),
        (begun, False),
        (begun + record(block - 7, 3), False),
        (begun + record(block - 7, 3) + record(10, 4), True),
    ):
        (tmp_path / "MANIFEST-000001").write_bytes(data)
        assert is_whole(tmp_path) is whole
