"""Avro records in single-object encoding, by fastavro and the schema files alone."""

from __future__ import annotations

import io
import json
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import fastavro
from fastavro.schema import fingerprint, parse_schema, to_parsing_canonical_form

__all__ = ["Schema", "decode", "encode", "murmur2_partition", "schema"]

SCHEMAS = Path(__file__).parent.parent.parent / "schemas"
MARK = b"\xc3\x01"
HEAD_BYTES = 10


class Schema(NamedTuple):
    """A parsed schema, and the bytes that a value of it begins with."""

    parsed: Any
    head: bytes


@cache
def _files() -> dict[str, Any]:
    folders = ("common", "events", "state", "sync", "system")
    found = {}
    for folder in folders:
        for path in sorted((SCHEMAS / folder).rglob("*.avsc")):
            raw = json.loads(path.read_text(encoding="utf-8"))
            found[f"{raw['namespace']}.{raw['name']}"] = raw
    return found


def _inlined(node: Any, known: set[str]) -> Any:
    """The schema with each named type in full where it is mentioned first."""
    if isinstance(node, str):
        if node in _files() and node not in known:
            return _inlined(_files()[node], known)
        return node
    if isinstance(node, list):
        return [_inlined(one, known) for one in node]
    if isinstance(node, dict):
        if node.get("type") == "record":
            known.add(f"{node['namespace']}.{node['name']}")
            fields = [{**f, "type": _inlined(f["type"], known)} for f in node["fields"]]
            return {**node, "fields": fields}
        return {
            name: _inlined(value, known) if name in {"type", "items"} else value
            for name, value in node.items()
            if name != "logicalType"  # times stay milliseconds
        }
    return node


@cache
def schema(name: str) -> Schema:
    """The schema of this name, without or with its namespace."""
    full = next(one for one in _files() if one == name or one.endswith(f".{name}"))
    inlined = _inlined(_files()[full], set())
    rabin = fingerprint(to_parsing_canonical_form(inlined), "CRC-64-AVRO")
    return Schema(parse_schema(inlined), MARK + bytes.fromhex(rabin))


@cache
def _by_head() -> dict[bytes, tuple[str, Any]]:
    records = {name: schema(name) for name in _files()}
    return {one.head: (name.rpartition(".")[2], one.parsed) for name, one in records.items()}


def encode(name: str, record: dict[str, Any]) -> bytes:
    """The framed value of a record."""
    wanted = schema(name)
    out = io.BytesIO(wanted.head)
    out.seek(HEAD_BYTES)
    fastavro.schemaless_writer(out, wanted.parsed, record)
    return out.getvalue()


def decode(value: bytes) -> tuple[str, dict[str, Any]]:
    """The name and the fields of a framed value; ``KeyError`` if no schema of ours wrote it."""
    name, parsed = _by_head()[value[:HEAD_BYTES]]
    record: Any = fastavro.schemaless_reader(io.BytesIO(value[HEAD_BYTES:]), parsed, None)
    return name, record


def murmur2_partition(key: bytes, partitions: int) -> int:
    """Where Kafka's Java client puts a key: murmur2 of 32 bits, the sign bit taken off."""
    m, mask = 0x5BD1E995, 0xFFFFFFFF
    h = (0x9747B28C ^ len(key)) & mask
    whole = len(key) & ~3
    for at in range(0, whole, 4):
        k = int.from_bytes(key[at : at + 4], "little") * m & mask
        k = (k ^ k >> 24) * m & mask
        h = (h * m & mask) ^ k
    tail = key[whole:]
    if tail:
        h = (h ^ int.from_bytes(tail, "little")) * m & mask
    h = (h ^ h >> 13) * m & mask
    h ^= h >> 15
    return (h & 0x7FFFFFFF) % partitions
