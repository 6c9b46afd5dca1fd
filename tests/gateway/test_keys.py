"""API keys: made once, hashed at rest, known again, taken back."""

from __future__ import annotations

import json
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ccstream.errors import SettingsError
from ccstream.gateway.keys import LOOK_S, KeyFile, Keys, StoredKey, new_key

NOW = datetime(2026, 11, 27, tzinfo=UTC)


class Times:
    """A clock of both kinds."""

    def __init__(self) -> None:
        self.passed = 0.0

    def clock(self) -> float:
        return self.passed

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.passed)


@pytest.fixture
def times() -> Times:
    return Times()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.json"


def made(path: Path, *scopes: str, **more: Any) -> str:
    text, stored = new_key(scopes, now=NOW, **more)
    KeyFile((*KeyFile.read(path).keys, stored)).write(path)
    return text


def test_a_key_is_known_again_with_what_it_may_do(path: Path, times: Times) -> None:
    text = made(path, "publish:web", rate=7)
    keys = Keys(path, times.clock, times.now)
    identity = keys.identify(text)
    assert identity is not None
    assert identity.may("publish", channel="web", key="customer:1")
    assert not identity.may("publish", channel="store")
    assert identity.rate == 7
    assert identity.id == f"key {text.split('_')[1]}"


def test_no_two_keys_are_alike(path: Path) -> None:
    assert len({made(path, "read") for _ in range(20)}) == 20


@pytest.mark.parametrize("change", ["", "x", "ccs_", "ccs_00000000_x"])
def test_another_text_is_nobodys(path: Path, times: Times, change: str) -> None:
    made(path, "read")
    assert Keys(path, times.clock, times.now).identify(change) is None


def test_a_wrong_secret_behind_a_right_id_is_nobodys(path: Path, times: Times) -> None:
    text = made(path, "read")
    keys = Keys(path, times.clock, times.now)
    for wrong in (text[:-1], text + "A", text[:-1] + ("A" if text[-1] != "A" else "B")):
        assert keys.identify(wrong) is None


def test_the_file_holds_no_key_and_is_its_owners(path: Path) -> None:
    text = made(path, "publish:web")
    content = path.read_text()
    assert text not in content
    assert text.split("_", 2)[2] not in content
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_key_expires(path: Path, times: Times) -> None:
    text = made(path, "read", expires=NOW + timedelta(seconds=10))
    keys = Keys(path, times.clock, times.now)
    times.passed = 9
    assert keys.identify(text) is not None
    times.passed = 10
    assert keys.identify(text) is None


def test_a_running_gateway_follows_the_file(path: Path, times: Times) -> None:
    first = made(path, "read")
    keys = Keys(path, times.clock, times.now)
    second = made(path, "publish:app")
    assert keys.identify(second) is None  # it has not looked yet
    times.passed += LOOK_S
    assert keys.identify(second) is not None
    KeyFile(KeyFile.read(path).keys[1:]).write(path)
    times.passed += LOOK_S
    assert keys.identify(first) is None
    assert keys.identify(second) is not None


def test_a_file_that_breaks_lets_those_in_whom_it_let_in(path: Path, times: Times) -> None:
    text = made(path, "read")
    keys = Keys(path, times.clock, times.now)
    path.write_text("{")
    times.passed += LOOK_S
    assert keys.identify(text) is not None


def test_the_entry_that_the_next_test_spoils_is_good(path: Path) -> None:
    path.write_text(entry())
    assert len(KeyFile.read(path).keys) == 1


def entry(**changed: Any) -> str:
    key = {"id": "ab", "hash": "cd" * 32, "scopes": ["read"], "created": "2026-11-27T00:00:00Z"}
    return json.dumps({"keys": [key | changed]})


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        '{"keyes": []}',
        entry(scopes=["read:self"]),
        entry(scopes=["everything"]),
        entry(rat=5),
        entry(created="yesterday"),
        entry(created="2026-11-27T00:00:00"),
        entry(expires="2026-11-27T00:00:00"),
        entry(hash="cd"),
        entry(hash="\u00e9" * 64),
        entry(rate=0),
    ],
)
def test_a_file_that_is_not_one_of_keys_is_refused_at_the_start(path: Path, content: str) -> None:
    path.write_text(content)
    with pytest.raises(SettingsError, match=r"keys\.json is no file of keys"):
        Keys(path)


def test_what_is_kept_is_what_was_made(path: Path) -> None:
    made(path, "read", note="shop", rate=5, expires=NOW)
    (key,) = KeyFile.read(path).keys
    assert key == StoredKey(
        id=key.id,
        hash=key.hash,
        scopes=("read",),
        created=NOW,
        expires=NOW,
        rate=5,
        note="shop",
    )
