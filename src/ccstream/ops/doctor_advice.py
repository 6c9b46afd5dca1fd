"""What the doctor advises where something that it asks does not answer, by why it does not."""

from __future__ import annotations

import socket
from typing import Final

from ccstream.errors import (
    AccessDeniedError,
    BrokerUnavailableError,
    CcstreamError,
    DevkitError,
    RegistryUnavailableError,
    SettingsError,
)
from ccstream.ops.settings_kafka import KafkaSettings

__all__ = ["CONNECT_SECONDS_MAX", "FOR_RIGHTS", "for_brokers", "for_registry"]

CONNECT_SECONDS_MAX: Final = 3
"""For a connection alone, without a word of Kafka."""

FOR_RIGHTS: Final = "run the doctor with an administrator's login for this line"
"""Nobody else needs the rights that it takes; a worker is well without."""

_SETTING: Final = "correct that setting, or the file that it names"


def for_brokers(problem: CcstreamError, kafka: KafkaSettings) -> str:
    """What to do where the cluster cannot be asked."""
    if isinstance(problem, SettingsError):
        return _SETTING
    if isinstance(problem, AccessDeniedError):
        return (
            "correct the login or the certificate (kafka.sasl_…, kafka.oauth_…, kafka.ssl_…), or "
            "make the user known to the brokers"
        )
    if isinstance(problem, BrokerUnavailableError) and _listens(kafka.bootstrap):
        return (
            "something listens there: is it Kafka, and does that listener speak "
            f"{kafka.security_protocol}, as kafka.security_protocol says?"
        )
    return "start Kafka, or set kafka.bootstrap"


def for_registry(problem: CcstreamError) -> str:
    """What to do where the registry cannot be asked, or does not have the schemas."""
    if isinstance(problem, RegistryUnavailableError):
        return "start the registry, or correct registry.url, registry.username and its password"
    if isinstance(problem, SettingsError):
        return _SETTING
    if isinstance(problem, DevkitError):
        return "install that part of ccstream"
    return "run `ccstream schemas register`"


def _listens(addresses: str) -> bool:
    for address in addresses.split(","):
        host, _, port = address.strip().rpartition(":")
        try:
            with socket.create_connection((host.strip("[]"), int(port)), CONNECT_SECONDS_MAX):
                return True
        except (OSError, ValueError):
            continue
    return False
