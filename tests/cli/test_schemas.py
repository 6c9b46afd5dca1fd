from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Ended

Run = Callable[..., Ended]

TREE = Path(__file__).parents[2] / "schemas"
ADDED = "events/cart/CartItemAdded.avsc"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "schemas"
    shutil.copytree(TREE, root, ignore=shutil.ignore_patterns("released"))
    return root


def test_the_schemas_of_the_installation_are_well(ccstream: Run) -> None:
    ended = ccstream("schemas", "check")
    assert (ended.code, ended.err) == (0, "")
    assert "ccstream.cart.v1.CartItemAdded" in ended.out
    assert "fail" not in ended.out


def test_a_broken_rule_is_shown_and_ends_with_1(ccstream: Run, folder: Path) -> None:
    file = folder / ADDED
    raw = json.loads(file.read_text(encoding="utf-8"))
    raw["fields"][8].pop("doc")
    file.write_text(json.dumps(raw), encoding="utf-8")
    ended = ccstream("schemas", "check", "--folder", str(folder))
    assert ended.code == 1
    assert "documentation: CartItemAdded.sku has no doc" in ended.out
    assert ended.err == "1 rule(s) broken in 1 schema(s)\n"
    ended = ccstream("schemas", "check", "--folder", str(folder), "--json")
    (broken,) = [one for line in ended.out.splitlines() if (one := json.loads(line))["findings"]]
    assert broken == {
        "schema": "ccstream.cart.v1.CartItemAdded",
        "released": 0,
        "findings": [{"rule": "documentation", "sentence": "CartItemAdded.sku has no doc"}],
    }
    ended = ccstream("schemas", "release", "--folder", str(folder))
    assert ended.code == 1
    assert not (folder / "released").exists()


def test_a_release_is_made_once_and_counted(ccstream: Run, folder: Path) -> None:
    first = ccstream("schemas", "release", "--folder", str(folder))
    assert first.code == 0
    assert str(folder / "released/ccstream.cart.v1.CartItemAdded/1.avsc") in first.out
    again = ccstream("schemas", "release", "--folder", str(folder))
    assert (again.code, again.out, again.err) == (0, "", "0 schema(s) released\n")
    checked = ccstream("schemas", "check", "--folder", str(folder), "--json")
    counts = {
        (one := json.loads(line))["schema"]: one["released"] for line in checked.out.splitlines()
    }
    assert counts["ccstream.cart.v1.CartItemAdded"] == 1
    assert counts["ccstream.common.v1.Money"] == 0


@pytest.mark.parametrize("content", [None, "{", '"string"'], ids=["empty", "no JSON", "no record"])
def test_a_folder_without_good_schemas_is_one_sentence(
    ccstream: Run, tmp_path: Path, content: str | None
) -> None:
    if content is not None:
        (tmp_path / "sync").mkdir()
        (tmp_path / "sync/X.avsc").write_text(content, encoding="utf-8")
    ended = ccstream("schemas", "check", "--folder", str(tmp_path))
    assert ended.code == 4
    assert ended.out == ""
    assert len(ended.err.splitlines()) == 1
    assert ended.err.startswith("ccstream schemas: ")


def test_a_folder_that_is_not_there_is_a_wrong_option(ccstream: Run) -> None:
    ended = ccstream("schemas", "check", "--folder", "nowhere")
    assert ended.code == 2
    assert "nowhere" in ended.err


def test_what_others_write_or_read_is_registered(ccstream: Run) -> None:
    ended = ccstream("schemas", "register", "--url", "mock://registry", "--json")
    assert (ended.code, ended.err) == (0, "")
    done = [json.loads(line) for line in ended.out.splitlines()]
    assert {one["action"] for one in done} == {"registered"}
    assert "ccstream.cart.v1.CartItemAdded" in {one["subject"] for one in done}
    ended = ccstream("schemas", "register", "--url", "mock://registry", "--dry-run")
    assert ended.code == 0
    assert "would register" in ended.out


def test_the_registry_is_taken_from_the_settings(
    ccstream: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CCSTREAM_REGISTRY__URL", "mock://configured")
    assert ccstream("schemas", "register", "--dry-run").code == 0


def test_no_registry_is_one_sentence(ccstream: Run) -> None:
    ended = ccstream("schemas", "register")
    assert ended.code == 4
    assert "give --url" in ended.err
    ended = ccstream("schemas", "register", "--url", "http://127.0.0.1:1")
    assert (ended.code, ended.out) == (3, "")
    assert len(ended.err.splitlines()) == 1
    assert "http://127.0.0.1:1" in ended.err
