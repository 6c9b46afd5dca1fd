"""What a topic is to ccstream, and how each kind of topic is set, with the reasons.

`catalogue.topics` lists the topics themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

__all__ = [
    "DAY_MS",
    "DELETE_RETENTION_MS",
    "ERASED_WITHIN_MS",
    "MESSAGE_BYTES_MAX",
    "RETENTION_MS",
    "ROOM_BYTES",
    "SETTINGS",
    "STALE_AFTER_MS",
    "Setting",
    "TopicKind",
    "TopicSpec",
]

TopicKind = Literal[
    "input", "mail", "sync", "signals", "insight", "changelog", "rejected", "owners", "audit"
]

_HOUR_MS: Final = 60 * 60 * 1000
DAY_MS: Final = 24 * _HOUR_MS

DELETE_RETENTION_MS: Final = 14 * DAY_MS
"""How long a compacted topic keeps a tombstone after compaction."""

STALE_AFTER_MS: Final = DELETE_RETENTION_MS // 2
"""A copy of a compacted topic that was last current longer ago may have missed tombstones:
it is to be thrown away and built again. Half, so that reading may take as long once more."""

RETENTION_MS: Final = 7 * DAY_MS
"""How long inputs and mail keep a record: as long as Kafka keeps a stopped group's offsets,
without which the worker refuses to start."""

ERASED_WITHIN_MS: Final = RETENTION_MS + 3 * DAY_MS
"""When an erased person is gone from all logs but the dead letters: inputs and mail keep a record
for 7 days, compacted topics what was deleted as long. A segment may be written to for two days more
before it ends, brokers look for such ones now and then, and most of a day is to spare."""

MESSAGE_BYTES_MAX: Final = 1_000_000
"""The largest record unless configured otherwise: below the brokers' own 1,048,588."""

ROOM_BYTES: Final = 64 * 1024
"""What the topics that workers write take above that: a letter's envelope, headers, framing."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One topic setting of Kafka's, and why it has this value."""

    name: str
    value: str
    reason: str


def _daily() -> Setting:
    return Setting(
        "segment.ms",
        str(DAY_MS),
        "a segment goes as a whole, so one that stays open for a week keeps a record twice as long",
    )


def _append_time() -> Setting:
    return Setting(
        "message.timestamp.type",
        "LogAppendTime",
        "the broker's clock decides what is late and what comes first, not a till's",
    )


def _delete(retention_ms: int, reason: str) -> tuple[Setting, ...]:
    return (
        Setting("cleanup.policy", "delete", "each record is a fact of its own"),
        Setting("retention.ms", str(retention_ms), reason),
    )


def _compact(min_lag_ms: int, min_lag_reason: str) -> tuple[Setting, ...]:
    return (
        Setting("cleanup.policy", "compact", "the last record of a key is its row"),
        Setting(
            "delete.retention.ms",
            str(DELETE_RETENTION_MS),
            "a copy that was away for up to half of this still hears of every deletion",
        ),
        Setting("min.compaction.lag.ms", str(min_lag_ms), min_lag_reason),
        Setting(
            "max.compaction.lag.ms",
            str(7 * DAY_MS),
            "what was deleted or replaced is gone from the disk within a known time",
        ),
        Setting(
            "segment.ms",
            str(DAY_MS),
            "the segment being written is never compacted, so it must not stay open for weeks",
        ),
        Setting(
            "min.cleanable.dirty.ratio", "0.1", "restoring and bootstrapping read little twice"
        ),
    )


SETTINGS: Mapping[TopicKind, tuple[Setting, ...]] = {
    "input": (
        *_delete(RETENTION_MS, "a worker may be down for a week; then its offsets are gone too"),
        _daily(),
        _append_time(),
    ),
    "mail": (
        *_delete(RETENTION_MS, "as inputs: a letter is an event that travels once more"),
        _daily(),
        _append_time(),
    ),
    "sync": (
        *_compact(_HOUR_MS, "a reader up to an hour behind sees every change, with its delta"),
        _append_time(),
    ),
    "signals": (
        *_delete(RETENTION_MS, "whoever acts on signals may be down for a week"),
        _daily(),
        _append_time(),
    ),
    "insight": (
        *_delete(RETENTION_MS, "as signals; it names identifiers, so it is gone with the inputs"),
        _daily(),
        _append_time(),
    ),
    "changelog": (
        *_compact(0, "only the last row of a key is ever restored"),
        _append_time(),
    ),
    "rejected": (
        *_delete(30 * DAY_MS, "as long as an event may be late, so that it can be retried"),
        _append_time(),
    ),
    "owners": (
        *_compact(0, "only the last owner of a partition matters"),
        _append_time(),
    ),
    "audit": (
        *_delete(365 * DAY_MS, "who looked at a customer is asked for within a year"),
        _append_time(),
    ),
}
"""The settings of each kind of topic, apart from those that are configured."""


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """One topic of the catalogue.

    ``schemas`` are the full names of the records that it carries. ``number`` is what positions
    and tokens call the topic, for those that are folded.
    """

    name: str
    kind: TopicKind
    summary: str
    schemas: tuple[str, ...]
    settings: tuple[Setting, ...]
    number: int | None = None

    @property
    def single_partition(self) -> bool:
        """Whether it has one partition rather than N."""
        return self.kind == "owners"

    @property
    def compacted(self) -> bool:
        return self.setting("cleanup.policy") == "compact"

    @property
    def message_bytes_max(self) -> int:
        """The largest record batch that the topic takes."""
        return int(self.setting("max.message.bytes") or MESSAGE_BYTES_MAX)

    def partition_count(self, partitions: int) -> int:
        """How many partitions it has where the common count is N."""
        return 1 if self.single_partition else partitions

    def setting(self, name: str) -> str | None:
        """The value of one setting, or None where the broker's default will do."""
        return next((s.value for s in self.settings if s.name == name), None)

    def config(self, replication_factor: int = 1) -> dict[str, str]:
        """The settings for Kafka's admin interface, by name."""
        config = {setting.name: setting.value for setting in self.settings}
        # acknowledged by all but one replica: one broker may be away, and nothing is lost
        config["min.insync.replicas"] = str(max(1, replication_factor - 1))
        return config
