"""Makes librdkafka's clients, and says in words of ours why one cannot be made.

librdkafka reads certificates and keys when a client is made, and names its own property where it
cannot use one. Here that becomes the setting and the file, wherever a client is made.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from confluent_kafka import KafkaException

from ccstream.errors import SettingsError

__all__ = ["make_client"]

_Client = TypeVar("_Client")

_FILES: Final = {
    "ssl.ca.location": (
        "kafka.ssl_ca_file",
        "it must hold the certificates to trust, as PEM",
    ),
    "ssl.certificate.location": (
        "kafka.ssl_certificate_file",
        "it must hold the client's certificate, as PEM",
    ),
    "ssl.key.location": (
        "kafka.ssl_key_file",
        "it must hold the key of kafka.ssl_certificate_file, as PEM, and kafka.ssl_key_password "
        "be its password if it has one",
    ),
}
"""By librdkafka's property: our setting, and what its file must be."""

_NAMED: Final = re.compile(r"\b(ssl\.\w+\.location) failed: (.*)", re.DOTALL)
_MISMATCH: Final = "key values mismatch"


def make_client(kind: Callable[[dict[str, Any]], _Client], config: Mapping[str, Any]) -> _Client:
    """A client of librdkafka with these settings, which `ccstream.ops.kafka_config` writes.

    Raises ``SettingsError`` if librdkafka does not take them: a file that is no certificate, for
    one.
    """
    try:
        return kind(dict(config))
    except KafkaException as error:
        raise SettingsError(_sentence(error.args[0].str(), config)) from error


def _sentence(told: str, config: Mapping[str, Any]) -> str:
    named = _NAMED.search(told)
    if named is None or named[1] not in _FILES:
        return f"Kafka's client refuses its settings: {told}"
    setting, advice = _FILES[named[1]]
    file = f"{setting}, {config.get(named[1])},"
    if _MISMATCH in named[2]:
        certificate = config.get("ssl.certificate.location")
        return (
            f"{file} is not the key of the certificate in kafka.ssl_certificate_file, {certificate}"
        )
    return f"{file} cannot be used: {advice} ({named[2]})"
