"""Every setting of ccstream, in one model.

Sources, the first that names a setting wins: what the command line gives, the environment
(``CCSTREAM_KAFKA__BOOTSTRAP`` sets ``kafka.bootstrap``), a TOML file (``CCSTREAM_CONFIG``,
else ``ccstream.toml`` in the working directory), the default here. A name that is not here
is an error with the nearest known name, never ignored; a value out of bounds is an error
that names the setting and its bound. Secrets are never printed, and each can be read from a
file instead (``…_file``), as container platforms hand them over.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)
from pydantic_settings import SettingsError as SourceError

from ccstream.errors import SettingsError
from ccstream.ops import settings_sources as sources
from ccstream.ops.settings_errors import Places, refusal
from ccstream.ops.settings_gateway import GatewaySettings
from ccstream.ops.settings_kafka import KafkaSettings
from ccstream.ops.settings_privacy import PrivacySettings
from ccstream.ops.settings_sections import (
    CartSettings,
    ChunkSettings,
    CommitSettings,
    EngineSettings,
    GroupSettings,
    HeartbeatSettings,
    IdentitySettings,
    LogSettings,
    ProfileSettings,
    RegistrySettings,
    SignalSettings,
    StateSettings,
    TouchSettings,
    WebSettings,
    WindowSettings,
    WireSettings,
)
from ccstream.ops.settings_tracing import TracingSettings

__all__ = [
    "CartSettings",
    "ChunkSettings",
    "CommitSettings",
    "EngineSettings",
    "GatewaySettings",
    "GroupSettings",
    "HeartbeatSettings",
    "IdentitySettings",
    "KafkaSettings",
    "LogSettings",
    "PrivacySettings",
    "ProfileSettings",
    "RegistrySettings",
    "Settings",
    "SignalSettings",
    "StateSettings",
    "TouchSettings",
    "TracingSettings",
    "WebSettings",
    "WindowSettings",
    "WireSettings",
]


class Settings(BaseSettings):
    """All settings. `Settings.load()` is the way to make one from the surroundings."""

    model_config = SettingsConfigDict(
        env_prefix=sources.PREFIX,
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        validate_default=True,
        env_ignore_empty=True,
    )

    app_id: str = Field(
        default="ccstream",
        pattern=r"^[a-z0-9][a-z0-9._-]{0,99}$",
        description="The application: its consumer group, and the beginning of its changelogs' "
        "names.",
    )
    delivery: Literal["auto", "transactional", "plain"] = Field(
        default="auto",
        description="`transactional` keeps all that an event causes together; `plain` is for the "
        "embedded broker; `auto` takes the first where the broker has it.",
    )
    channels_extra: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Channels beside the built-in ones, comma separated; each gets an input topic.",
    )
    output_prefix: str = Field(
        default="",
        pattern=r"^([a-z0-9][a-z0-9._-]{0,99}\.)?$",
        description="What the names of the topics for others (sync, signals, dead letters) begin "
        "with; a dot ends it. Workers write there, and `ccstream topics` makes them; "
        "`ccstream rebuild` sets it by itself.",
    )
    kafka: KafkaSettings = Field(default_factory=KafkaSettings)
    commit: CommitSettings = Field(default_factory=CommitSettings)
    chunk: ChunkSettings = Field(default_factory=ChunkSettings)
    engine: EngineSettings = Field(default_factory=EngineSettings)
    state: StateSettings = Field(default_factory=StateSettings)
    group: GroupSettings = Field(default_factory=GroupSettings)
    web: WebSettings = Field(default_factory=WebSettings)
    gateway: GatewaySettings = Field(default_factory=GatewaySettings)
    heartbeat: HeartbeatSettings = Field(default_factory=HeartbeatSettings)
    cart: CartSettings = Field(default_factory=CartSettings)
    identity: IdentitySettings = Field(default_factory=IdentitySettings)
    profile: ProfileSettings = Field(default_factory=ProfileSettings)
    privacy: PrivacySettings = Field(default_factory=PrivacySettings)
    signals: SignalSettings = Field(default_factory=SignalSettings)
    touch: TouchSettings = Field(default_factory=TouchSettings)
    window: WindowSettings = Field(default_factory=WindowSettings)
    wire: WireSettings = Field(default_factory=WireSettings)
    registry: RegistrySettings = Field(default_factory=RegistrySettings)
    log: LogSettings = Field(default_factory=LogSettings)
    tracing: TracingSettings = Field(default_factory=TracingSettings)

    @field_validator("channels_extra", mode="before")
    @classmethod
    def split_channels(cls, given: Any) -> Any:
        return sources.channel_names(given)

    @model_validator(mode="after")
    def confluent_needs_a_registry(self) -> Self:
        if self.wire.framing == "confluent" and self.registry.url is None:
            raise ValueError("wire.framing confluent needs registry.url")
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (
            init_settings,
            sources.CheckedEnvironment(settings_cls),
            sources.CheckedToml(settings_cls),
        )

    @classmethod
    def load(cls, *, given_in: Mapping[str, str] | None = None, **overrides: Any) -> Settings:
        """Read all sources; ``overrides`` win.

        An override is named by its path with two underscores, ``kafka__bootstrap="…"``, or
        is a whole section as a dict; None means not given.

        Args:
            given_in: of overrides that no option or argument gave, where they stand.
            overrides: as above.

        Raises:
            OptionError: what is wrong is among the overrides.
            SettingsError: it is elsewhere; either is one sentence that names the setting, where it
                stands, and what would be right.
        """
        given = sources.nested(overrides)
        sources.check_names(cls, given, "an argument")
        try:
            return cls(**given)
        except ValidationError as problem:
            places = Places(cls, given, given_in or {})
            raise refusal(problem, places) from None
        except SourceError as problem:
            raise SettingsError(f"{problem} ({problem.__cause__})") from None
