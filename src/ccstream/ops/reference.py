"""Writes docs/configuration.md, metrics.md, topics.md and the diagram of docs/architecture.md.

Each is made from the code that it describes.

``python -m ccstream.ops.reference docs`` writes them; a test fails when they are stale.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from ccstream.ops.diagram import with_diagram
from ccstream.ops.metrics import METRICS, MetricSpec
from ccstream.ops.settings import Settings
from ccstream.ops.settings_sources import env_name
from ccstream.ops.topics_page import topics_page

__all__ = ["DIAGRAMMED", "PAGES", "configuration_page", "metrics_page"]

CONFIGURATION_HEAD = """\
<!-- Generated from src/ccstream/ops/settings.py by `python -m ccstream.ops.reference docs`. -->

# Configuration

Every command of `ccstream` reads the same settings, from the first of these that names one:

1. the command line (`--bootstrap`, `--app-id`, …);
2. the environment: `CCSTREAM_KAFKA__BOOTSTRAP` sets `kafka.bootstrap`;
3. a TOML file: the one that `CCSTREAM_CONFIG` names, else `ccstream.toml` in the working
   directory;
4. the default below.

```toml
# ccstream.toml
app_id = "ccstream"

[kafka]
bootstrap = "kafka-1:9092,kafka-2:9092,kafka-3:9092"
partitions = 48
replication_factor = 3
```

A name that is not listed here stops the command with the nearest name that is; so does a value
out of its bounds. An empty environment variable counts as not set. A secret can be given as a
file: `sasl_password_file` for `sasl_password`. Secrets are never logged or printed.

The number of partitions, `app_id` and the window settings belong to the stored state: all
workers of one application have the same.
"""

METRICS_HEAD = """\
<!-- Generated from src/ccstream/ops/metrics.py by `python -m ccstream.ops.reference docs`. -->

# Metrics

A worker serves these on `http://<web.host>:<web.port>/metrics`, beside the process's own
(`process_…`, `python_…`); a gateway serves those that begin with `ccstream_gateway_` on its own
address. Labels never hold a customer's key. A `channel` that is not configured is counted as
`other`. Dashboards under `deploy/` use nothing that is not in this table.

| metric | kind | unit | labels | meaning |
|---|---|---|---|---|
"""


def configuration_page() -> str:
    """docs/configuration.md: each setting with its default, bounds and meaning."""
    schema = Settings.model_json_schema()
    parts = [CONFIGURATION_HEAD, "\n## General\n\n", _table(Settings, (), schema)]
    for name, field in Settings.model_fields.items():
        section = field.annotation
        if isinstance(section, type) and issubclass(section, BaseModel):
            title = (section.__doc__ or "").strip()
            parts += [
                f"\n## `{name}`\n\n{title}\n\n",
                _table(section, (name,), schema["$defs"][section.__name__]),
            ]
    return "".join(parts)


def _table(model: type[BaseModel], above: tuple[str, ...], schema: dict[str, Any]) -> str:
    lines = ["| setting | environment | default | takes | meaning |", "|---|---|---|---|---|"]
    secrets = getattr(model, "secrets", ())
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            continue
        path = (*above, name)
        given = "yes" if field.default is not None and field.default != () else ""
        default = f"`{field.default}`" if given else ""
        meaning = field.description or ""
        if name in secrets:
            meaning += f" Or `{name}_file`: a file to read it from."
        takes = _takes(schema["properties"][name])
        cells = (f"`{'.'.join(path)}`", f"`{env_name(path)}`", default, takes, meaning)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _takes(schema: dict[str, Any]) -> str:
    options = [option for option in schema.get("anyOf", [schema]) if option.get("type") != "null"]
    return ", ".join(_takes_one(option) for option in options)


def _takes_one(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if schema.get("type") == "integer":
        return f"{schema['minimum']:,} to {schema['maximum']:,}"
    if schema.get("format") == "password":
        return "secret"
    if schema.get("format") == "path":
        return "path"
    if schema.get("type") == "array":
        return "list"
    return "text"


def metrics_page() -> str:
    """docs/metrics.md: the table of metrics."""
    rows = "".join(_metric_row(spec) for spec in METRICS.values())
    histograms = "".join(
        f"- `{spec.name}`: {', '.join(f'{edge:g}' for edge in spec.buckets)}\n"
        for spec in METRICS.values()
        if spec.buckets
    )
    return f"{METRICS_HEAD}{rows}\n## Buckets\n\nUpper edges, inclusive.\n\n{histograms}"


def _metric_row(spec: MetricSpec) -> str:
    labels = ", ".join(f"`{label}`" for label in spec.labels)
    return f"| `{spec.name}` | {spec.kind} | {spec.unit} | {labels} | {spec.help} |\n"


DIAGRAMMED = "architecture.md"

PAGES = {
    "configuration.md": configuration_page,
    "metrics.md": metrics_page,
    "topics.md": topics_page,
}


def write(folder: Path) -> Iterator[Path]:
    """Write each page that is not what it should be, and yield its path."""
    diagrammed = folder / DIAGRAMMED
    pages = {name: page() for name, page in PAGES.items()}
    if diagrammed.exists():  # what is around the diagram is written by hand
        pages[DIAGRAMMED] = with_diagram(diagrammed.read_text(encoding="utf-8"))
    for name, text in pages.items():
        path = folder / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            yield path


if __name__ == "__main__":
    for written in write(Path(sys.argv[1])):
        sys.stderr.write(f"wrote {written}\n")
