"""The Avro schemas, one record a file, read from the wheel or from the source tree.

A file may refer to a record of another file by its full name. `SchemaInfo.raw` has such
references replaced by the definition itself, so that it stands alone: for a registry, for a
release, and for the fingerprint, which is taken from Avro's parsing canonical form.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from fastavro.schema import parse_schema, to_parsing_canonical_form

from ccstream.errors import SchemaError

__all__ = [
    "GROUPS",
    "SchemaInfo",
    "SchemaSet",
    "canonical_fingerprint",
    "default_schemas",
    "schema",
    "schemas_root",
    "self_contained",
    "without_logical_types",
]

GROUPS = ("common", "events", "sync", "state", "system")
"""The folders under ``schemas/``; ``released/`` beside them holds what was published."""

RELEASED = "released"

_NAMED = ("record", "enum", "fixed")

_CRC_EMPTY = 0xC15D213AA4D7A795
"""CRC-64-AVRO of nothing, which is its polynomial too."""


def _crc_of_byte(byte: int) -> int:
    for _ in range(8):
        byte = (byte >> 1) ^ (_CRC_EMPTY if byte & 1 else 0)
    return byte


_CRC_TABLE = tuple(map(_crc_of_byte, range(256)))


@dataclass(frozen=True, slots=True)
class SchemaInfo:
    """One version of one record.

    ``version`` is None for the schema as it is in the tree today and the number of the
    release otherwise. ``parsed`` is for fastavro, without logical types: times are plain
    integers. ``fingerprint`` is CRC-64-AVRO in the byte order of single-object encoding.
    """

    name: str
    fullname: str
    group: str
    version: int | None
    raw: dict[str, Any] = field(repr=False)
    parsed: Any = field(repr=False)
    fingerprint: bytes

    @classmethod
    def of(cls, raw: dict[str, Any], *, group: str, version: int | None = None) -> SchemaInfo:
        """The schema of a self-contained definition.

        Raises:
            SchemaError: it is not a valid Avro record.
        """
        try:
            name = raw["name"]
            fullname = _fullname(name, raw.get("namespace", ""))
            parsed = parse_schema(without_logical_types(raw), named_schemas={})
            digest = canonical_fingerprint(raw)
        except Exception as error:  # fastavro raises many kinds for what is no schema
            raise SchemaError(f"not a valid Avro record ({group}): {error!r}") from error
        return cls(fullname.rpartition(".")[2], fullname, group, version, raw, parsed, digest)


class SchemaSet:
    """All schemas under one folder, today's and released."""

    def __init__(self, root: Traversable) -> None:
        definitions: dict[str, dict[str, Any]] = {}
        groups: dict[str, str] = {}
        paths: dict[str, str] = {}
        for group in GROUPS:
            for path in _avsc_files(root.joinpath(group)):
                raw = _load(path)
                fullname = _fullname(str(raw.get("name", "")), str(raw.get("namespace", "")))
                if fullname in definitions:
                    raise SchemaError(f"{path}: {fullname} is defined twice; remove one")
                definitions[fullname] = raw
                groups[fullname] = group
                paths[fullname] = str(path).removeprefix(str(root)).lstrip("/\\")
        self.sources: Mapping[str, dict[str, Any]] = definitions
        """The definitions as they are in the files, by full name."""
        self.paths: Mapping[str, str] = paths
        """Their files below the root, by full name."""
        self._by_name: dict[str, SchemaInfo] = {}
        self._current: dict[str, SchemaInfo] = {}
        for fullname, raw in sorted(definitions.items()):
            info = SchemaInfo.of(self_contained(raw, definitions), group=groups[fullname])
            if info.name in self._by_name:
                other = self._by_name[info.name].fullname
                raise SchemaError(f"{info.fullname} and {other} share a name; rename one")
            self._by_name[info.name] = info
            self._current[info.fullname] = info
        self._released = tuple(_released(root.joinpath(RELEASED), groups))
        self._by_fingerprint: dict[bytes, SchemaInfo] = {}
        for info in (*self._released, *self._current.values()):  # today's wins over its copy
            self._by_fingerprint[info.fingerprint] = info

    def __iter__(self) -> Iterator[SchemaInfo]:
        """Today's schemas, by full name."""
        return iter(self._current.values())

    def get(self, name: str) -> SchemaInfo | None:
        """Today's schema by its name or full name."""
        return self._by_name.get(name) or self._current.get(name)

    def schema(self, name: str) -> SchemaInfo:
        """Today's schema by its name or full name; raises `SchemaError` if there is none."""
        info = self.get(name)
        if info is None:
            raise SchemaError(f"there is no schema {name!r} under schemas/")
        return info

    def in_group(self, group: str) -> tuple[SchemaInfo, ...]:
        """Today's schemas of one of `GROUPS`."""
        return tuple(info for info in self if info.group == group)

    def released(self, fullname: str | None = None) -> tuple[SchemaInfo, ...]:
        """Released versions, oldest first, of one record or of all."""
        return tuple(i for i in self._released if fullname is None or i.fullname == fullname)

    def by_fingerprint(self, digest: bytes) -> SchemaInfo | None:
        """The schema, of today or released, with this fingerprint."""
        return self._by_fingerprint.get(digest)


def schemas_root() -> Traversable:
    """The folder of the schemas: in the installed package, else in the source tree.

    Raises:
        SchemaError: there is neither.
    """
    packaged = files("ccstream").joinpath("schemas")
    if packaged.is_dir():
        return packaged
    tree = Path(__file__).parents[3] / "schemas"
    if tree.is_dir():
        return tree
    raise SchemaError("the schemas are not installed; reinstall the ccstream package")


@lru_cache(maxsize=1)
def default_schemas() -> SchemaSet:
    """The schemas of this installation, read once."""
    return SchemaSet(schemas_root())


def schema(name: str) -> SchemaInfo:
    """Today's schema by its name or full name; raises `SchemaError` if there is none."""
    return default_schemas().schema(name)


def canonical_fingerprint(raw: str | list[Any] | dict[Any, Any]) -> bytes:
    """CRC-64-AVRO of the parsing canonical form: 8 bytes, least significant first.

    As the Avro specification has it ("Schema Fingerprints"), with its table made once: fastavro
    makes it for each schema, which was half of what reading the schemas cost each process.
    """
    crc = _CRC_EMPTY
    for byte in to_parsing_canonical_form(raw).encode():
        crc = (crc >> 8) ^ _CRC_TABLE[(crc ^ byte) & 0xFF]
    return crc.to_bytes(8, "little")


def without_logical_types(raw: Any) -> Any:
    """The same schema in plain types, so that times are read as integers."""
    if isinstance(raw, dict):
        plain = {k: without_logical_types(v) for k, v in raw.items() if k != "logicalType"}
        return plain["type"] if set(plain) == {"type"} else plain
    if isinstance(raw, list):
        return [without_logical_types(item) for item in raw]
    return raw


def self_contained(
    raw: dict[str, Any], definitions: Mapping[str, dict[str, Any]]
) -> dict[str, Any]:
    """The record with each reference to another file replaced, where it is first used."""
    seen: set[str] = set()

    def expand(node: Any, namespace: str) -> Any:
        if isinstance(node, str):
            fullname = _fullname(node, namespace)
            if fullname in seen or fullname not in definitions:
                return node
            return expand(definitions[fullname], "")
        if isinstance(node, list):
            return [expand(item, namespace) for item in node]
        if not isinstance(node, dict):
            return node
        kind = node.get("type")
        if kind in _NAMED:
            namespace = str(node.get("namespace", namespace))
            seen.add(_fullname(str(node["name"]), namespace))
        if kind == "record":
            fields = [{**f, "type": expand(f["type"], namespace)} for f in node["fields"]]
            return {**node, "fields": fields}
        if kind == "array":
            return {**node, "items": expand(node["items"], namespace)}
        if kind == "map":
            return {**node, "values": expand(node["values"], namespace)}
        return node

    expanded: dict[str, Any] = expand(raw, "")
    return expanded


def _fullname(name: str, namespace: str) -> str:
    return name if "." in name or not namespace else f"{namespace}.{name}"


def _avsc_files(folder: Traversable) -> Iterator[Traversable]:
    if not folder.is_dir():
        return
    for entry in sorted(folder.iterdir(), key=lambda e: e.name):
        if entry.is_dir():
            yield from _avsc_files(entry)
        elif entry.name.endswith(".avsc"):
            yield entry


def _load(path: Traversable) -> dict[str, Any]:
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SchemaError(f"{path}: not readable as JSON: {error}") from error
    if not isinstance(raw, dict) or raw.get("type") != "record":
        raise SchemaError(f"{path}: must hold one Avro record")
    try:  # as far as this module reads it; the rest is for fastavro to judge
        _fullname(raw["name"], raw.get("namespace", ""))
        for field in raw["fields"]:
            field["name"], field["type"]
    except (KeyError, TypeError) as error:
        raise SchemaError(f"{path}: not a valid Avro record: {error!r}") from error
    return raw


def _released(folder: Traversable, groups: Mapping[str, str]) -> Iterator[SchemaInfo]:
    if not folder.is_dir():
        return
    for entry in sorted(folder.iterdir(), key=lambda e: e.name):
        versions = {int(p.name.removesuffix(".avsc")): p for p in _avsc_files(entry)}
        for number, path in sorted(versions.items()):
            group = groups.get(entry.name, RELEASED)
            info = SchemaInfo.of(_load(path), group=group, version=number)
            if info.fullname != entry.name:
                raise SchemaError(f"{path}: holds {info.fullname}, not {entry.name}")
            yield info
