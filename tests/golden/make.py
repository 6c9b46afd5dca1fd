"""Writes golden bytes for released schemas that have none yet: ``python -m tests.golden.make``.

Never changes what is there: bytes of a release must be readable for ever as they were.
"""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path
from typing import Any

from fastavro import schemaless_writer

from ccstream.wire.framing import single_object_prefix
from ccstream.wire.schemas import SchemaInfo, default_schemas

__all__ = ["FOLDER", "golden_file", "plain"]

FOLDER = Path(__file__).parent

_SIZES = {"event_uuid": 16}
"""Of bytes that are not of any number."""


def golden_file(release: SchemaInfo) -> Path:
    """Where the bytes of a released version are."""
    return FOLDER / release.fullname / f"{release.version}.json"


def plain(value: Any) -> Any:
    """A decoded value as JSON has it, bytes as hexadecimal text."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


class _Sampler:
    """Values for a schema, all different, so that two fields swapped would show."""

    def __init__(self, parsed: Any, *, full: bool) -> None:
        self._named = parsed.get("__named_schemas", {})
        self._full = full
        self._count = 0

    def value(self, kind: Any, name: str = "") -> Any:
        self._count += 1
        if isinstance(kind, list):
            return self.value(kind[-1 if self._full else 0], name)
        if isinstance(kind, dict):
            if kind["type"] == "record":
                return {f["name"]: self.value(f["type"], f["name"]) for f in kind["fields"]}
            if kind["type"] == "array":
                return [self.value(kind["items"], name) for _ in range(2 if self._full else 0)]
            return self.value(kind["type"], name)
        if kind in self._named:
            return self.value(self._named[kind], name)
        return {
            "null": None,
            "string": f"{name}-{self._count} é✓",
            "bytes": bytes([self._count % 256, 0, 255, *range(_SIZES.get(name, 3) - 3)]),
            "int": self._count,
            "long": self._count if self._count % 2 else 1_767_225_600_000 + self._count,
            "boolean": bool(self._count % 2),
        }[kind]


def _golden(release: SchemaInfo) -> list[dict[str, Any]]:
    records = []
    for full in (True, False):
        fields = _Sampler(release.parsed, full=full).value(release.parsed)
        out = BytesIO()
        schemaless_writer(out, release.parsed, fields)
        framed = single_object_prefix(release) + out.getvalue()
        records.append({"bytes": framed.hex(), "fields": plain(fields)})
    return records


def main() -> None:
    for release in default_schemas().released():
        file = golden_file(release)
        if not file.exists():
            file.parent.mkdir(exist_ok=True)
            text = json.dumps(_golden(release), ensure_ascii=False, indent=1)
            file.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
