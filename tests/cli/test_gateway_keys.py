from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from ccstream.gateway.keys import Keys
from tests.cli.conftest import Ended

Run = Callable[..., Ended]


def test_a_key_is_printed_once_and_works(ccstream: Run, tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    made = ccstream(
        *("gateway-keys", "new", "--channel", "web", "--scope", "read", "--rate", "50"),
        *("--days", "30", "--note", "shop servers", "--file", str(file)),
    )
    assert made.code == 0
    key = made.out.strip()
    assert key not in made.err
    identity = Keys(file).identify(key)
    assert identity is not None
    assert identity.may("publish", channel="web", key="customer:1")
    assert identity.may("read")
    assert identity.rate == 50


def test_what_is_listed_is_no_key(ccstream: Run, tmp_path: Path) -> None:
    file = str(tmp_path / "keys.json")
    key = ccstream("gateway-keys", "new", "--channel", "web", "--file", file).out.strip()
    listed = ccstream("gateway-keys", "list", "--file", file).out
    assert "publish:web" in listed
    assert key not in listed
    (row,) = ccstream("gateway-keys", "list", "--json", "--file", file).out.splitlines()
    assert json.loads(row)["id"] == key.split("_")[1]


def test_a_revoked_key_is_gone_and_the_others_stay(ccstream: Run, tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    first, second = (
        ccstream("gateway-keys", "new", "--channel", "web", "--file", str(file)).out.strip()
        for _ in range(2)
    )
    revoked = ccstream("gateway-keys", "revoke", first.split("_")[1], "--file", str(file))
    assert revoked.code == 0
    assert Keys(file).identify(first) is None
    assert Keys(file).identify(second) is not None
    again = ccstream("gateway-keys", "revoke", first.split("_")[1], "--file", str(file))
    assert again.code == 1


def test_a_key_that_may_nothing_or_what_no_key_may_is_not_made(
    ccstream: Run, tmp_path: Path
) -> None:
    file = tmp_path / "keys.json"
    for options in ((), ("--scope", "read:self"), ("--scope", "everything")):
        made = ccstream("gateway-keys", "new", *options, "--file", str(file))
        assert made.code == 2, options
    assert not file.exists()


def test_without_a_file_it_is_told_where_to_name_one(ccstream: Run) -> None:
    ended = ccstream("gateway-keys", "list")
    assert ended.code == 4
    assert "gateway.keys_file" in ended.err


def test_the_file_may_be_in_the_settings(ccstream: Run, tmp_path: Path) -> None:
    (tmp_path / "ccstream.toml").write_text('[gateway]\nkeys_file = "keys.json"\n')
    ccstream("--config", "ccstream.toml", "gateway-keys", "new", "--channel", "web")
    assert len(json.loads((tmp_path / "keys.json").read_text())["keys"]) == 1
