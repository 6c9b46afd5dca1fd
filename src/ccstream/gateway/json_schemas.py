"""Avro schemas as JSON Schema (2020-12): what the events' JSON looks like, for OpenAPI."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ccstream.wire.schemas import SchemaSet

__all__ = ["object_schema", "record_name"]

PRIMITIVES: Final[Mapping[str, Mapping[str, Any]]] = {
    "string": {"type": "string"},
    "boolean": {"type": "boolean"},
    "int": {"type": "integer", "format": "int32"},
    "long": {"type": "integer", "format": "int64"},
    "bytes": {
        "type": "string",
        "pattern": "^([0-9a-fA-F]{2})*$",
        "description": "Bytes as hexadecimal text.",
    },
}


def object_schema(schemas: SchemaSet, fullname: str, without: frozenset[str]) -> dict[str, Any]:
    """The JSON Schema of a record.

    Args:
        schemas: where the record, and those within it, are defined.
        fullname: of the record.
        without: fields that are stated elsewhere.
    """
    record = schemas.sources[fullname]
    fields = [field for field in record["fields"] if field["name"] not in without]
    properties = {field["name"]: _field(field) for field in fields}
    schema: dict[str, Any] = {
        "type": "object",
        "description": record["doc"],
        "properties": properties,
        "additionalProperties": False,
    }
    required = [field["name"] for field in fields if "default" not in field]
    if required:
        schema["required"] = required
    return schema


def record_name(fullname: str) -> str:
    """The name of a record among OpenAPI's components."""
    return fullname.rpartition(".")[2]


def _field(field: Mapping[str, Any]) -> dict[str, Any]:
    schema = _schema(field["type"])
    return {**schema, "description": field["doc"]}


def _schema(avro: Any) -> dict[str, Any]:
    if isinstance(avro, list):
        options = [option for option in avro if option != "null"]
        (only,) = map(_schema, options)
        return {"anyOf": [only, {"type": "null"}]} if "null" in avro else only
    if isinstance(avro, Mapping):
        if avro["type"] == "array":
            return {"type": "array", "items": _schema(avro["items"])}
        return _schema(avro["type"])
    if avro in PRIMITIVES:
        return dict(PRIMITIVES[avro])
    return {"$ref": f"#/components/schemas/{record_name(avro)}"}
