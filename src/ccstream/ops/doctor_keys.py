"""What the doctor finds about certificates and keys: that they can be used, and for how long yet.

Neither a key nor whose it is stands in a finding, only where it is and until when it is good.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from pydantic import SecretStr

from ccstream.ops.finding import Finding
from ccstream.ops.settings import Settings

__all__ = ["keys"]

EXPIRES_SOON: Final = timedelta(days=30)
"""Who renews certificates by hand needs some weeks; who does not has renewed them before."""

CERTIFICATES_BYTES_MAX: Final = 1_000_000
"""A bundle of all authorities that browsers trust has a fifth of this."""


def keys(settings: Settings, now: datetime | None = None) -> Iterator[Finding]:
    """A line for each certificate that is configured, and one for what is not.

    Args:
        settings: where the files are.
        now: against which dates are held; the present if None.
    """
    kafka, gateway = settings.kafka, settings.gateway
    now = datetime.now(UTC) if now is None else now
    configured = False
    if kafka.tls and kafka.ssl_ca_file is not None:
        configured = True
        yield _dates("kafka.ssl_ca_file", kafka.ssl_ca_file, now, authorities=True)
    for name, certificate, key, password in (
        ("kafka.ssl", kafka.ssl_certificate_file, kafka.ssl_key_file, kafka.ssl_key_password),
        (
            "gateway.tls",
            gateway.tls_certificate_file,
            gateway.tls_key_file,
            gateway.tls_key_password,
        ),
    ):
        if certificate is not None and key is not None:
            configured = True
            yield _pair(name, certificate, key, password) or _dates(
                f"{name}_certificate_file", certificate, now
            )
    if gateway.auth == "required" and gateway.signing_key is None:
        configured = True
        yield Finding(
            "keys",
            "fail",
            "gateway.auth is required and there is no gateway.signing_key",
            "make one for all gateways: `openssl rand -hex 32`",
        )
    if not configured:
        yield Finding("keys", "ok", "no certificate of one's own is configured")


def _pair(name: str, certificate: Path, key: Path, password: SecretStr | None) -> Finding | None:
    """What is wrong with a certificate and its key together."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    secret = "" if password is None else password.get_secret_value()
    try:
        # without a password OpenSSL would ask for one at the terminal
        context.load_cert_chain(certificate, key, lambda: secret)
    except (OSError, ValueError) as problem:
        return Finding(
            "keys",
            "fail",
            f"{name}_certificate_file and {name}_key_file cannot be used together: {problem}",
            "they must be PEM, the key that of the certificate, and its password right",
        )
    return None


def _dates(setting: str, path: Path, now: datetime, *, authorities: bool = False) -> Finding:
    try:
        with path.open("rb") as file:
            found = x509.load_pem_x509_certificates(file.read(CERTIFICATES_BYTES_MAX))
    except (OSError, ValueError) as problem:
        return Finding("keys", "fail", f"{setting} {path} cannot be read: {problem}", "give PEM")
    # The first is one's own, those behind it lead to the authority; of authorities any will do.
    counted = found if authorities else found[:1]
    ends = max(one.not_valid_after_utc for one in counted)
    begins = min(one.not_valid_before_utc for one in counted)
    text = f"{setting} is good until {ends:%Y-%m-%d}"
    if ends <= now:
        return Finding("keys", "fail", f"{setting} ended on {ends:%Y-%m-%d}", "renew it")
    if begins > now:
        return Finding(
            "keys", "fail", f"{setting} begins on {begins:%Y-%m-%d} only", "look at the clock"
        )
    if ends - now < EXPIRES_SOON:
        return Finding("keys", "warn", text, "renew it; clients take the new one as they restart")
    return Finding("keys", "ok", text)
