from __future__ import annotations

import builtins
import copy
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ccstream.errors import DevkitError
from ccstream.wire.compatibility import check_schemas
from ccstream.wire.releases import make_release, unreleased
from ccstream.wire.schemas import SchemaSet, default_schemas

TREE = Path(__file__).parents[2] / "schemas"
ADDED = "events/cart/CartItemAdded.avsc"
NAME = "ccstream.cart.v1.CartItemAdded"
Change = Callable[[dict[str, Any]], None]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of some schemas, none of them released."""
    root = tmp_path / "schemas"
    for group in ("common", "events/cart", "events/touch"):
        shutil.copytree(TREE / group, root / group)
    return root


def edit(folder: Path, change: Change, path: str = ADDED) -> None:
    file = folder / path
    raw = json.loads(file.read_text(encoding="utf-8"))
    change(raw)
    file.write_text(json.dumps(raw), encoding="utf-8")


def found(folder: Path) -> list[tuple[str, str]]:
    return [(f.rule, f.sentence) for f in check_schemas(SchemaSet(folder))]


def field(raw: dict[str, Any], name: str) -> dict[str, Any]:
    one: dict[str, Any] = next(f for f in raw["fields"] if f["name"] == name)
    return one


def test_the_schemas_of_this_tree_keep_to_every_rule() -> None:
    assert check_schemas(default_schemas()) == ()


def without_doc(raw: dict[str, Any]) -> None:
    raw["doc"] = " "
    del field(raw, "sku")["doc"]


@pytest.mark.parametrize(
    ("change", "rule", "sentence"),
    [
        (without_doc, "documentation", "CartItemAdded has no doc"),
        (without_doc, "documentation", "CartItemAdded.sku has no doc"),
        (lambda r: field(r, "sku").update(name="skuCode"), "names", "skuCode is not in snake_case"),
        (lambda r: r.update(name="Cart_added"), "names", "Cart_added is not in PascalCase"),
        (lambda r: r.update(namespace="shop.cart"), "names", "not ccstream.<context>.v<number>"),
        (lambda r: r.update(name="CartItemPut"), "place", "CartItemAdded.avsc holds CartItemPut"),
        (lambda r: r.update(namespace="ccstream.order.v1"), "place", "of the context order"),
        (lambda r: field(r, "quantity").update(type="double"), "types", "not exact"),
        (
            lambda r: field(r, "name").update(type=["string", "null"], default=""),
            "types",
            "other than null and one type",
        ),
        (
            lambda r: field(r, "quantity").update(name="added_at"),
            "types",
            "added_at is a time and not a timestamp-millis",
        ),
        (
            lambda r: field(r, "source").update(doc="Another meaning."),
            "common fields",
            "its first 8 fields are not those of",
        ),
    ],
)
def test_a_broken_rule_is_found(folder: Path, change: Change, rule: str, sentence: str) -> None:
    edit(folder, change)
    assert any(r == rule and sentence in s for r, s in found(folder)), found(folder)


def test_records_within_a_record_keep_to_the_rules_too(folder: Path) -> None:
    inner = {"type": "record", "name": "Inner", "fields": [{"name": "A", "type": "string"}]}
    more = {"name": "inner", "type": {"type": "array", "items": inner}, "doc": "d"}
    edit(folder, lambda r: r["fields"].append(more))
    sentences = {s for _, s in found(folder)}
    assert {"Inner has no doc", "Inner.A has no doc", "Inner.A is not in snake_case"} <= sentences


OPTIONAL = {"name": "gift", "type": ["null", "string"], "default": None, "doc": "A note."}
REQUIRED = {"name": "gift", "type": "string", "doc": "A note."}


def rename_sku(raw: dict[str, Any]) -> None:
    field(raw, "sku")["name"] = "article"


@pytest.mark.parametrize(
    ("change", "sentences"),
    [
        (lambda r: None, []),
        (lambda r: r["fields"].append(OPTIONAL), []),
        (lambda r: r["fields"].remove(field(r, "name")), []),
        (lambda r: r.update(doc="Said better."), []),
        (lambda r: r["fields"].append(REQUIRED), ["today's cannot read version 1"]),
        (lambda r: r["fields"].remove(field(r, "quantity")), ["version 1 cannot read today's"]),
        (
            rename_sku,
            ["today's cannot read version 1", "version 1 cannot read today's"],
        ),
        (
            lambda r: field(r, "quantity").update(type="int"),
            ["today's cannot read version 1"],
        ),
        (
            lambda r: field(r, "name").update(type="string", default=""),
            ["today's cannot read version 1"],
        ),
        (lambda r: field(r, "unit_price").update(type=["null", "long"]), ["today's", "version 1"]),
    ],
    ids=[
        "nothing",
        "optional field added",
        "optional field removed",
        "documentation",
        "required field added",
        "required field removed",
        "field renamed",
        "type narrowed",
        "null no longer allowed",
        "another type",
    ],
)
def test_todays_schema_and_a_release_must_read_each_other(
    folder: Path, change: Change, sentences: list[str]
) -> None:
    make_release(SchemaSet(folder), folder)
    assert found(folder) == []
    edit(folder, change)
    problems = [s for rule, s in found(folder) if rule == "compatibility"]
    assert len(problems) == len(sentences)
    for sentence in sentences:
        assert any(sentence in problem for problem in problems), problems


def test_every_release_counts_not_only_the_last(folder: Path) -> None:
    make_release(SchemaSet(folder), folder)
    edit(folder, lambda r: r["fields"].remove(field(r, "name")))
    make_release(SchemaSet(folder), folder)
    assert [i.version for i in SchemaSet(folder).released(NAME)] == [1, 2]
    edit(folder, lambda r: r["fields"].append({**REQUIRED, "name": "name", "default": ""}))
    # version 2 has no name, which a default fills; version 1 may have written null
    (problem,) = found(folder)
    assert problem[0] == "compatibility" and "version 1" in problem[1]


def test_what_was_released_cannot_be_removed(folder: Path) -> None:
    make_release(SchemaSet(folder), folder)
    (folder / ADDED).unlink()
    assert found(folder) == [("compatibility", "was released, and must be readable for ever")]


def test_a_release_stands_alone_and_is_made_once(folder: Path) -> None:
    written = make_release(SchemaSet(folder), folder)
    schemas = SchemaSet(folder)
    assert len(written) == len(schemas.in_group("events"))
    assert "ccstream.common.v1.Money" not in {i.fullname for i in schemas.released()}
    (copy_of_added,) = schemas.released(NAME)
    assert copy_of_added.raw == schemas.schema(NAME).raw
    assert make_release(schemas, folder) == []
    edit(folder, lambda r: r.update(doc="Said better."))
    assert make_release(SchemaSet(folder), folder) == []
    edit(folder, lambda r: r["fields"].append(OPTIONAL))
    assert [p.name for p in make_release(SchemaSet(folder), folder)] == ["2.avsc"]


def test_a_change_of_a_common_record_releases_all_that_hold_it(folder: Path) -> None:
    make_release(SchemaSet(folder), folder)
    more = copy.deepcopy(OPTIONAL)
    edit(folder, lambda r: r["fields"].append(more), "common/Campaign.avsc")
    names = {info.name for info, number in unreleased(SchemaSet(folder)) if number == 2}
    assert {"CartItemAdded", "ProductViewed"} <= names
    assert found(folder) == []


def test_without_the_checker_it_says_what_to_install(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_release(SchemaSet(folder), folder)
    imported = builtins.__import__

    def without_avro(name: str, *more: Any) -> Any:
        if name.partition(".")[0] == "avro":
            raise ImportError(name)
        return imported(name, *more)

    monkeypatch.setattr(builtins, "__import__", without_avro)
    with pytest.raises(DevkitError, match=r"ccstream\[schemas\]"):
        found(folder)
