"""What a schema file must keep to: documentation, names, and what was released before.

`check_schemas` needs no network and no registry. Compatibility is FULL_TRANSITIVE, judged by
Apache Avro's own checker: today's schema must read what every released version wrote, and
every released version must read what today's writes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any, Final

from ccstream.errors import DevkitError
from ccstream.wire.schemas import SchemaInfo, SchemaSet

__all__ = ["COMMON_FIELDS", "Finding", "check_schemas", "incompatibilities"]

COMMON_FIELDS: Final = 8
"""Every event begins with the same fields: `ccstream.domain.events.Event`."""

_RECORD = re.compile(r"[A-Z][A-Za-z0-9]*")
_FIELD = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_NAMESPACE = re.compile(r"ccstream\.[a-z]+(_[a-z]+)*\.v[1-9][0-9]*")


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One rule that a schema breaks; ``rule`` is a word, ``sentence`` says where and how."""

    fullname: str
    rule: str
    sentence: str


def check_schemas(schemas: SchemaSet) -> tuple[Finding, ...]:
    """Every rule that the schemas break, sorted; none if all is well.

    Raises:
        DevkitError: Apache Avro's checker is not installed.
    """
    found: list[Finding] = []
    for info in schemas:
        source = schemas.sources[info.fullname]
        problems = [
            *_documentation(source),
            *_names(source),
            *_place(info, schemas.paths[info.fullname]),
            *_types(source),
        ]
        for release in schemas.released(info.fullname):
            problems += [("compatibility", s) for s in incompatibilities(info, release)]
        found += [Finding(info.fullname, *problem) for problem in problems]
    found += _beginnings(schemas)
    found += _gone(schemas)
    return tuple(sorted(found))


def incompatibilities(today: SchemaInfo, release: SchemaInfo) -> list[str]:
    """Why the two cannot read each other's records; empty if each reads the other's.

    Raises:
        DevkitError: Apache Avro's checker is not installed.
    """
    try:
        from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType
        from avro.schema import parse
    except ImportError as error:
        raise DevkitError(
            "checking schemas needs Apache Avro's checker: install `ccstream[schemas]`"
        ) from error
    # validated by fastavro already, which knows of more logical types than this package
    new, old = (parse(json.dumps(i.raw), validate_enum_symbols=False) for i in (today, release))
    checker: Any = ReaderWriterCompatibilityChecker()  # type: ignore[no-untyped-call]
    sentences = []
    for reader, writer, said in (
        (new, old, f"today's cannot read version {release.version}"),
        (old, new, f"version {release.version} cannot read today's"),
    ):
        result = checker.get_compatibility(reader, writer)
        if result.compatibility is not SchemaCompatibilityType.compatible:
            why = "; ".join(sorted(str(message) for message in result.messages))
            sentences.append(f"{said}: {why}")
    return sentences


Problem = tuple[str, str]


def _documentation(source: dict[str, Any]) -> Iterator[Problem]:
    for record in _records(source):
        if not str(record.get("doc", "")).strip():
            yield "documentation", f"{record['name']} has no doc"
        for field in record["fields"]:
            if not str(field.get("doc", "")).strip():
                yield "documentation", f"{record['name']}.{field['name']} has no doc"


def _names(source: dict[str, Any]) -> Iterator[Problem]:
    namespace = str(source.get("namespace", ""))
    if _NAMESPACE.fullmatch(namespace) is None:
        yield "names", f"the namespace {namespace!r} is not ccstream.<context>.v<number>"
    for record in _records(source):
        if _RECORD.fullmatch(record["name"]) is None:
            yield "names", f"{record['name']} is not in PascalCase"
        for field in record["fields"]:
            if _FIELD.fullmatch(field["name"]) is None:
                yield "names", f"{record['name']}.{field['name']} is not in snake_case"


def _place(info: SchemaInfo, path: str) -> Iterator[Problem]:
    # what PurePosixPath takes for one name may be a path on Windows
    parts = PureWindowsPath(path).parts if "\\" in path else PurePosixPath(path).parts
    if parts[-1] != f"{info.name}.avsc":
        yield "place", f"{parts[-1]} holds {info.name}"
    context = info.fullname.split(".")[1:2]
    if info.group == "events" and [parts[-2]] != context:
        yield "place", f"the folder {parts[-2]} holds an event of the context {context[0]}"


def _types(source: dict[str, Any]) -> Iterator[Problem]:
    for record in _records(source):
        for field in record["fields"]:
            name, kind = f"{record['name']}.{field['name']}", field["type"]
            if {"float", "double"} & set(_primitives(kind)):
                yield "types", f"{name} is a floating-point number, which is not exact"
            nullable = isinstance(kind, list)
            if nullable and (kind[:1] != ["null"] or len(kind) != 2):
                yield "types", f"{name} is a union of other than null and one type"
            plain = kind[1] if nullable and len(kind) == 2 else kind
            if field["name"].endswith("_at") and plain != {
                "type": "long",
                "logicalType": "timestamp-millis",
            }:
                yield "types", f"{name} is a time and not a timestamp-millis"


def _beginnings(schemas: SchemaSet) -> Iterator[Finding]:
    events = schemas.in_group("events")
    if not events:
        return
    first = schemas.sources[events[0].fullname]["fields"][:COMMON_FIELDS]
    for event in events[1:]:
        if schemas.sources[event.fullname]["fields"][:COMMON_FIELDS] != first:
            yield Finding(
                event.fullname,
                "common fields",
                f"its first {COMMON_FIELDS} fields are not those of {events[0].fullname}",
            )


def _gone(schemas: SchemaSet) -> Iterator[Finding]:
    for fullname in sorted({release.fullname for release in schemas.released()}):
        if schemas.get(fullname) is None:
            yield Finding(fullname, "compatibility", "was released, and must be readable for ever")


def _records(kind: Any) -> Iterator[dict[str, Any]]:
    """The record and those defined within it."""
    if isinstance(kind, list):
        for branch in kind:
            yield from _records(branch)
    elif isinstance(kind, dict):
        if kind["type"] == "record":
            yield kind
            for field in kind["fields"]:
                yield from _records(field["type"])
        else:
            yield from _records(kind.get("items") or kind.get("values") or [])


def _primitives(kind: Any) -> Iterator[str]:
    if isinstance(kind, str):
        yield kind
    elif isinstance(kind, list):
        for branch in kind:
            yield from _primitives(branch)
    elif isinstance(kind, dict) and kind["type"] != "record":
        yield from _primitives(kind.get("items") or kind.get("values") or kind["type"])
