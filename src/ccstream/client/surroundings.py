"""What the SDK's classes share: their settings, and which topics are whose."""

from __future__ import annotations

from ccstream.errors import SettingsError
from ccstream.ops.settings import Settings
from ccstream.wire.catalogue import input_topic, input_topics

__all__ = ["settings_for", "topic_of"]


def settings_for(bootstrap: str | None, settings: Settings | None) -> Settings:
    """The settings given, or those of the surroundings with this bootstrap address.

    Raises ``SettingsError`` if both are given, or a setting is wrong.
    """
    if settings is None:
        return Settings.load(kafka__bootstrap=bootstrap)
    if bootstrap is not None:
        raise SettingsError("give either settings or bootstrap, not both")
    return settings


def topic_of(channel: str, settings: Settings) -> str:
    """The topic that a channel publishes to.

    Raises ``SettingsError`` if there is no such channel.
    """
    topic = input_topic(channel)
    known = input_topics(settings.channels_extra)
    if topic not in known:
        names = ", ".join(one.split(".")[1] for one in known)
        raise SettingsError(
            f"there is no channel {channel!r}; there are {names}, and more by channels_extra"
        )
    return topic
