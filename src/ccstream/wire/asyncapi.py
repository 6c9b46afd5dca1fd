"""The public topics as an AsyncAPI 3.0 document, made from the catalogue and the schemas.

``python -m ccstream.wire.asyncapi > asyncapi.yaml`` writes it anew; a test fails while it is
stale. It describes ccstream's side: it receives events on the channels' topics and sends what
is known on the sync topics.
"""

from __future__ import annotations

import sys
from typing import Any, Final

from ccstream import __version__
from ccstream.errors import DevkitError
from ccstream.wire import headers
from ccstream.wire.catalogue import topics
from ccstream.wire.schemas import SchemaInfo, SchemaSet, default_schemas
from ccstream.wire.topics import TopicKind, TopicSpec

__all__ = ["document", "text"]

_PUBLIC: Final[tuple[TopicKind, ...]] = ("input", "sync", "signals", "insight", "rejected")
"""Letters, owners and changelogs are the workers' own matter."""

_AVRO: Final = "application/vnd.apache.avro+json;version=1.9.0"

_DESCRIPTION: Final = (
    "Channels publish events, ccstream publishes what is now known. Every value is Avro: "
    "single-object encoding (C3 01, 8 bytes fingerprint CRC-64-AVRO, record) or, with a schema "
    "registry, Confluent's wire format (00, 4 bytes schema id, record). The Kafka key is the "
    "event's subject in UTF-8, its partition that of Kafka's Java client (murmur2). A record on "
    "a sync topic whose ccstream-epoch is lower than the highest seen on its partition is to be "
    "dropped; a null value there says that the row is gone."
)

_HEADERS: Final[dict[str, tuple[str, str]]] = {
    headers.CE_SPECVERSION: ("1.0", "Version of CloudEvents."),
    headers.CE_ID: ("", "For an event its event_id; for a sync record made from its version."),
    headers.CE_TYPE: ("", "Full name of the record's schema."),
    headers.CE_SOURCE: ("", "URI reference: channel and source, or the application."),
    headers.CE_TIME: ("", "When it happened; for a sync record, when its cause was appended."),
    headers.CONTENT_TYPE: (headers.CONTENT_TYPE_AVRO, "How the value is encoded."),
}


def document(schemas: SchemaSet | None = None) -> dict[str, Any]:
    """The document as plain dicts and lists."""
    known = schemas or default_schemas()
    specs = [spec for spec in topics("ccstream") if spec.kind in _PUBLIC]
    carried = {name for spec in specs for name in spec.schemas}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "ccstream",
            "version": __version__,
            "description": _DESCRIPTION,
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": headers.CONTENT_TYPE_AVRO,
        "channels": {_identifier(spec): _channel(spec) for spec in specs},
        "operations": {
            f"{'receive' if spec.kind == 'input' else 'send'}_{_identifier(spec)}": {
                "action": "receive" if spec.kind == "input" else "send",
                "channel": {"$ref": f"#/channels/{_identifier(spec)}"},
                "summary": spec.summary,
            }
            for spec in specs
        },
        "components": {
            "messages": {info.name: _message(info) for info in map(known.schema, sorted(carried))},
            "messageTraits": {
                "event": {"headers": _header_schema(sync=False)},
                "sync": {"headers": _header_schema(sync=True)},
            },
        },
    }


def text(schemas: SchemaSet | None = None) -> str:
    """The document as YAML, ready to be a file.

    Raises:
        DevkitError: PyYAML is not installed.
    """
    try:
        import yaml
    except ImportError as error:
        raise DevkitError("writing asyncapi.yaml needs PyYAML: install pyyaml") from error

    head = "# Made by `python -m ccstream.wire.asyncapi`; do not edit.\n"
    body: str = yaml.safe_dump(document(schemas), sort_keys=False, allow_unicode=True, width=96)
    return head + body


def _identifier(spec: TopicSpec) -> str:
    return spec.name.replace(".", "_")


def _channel(spec: TopicSpec) -> dict[str, Any]:
    config: dict[str, Any] = {"cleanup.policy": [spec.setting("cleanup.policy")]}
    for name in ("retention.ms", "delete.retention.ms", "max.message.bytes"):
        value = spec.setting(name)
        if value is not None:
            config[name] = int(value)
    names = [fullname.rpartition(".")[2] for fullname in spec.schemas]
    return {
        "address": spec.name,
        "description": spec.summary,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
        "bindings": {"kafka": {"topicConfiguration": config, "bindingVersion": "0.5.0"}},
    }


def _message(info: SchemaInfo) -> dict[str, Any]:
    trait = {"events": "event", "sync": "sync"}.get(info.group)
    key = {"type": "string", "description": "The subject, or what identifies the row, in UTF-8."}
    message: dict[str, Any] = {
        "name": info.fullname,
        "title": info.name,
        "summary": info.raw["doc"],
        "contentType": headers.CONTENT_TYPE_AVRO,
        "payload": {"schemaFormat": _AVRO, "schema": info.raw},
        "bindings": {"kafka": {"key": key, "bindingVersion": "0.5.0"}},
    }
    if trait is not None:
        message["traits"] = [{"$ref": f"#/components/messageTraits/{trait}"}]
    return message


def _header_schema(*, sync: bool) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    for name, (constant, description) in _HEADERS.items():
        properties[name] = {"type": "string", "description": description}
        if constant:
            properties[name]["const"] = constant
    properties[headers.TRACEPARENT] = {
        "type": "string",
        "description": "W3C trace context, carried from an event to what it causes.",
    }
    required = []
    if sync:
        properties[headers.EPOCH] = {
            "type": "string",
            "pattern": "^[0-9]{1,7}$",
            "description": "The ownership epoch of the partition.",
        }
        required = [headers.EPOCH]
    schema: dict[str, Any] = {"type": "object", "properties": properties}
    if required:
        schema["required"] = required
    return schema


if __name__ == "__main__":
    sys.stdout.write(text())
