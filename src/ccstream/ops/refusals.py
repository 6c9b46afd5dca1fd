"""What a cluster says when it does not let a client in, or not do something, in words that help.

librdkafka's texts say what failed; the sentence here adds where to look. Logins and certificates
that are refused look to librdkafka like a broker that is away, which it tries for ever.
"""

from __future__ import annotations

import re
from typing import Final

from confluent_kafka import KafkaError

from ccstream.errors import AccessDeniedError

__all__ = ["denied", "is_denied", "told"]

_LOGIN: Final = (
    "the brokers do not take this client's login: is the user known to them, are "
    "kafka.sasl_mechanism and the password or token right (kafka.sasl_…, kafka.oauth_…)?"
)
_CERTIFICATE: Final = (
    "TLS failed: kafka.ssl_ca_file must hold the authority that signed the brokers' certificates, "
    "kafka.bootstrap name the brokers as these do, and kafka.ssl_certificate_file be one that the "
    "brokers trust and that has not ended"
)
_RIGHT: Final = "`ccstream topics acls --role …` lists what each role needs"

_NO_TLS: Final = "wrong version number"
"""What OpenSSL says of an answer that is not TLS."""

_ALERT: Final = re.compile(r"SSL routines:.*alert")

_ADVICE: Final = {
    KafkaError._AUTHENTICATION: _LOGIN,
    KafkaError.SASL_AUTHENTICATION_FAILED: _LOGIN,
    KafkaError.UNSUPPORTED_SASL_MECHANISM: _LOGIN,
    KafkaError._SSL: _CERTIFICATE,
    KafkaError.TOPIC_AUTHORIZATION_FAILED: f"its user lacks a right on the topic: {_RIGHT}",
    KafkaError.GROUP_AUTHORIZATION_FAILED: f"its user lacks a right on the group: {_RIGHT}",
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: f"its user lacks a right on the cluster: {_RIGHT}",
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED: (
        f"its user lacks a right on the transactional id: {_RIGHT}"
    ),
}


def is_denied(error: KafkaError) -> bool:
    """Whether it is this client that is refused, rather than that something is away."""
    return _advice(error) is not None


def told(error: KafkaError) -> str:
    """The error's text, with what to do about it if it is this client that is refused."""
    advice = _advice(error)
    return error.str() if advice is None else f"{error.str().rstrip('.')}; {advice}"


def denied(error: KafkaError, what: str) -> AccessDeniedError | None:
    """The error to raise if this client is refused; ``what`` says what it could not do."""
    return AccessDeniedError(f"{what}: {told(error)}") if is_denied(error) else None


def _advice(error: KafkaError) -> str | None:
    # A broker that does not take a certificate says so by an alert and hangs up, which is told
    # as a connection that broke.
    if error.code() == KafkaError._TRANSPORT and _ALERT.search(error.str()):
        return _CERTIFICATE
    if _NO_TLS in error.str():
        return None  # no certificate helps there: `ccstream.ops.listeners` says what does
    return _ADVICE.get(error.code())
