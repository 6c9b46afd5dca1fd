"""The codec that the settings ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ccstream.ops.settings import Settings
from ccstream.wire.codec import Codec

if TYPE_CHECKING:
    from ccstream.wire.registry import Registry

__all__ = ["codec_of", "registry_of"]


def registry_of(settings: Settings) -> Registry | None:
    """The schema registry, or None where none is set.

    Raises:
        DevkitError: its client is not installed.
        SettingsError: its address is none.
    """
    registry = settings.registry
    if registry.url is None:
        return None
    from ccstream.wire.registry import Registry

    password = registry.password
    return Registry(
        registry.url,
        username=registry.username,
        password=None if password is None else password.get_secret_value(),
    )


def codec_of(settings: Settings) -> Codec:
    """Reads both framings, the Confluent one where ``registry.url`` is set; writes the one
    that ``wire.framing`` names. Raises as `registry_of` does.
    """
    registry = registry_of(settings)
    if registry is None:
        return Codec()
    return Codec(registry, confluent=settings.wire.framing == "confluent")
