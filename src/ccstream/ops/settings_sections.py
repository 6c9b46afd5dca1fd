"""The groups of settings: their names, defaults, bounds, and what each is for.

`ccstream.ops.settings` puts them together with that of `ccstream.ops.settings_kafka`;
docs/configuration.md is generated from all.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from ccstream.ops import settings_sources as sources

__all__ = [
    "MINUTE_MS",
    "CartSettings",
    "ChunkSettings",
    "CommitSettings",
    "EngineSettings",
    "GroupSettings",
    "HeartbeatSettings",
    "IdentitySettings",
    "LogSettings",
    "ProfileSettings",
    "RegistrySettings",
    "Section",
    "SignalSettings",
    "StateSettings",
    "TouchSettings",
    "WebSettings",
    "WindowSettings",
    "WireSettings",
]

MINUTE_MS = 60_000


class Section(BaseModel):
    """A group of settings: immutable, closed, and able to take its secrets from files."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    secrets: ClassVar[tuple[str, ...]] = ()
    """Fields that ``<field>_file`` can fill."""

    @model_validator(mode="before")
    @classmethod
    def read_secret_files(cls, given: Any) -> Any:
        return sources.with_secret_files(given, cls.secrets) if isinstance(given, dict) else given


class CommitSettings(Section):
    """When a transaction is closed."""

    interval_ms: int = Field(
        default=200,
        ge=5,
        le=10_000,
        description="Longest between two commits while there is work. Readers of committed records "
        "wait for them; each costs the broker the same however little is in it, and live ones "
        "wait for that.",
    )
    urgent_interval_ms: int = Field(
        default=20, ge=1, le=10_000, description="The same where mail waits for the commit."
    )
    catch_up_interval_ms: int = Field(
        default=500,
        ge=5,
        le=10_000,
        description="The same while the worker is behind, if it is more: fewer, larger "
        "transactions, so that it catches up sooner.",
    )

    @model_validator(mode="after")
    def urgent_must_be_sooner(self) -> Self:
        if self.urgent_interval_ms > self.interval_ms:
            raise ValueError(
                f"urgent_interval_ms {self.urgent_interval_ms} is more than "
                f"interval_ms {self.interval_ms}"
            )
        return self


class ChunkSettings(Section):
    """How much is folded at a time."""

    records_max: int = Field(
        default=500, ge=1, le=100_000, description="Most records in one chunk."
    )
    linger_ms_max: int = Field(
        default=2,
        ge=0,
        le=1_000,
        description="Longest that the loop waits, under load, for a fuller chunk.",
    )


class EngineSettings(Section):
    """The thread that folds."""

    stall_timeout_ms: int = Field(
        default=60_000,
        ge=1_000,
        le=60 * MINUTE_MS,
        description="A worker that has records to fold and folds none for so long says why, and "
        "ends with exit code 9 for its supervisor to restart it.",
    )


class StateSettings(Section):
    """The tables' rows."""

    store: Literal["memory", "rocksdb"] = Field(
        default="memory",
        description="Where rows are kept: `memory`, read anew from the changelogs at each start, "
        "or `rocksdb`, files in `directory`, where only what was missed is read.",
    )
    directory: Path = Field(
        default=Path("ccstream-state"),
        description="Folder of the store `rocksdb`, one for each worker: two never share one; of "
        "several processes each has a folder in it. It holds customers' data, as changelogs do.",
    )
    memory_max_bytes: int = Field(
        default=256 << 20,
        ge=16 << 20,
        le=1 << 40,
        description="Most memory that the store `rocksdb` takes for all its partitions together: "
        "blocks that were read, and rows that are not in files yet.",
    )
    standby_replicas: int = Field(
        default=0,
        ge=0,
        le=8,
        description="Workers that follow each partition beside the one that owns it, so as to take "
        "it over without a restore. The same for all workers.",
    )
    cache_rows_max: int = Field(
        default=8_192,
        ge=64,
        le=10_000_000,
        description="Most decoded rows kept beside the encoded ones, or the files.",
    )
    roll_interval_ms: int = Field(
        default=25 * 60 * MINUTE_MS,
        ge=1_000,
        le=36 * 60 * MINUTE_MS,
        description="How often a worker writes to each compacted topic of its partitions, whatever "
        "comes: Kafka compacts no segment that is written to, and one ends with the first write "
        "after its `segment.ms` (a day). Where nothing came any more, what was deleted would stay "
        "on the brokers' disks. At most a third of `privacy.erasure_deadline_ms` is taken.",
    )


class GroupSettings(Section):
    """The workers' consumer group."""

    session_timeout_ms: int = Field(
        default=10_000,
        ge=1_000,
        le=30 * MINUTE_MS,
        description="Silence after which a worker is dead.",
    )
    heartbeat_interval_ms: int = Field(
        default=500,
        ge=100,
        le=10 * MINUTE_MS,
        description="Between two signs of life. Members hear of a rebalance by the answer, so that "
        "nobody folds for up to as long.",
    )
    rebalance_timeout_ms: int = Field(
        default=10_000,
        ge=1_000,
        le=10 * MINUTE_MS,
        description="How long members have to give partitions up; half of it is for the last "
        "commit.",
    )
    max_poll_interval_ms: int = Field(
        default=300_000,
        ge=5_000,
        le=60 * MINUTE_MS,
        description="Longest between two polls of the group's consumer.",
    )
    instance_id: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9._-]{1,200}$",
        description="Static membership: a name that is the same after a restart, so that a "
        "restart is no rebalance. Two workers never share one.",
    )

    @model_validator(mode="after")
    def heartbeats_must_fit(self) -> Self:
        if self.heartbeat_interval_ms * 3 > self.session_timeout_ms:
            raise ValueError(
                f"heartbeat_interval_ms {self.heartbeat_interval_ms} must be at most a third of "
                f"session_timeout_ms {self.session_timeout_ms}, or one lost packet ends a session"
            )
        return self


class WebSettings(Section):
    """The worker's own HTTP server: `/metrics`, `/livez`, `/readyz`, and gateways' questions."""

    host: str = Field(
        default="127.0.0.1", min_length=1, max_length=255, description="Address to listen on."
    )
    port: int = Field(
        default=6066, ge=0, le=65_535, description="Port; 0 takes a free one and logs it."
    )
    advertised_host: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9._:-]{1,255}$",
        description="The name or address by which gateways reach this worker, to ask for rows; "
        "`host` if not set, or this machine's name where that is every address. In Kubernetes "
        "the pod's IP.",
    )


class HeartbeatSettings(Section):
    """What `ccstream heartbeat` does; workers know nothing of it."""

    interval_ms: int = Field(
        default=5_000,
        ge=100,
        le=10 * MINUTE_MS,
        description="Between two beats. Each is four events for every channel, in one partition.",
    )
    timeout_ms: int = Field(
        default=10_000,
        ge=100,
        le=MINUTE_MS,
        description="What has not come back by then is missed.",
    )


class CartSettings(Section):
    """What a basket is."""

    lines_max: int = Field(
        default=1_000,
        ge=1,
        le=1_000,
        description="Most lines in a basket; the next is rejected.",
    )


class SignalSettings(Section):
    """What is signalled without anybody doing anything."""

    cart_abandoned_after_ms: int = Field(
        default=0,
        ge=0,
        le=365 * 24 * 60 * MINUTE_MS,
        description="A basket that has not changed for so long is published on `sync.signals.v1` "
        "as abandoned, once; 3,600,000 is an hour. 0: none is. The same for all workers.",
    )


class IdentitySettings(Section):
    """What identifiers are, and what becomes of those that meet."""

    secrets = ("contact_key",)

    cart_merge: Literal["join", "max", "sum", "keep_saved", "keep_guest"] = Field(
        default="join",
        description="What is shown of the baskets of guest and account at a log-in: `join` both "
        "as if put into one, `sum` both quantities of a line, `max` the larger, `keep_saved` or "
        "`keep_guest` that one unless it is empty. The same for all workers of an application.",
    )
    rules: Path | None = Field(
        default=None,
        description="A TOML file with the classes of identifiers, blocked values and limits, in "
        "place of the one in the package; docs/identity.md explains it. The same for all workers.",
    )
    contact_key: SecretStr | None = Field(
        default=None,
        description="The key by which clients hash contact points, at least 32 characters; see "
        "docs/identity.md. Workers need none.",
    )


class ProfileSettings(Section):
    """How the traits of a profile are decided."""

    policies: Path | None = Field(
        default=None,
        description="A TOML file with a policy for each trait; docs/semantics.md explains it. "
        "Without one the latest statement of every trait holds. The same for all workers.",
    )


class TouchSettings(Section):
    """What last touch looks at."""

    lookback_days: int = Field(
        default=90, ge=1, le=730, description="How far back the path of touches goes."
    )


class WindowSettings(Section):
    """How repeated events are known, for each subject and source."""

    ids_max: int = Field(
        default=1_024, ge=64, le=1_024, description="Most recent event ids that are remembered."
    )
    horizon_days: int = Field(
        default=30,
        ge=1,
        le=36_500,
        description="An event older than this when it arrives is too late.",
    )


class WireSettings(Section):
    """How events are written. Both framings are always read."""

    framing: Literal["single_object", "confluent"] = Field(
        default="single_object",
        description="`single_object` needs no registry; `confluent` needs `registry.url`.",
    )


class RegistrySettings(Section):
    """A schema registry that speaks the Confluent API."""

    secrets = ("password",)

    url: str | None = Field(
        default=None,
        pattern=r"^(https?|mock)://\S+$",
        description="Its address; `mock://name` is one inside the process.",
    )
    username: str | None = Field(default=None, description="User for HTTP basic authentication.")
    password: SecretStr | None = Field(default=None, description="Password for it.")


class LogSettings(Section):
    """What goes to standard error."""

    format: Literal["auto", "json", "console"] = Field(
        default="auto", description="`auto` is `console` on a terminal and `json` elsewhere."
    )
    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="The least level that is written."
    )
