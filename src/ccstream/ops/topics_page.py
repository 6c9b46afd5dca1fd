"""docs/topics.md: each kind of topic, how it is set and why, from the catalogue."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Final

from ccstream.ops.settings import Settings
from ccstream.ops.topics import specs_of

__all__ = ["topics_page"]

_HEAD: Final = """\
<!-- Generated from src/ccstream/wire/catalogue.py by `python -m ccstream.ops.reference docs`. -->

# Topics

As `ccstream topics apply` makes them, with the application id `ccstream`. `ccstream topics plan`
shows what is otherwise in a cluster, `ccstream topics apply --alter-config` mends it, and
`ccstream doctor` says which of it matters. All have `kafka.partitions` partitions but the owners',
which has one; `kafka.replication_factor` copies; and `min.insync.replicas` one less: one broker may
be away, and nothing that was acknowledged is lost.
"""


def topics_page() -> str:
    """The page."""
    return "".join((_HEAD, *_sections()))


def _sections() -> Iterator[str]:
    specs = sorted(specs_of(Settings()), key=lambda spec: spec.kind)
    for kind, of_kind in groupby(specs, lambda spec: spec.kind):
        topics = list(of_kind)
        yield f"\n## {kind}\n\n| topic | what it is |\n|---|---|\n"
        for topic in topics:
            yield f"| `{topic.name}` | {topic.summary} |\n"
        yield "\n| setting | value | why |\n|---|---|---|\n"
        for setting in topics[0].settings:
            yield f"| `{setting.name}` | `{setting.value}` | {setting.reason} |\n"
