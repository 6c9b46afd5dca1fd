from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import avro.schema
import pytest

import ccstream
from ccstream.errors import SchemaError
from ccstream.wire.schemas import (
    SchemaSet,
    canonical_fingerprint,
    default_schemas,
    schema,
    schemas_root,
    without_logical_types,
)

TREE = Path(__file__).parents[2] / "schemas"


def write(root: Path, path: str, raw: object) -> None:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(raw if isinstance(raw, str) else json.dumps(raw), encoding="utf-8")


def record(fullname: str, *fields: dict[str, Any]) -> dict[str, Any]:
    namespace, _, name = fullname.rpartition(".")
    return {"type": "record", "name": name, "namespace": namespace, "fields": list(fields)}


def test_fingerprints_are_those_of_the_avro_specification() -> None:
    # org.apache.avro: share/test/data/schema-tests.txt, there as signed 64-bit numbers
    known = {'"null"': 7195948357588979594, '"long"': -3434872931120570953}
    for text, number in known.items():
        digest = number.to_bytes(8, "little", signed=True)
        assert canonical_fingerprint(json.loads(text)) == digest


@pytest.mark.parametrize("info", list(default_schemas()), ids=lambda i: i.fullname)
def test_fingerprints_are_those_of_apache_avro(info: Any) -> None:
    # without logical types: the package forgets to reduce {"type": "long"} to "long"
    theirs = avro.schema.parse(json.dumps(without_logical_types(info.raw)))
    assert info.fingerprint == theirs.fingerprint("CRC-64-AVRO")


def test_a_schema_is_found_by_its_name_and_by_its_full_name() -> None:
    assert schema("CartItemAdded") is schema("ccstream.cart.v1.CartItemAdded")
    with pytest.raises(SchemaError, match="NoSuchRecord"):
        schema("NoSuchRecord")


def test_a_schema_stands_alone_and_reads_times_as_integers() -> None:
    info = schema("OrderPlaced")
    text = json.dumps(info.raw)
    assert text.count('"name": "Money"') == 1  # defined where it is first used
    assert text.count("ccstream.common.v1.Money") >= 1  # and named after that
    assert "timestamp-millis" in text
    assert "logicalType" not in json.dumps(info.parsed)


def test_every_schema_of_the_tree_is_loaded() -> None:
    files = [p for p in TREE.rglob("*.avsc") if "released" not in p.parts]
    assert len(files) == len(list(default_schemas()))
    package = Path(ccstream.__file__).parent
    assert schemas_root() in {TREE, package / "schemas"}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("{", "not readable as JSON"),
        ('["null"]', "must hold one Avro record"),
        ({"type": "record", "name": "X", "fields": [{"name": "a"}]}, "not a valid Avro record"),
        (record("a.X", {"name": "a", "type": "a.Missing"}), "not a valid Avro record"),
        ({"type": "record"}, "not a valid Avro record"),
    ],
    ids=["no JSON", "no record", "no type", "unknown type", "no name"],
)
def test_a_file_that_is_no_schema_is_named(tmp_path: Path, content: object, sentence: str) -> None:
    write(tmp_path, "events/x/X.avsc", content)
    with pytest.raises(SchemaError, match=sentence):
        SchemaSet(tmp_path)


def test_two_records_of_one_name_are_refused(tmp_path: Path) -> None:
    write(tmp_path, "events/a/X.avsc", record("a.X"))
    write(tmp_path, "events/b/X.avsc", record("b.X"))
    with pytest.raises(SchemaError, match="share a name"):
        SchemaSet(tmp_path)


def test_a_definition_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "events/a/X.avsc", record("a.X"))
    write(tmp_path, "sync/X.avsc", record("a.X"))
    with pytest.raises(SchemaError, match="defined twice"):
        SchemaSet(tmp_path)


def test_a_release_under_another_records_name_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "released/a.X/1.avsc", record("a.Y"))
    with pytest.raises(SchemaError, match=r"holds a\.Y, not a\.X"):
        SchemaSet(tmp_path)


def test_released_versions_are_found_by_fingerprint_oldest_first(tmp_path: Path) -> None:
    shutil.copytree(TREE / "common", tmp_path / "common")
    old = record("a.X", {"name": "a", "type": "string"})
    new = record(
        "a.X", {"name": "a", "type": "string"}, {"name": "b", "type": "ccstream.common.v1.Money"}
    )
    write(tmp_path, "released/a.X/10.avsc", old | {"doc": "tenth"})
    write(tmp_path, "released/a.X/2.avsc", old)
    write(tmp_path, "events/a/X.avsc", new)
    schemas = SchemaSet(tmp_path)
    assert [info.version for info in schemas.released("a.X")] == [2, 10]
    found = schemas.by_fingerprint(canonical_fingerprint(old))
    assert found is not None and found.version == 10
    assert schemas.by_fingerprint(schemas.schema("X").fingerprint) is schemas.schema("X")
    assert schemas.by_fingerprint(bytes(8)) is None
