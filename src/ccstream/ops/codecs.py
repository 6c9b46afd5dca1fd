"""The codec that the settings ask for."""

from __future__ import annotations

from ccstream.ops.settings import Settings
from ccstream.wire.codec import Codec

__all__ = ["codec_of"]


def codec_of(settings: Settings) -> Codec:
    """Reads both framings, the Confluent one where ``registry.url`` is set; writes the one
    that ``wire.framing`` names.

    Raises:
        DevkitError: a registry is set, and its client is not installed.
        SettingsError: the registry's address is none.
    """
    registry = settings.registry
    if registry.url is None:
        return Codec()
    from ccstream.wire.registry import Registry

    password = registry.password
    return Codec(
        Registry(
            registry.url,
            username=registry.username,
            password=None if password is None else password.get_secret_value(),
        ),
        confluent=settings.wire.framing == "confluent",
    )
