"""The settings of the gateway: where it listens, whom it lets in, and its bounds."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from ccstream.ops.settings_sections import MINUTE_MS, Section

__all__ = ["SIGNING_KEY_CHARS_MIN", "GatewaySettings"]

SIGNING_KEY_CHARS_MIN: Final = 32
"""Of hexadecimal digits they are 128 bits, which nobody guesses."""

ORIGIN: Final = re.compile(r"^https?://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:\d{1,5})?$")

ADDRESS: Final = re.compile(r"^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):(\d{1,5})$")


class GatewaySettings(Section):
    """The HTTP gateway, `ccstream gateway`."""

    secrets = ("signing_key", "tls_key_password")

    host: str = Field(
        default="127.0.0.1", min_length=1, max_length=255, description="Address to listen on."
    )
    port: int = Field(
        default=8080, ge=0, le=65_535, description="Port; 0 takes a free one and logs it."
    )
    auth: Literal["none", "required"] = Field(
        default="none",
        description="`required` lets in who has an API key or a token. `none` lets everybody do "
        "everything: for development, refused on any address but the loopback ones.",
    )
    keys_file: Path | None = Field(
        default=None,
        description="API keys, hashed, as `ccstream gateway-keys` writes them. Read again when "
        "it changes.",
    )
    oidc_issuer: str | None = Field(
        default=None,
        pattern=r"^https?://\S+$",
        description="Whose tokens (JWT) are taken: their `iss`, to the letter.",
    )
    oidc_audience: str | None = Field(
        default=None, min_length=1, max_length=255, description="The `aud` that tokens must name."
    )
    oidc_jwks: str | None = Field(
        default=None,
        min_length=1,
        max_length=2_000,
        description="The issuer's public keys (JWKS): a file, or an `https` address.",
    )
    oidc_jwks_refresh_ms: int = Field(
        default=10 * MINUTE_MS,
        ge=1_000,
        le=24 * 60 * MINUTE_MS,
        description="How long those keys are used before they are read again. One that is not "
        "known is looked for at once.",
    )
    oidc_scope_claim: str = Field(
        default="scope",
        min_length=1,
        max_length=100,
        description="The claim that lists scopes, space separated or as a list.",
    )
    oidc_customer_claim: str = Field(
        default="sub",
        min_length=1,
        max_length=100,
        description="The claim that says which customer a token is of: `customer:` and its value "
        "is the only profile that scopes ending in `:self` reach.",
    )
    signing_key: SecretStr | None = Field(
        default=None,
        description="Signs positions and cursors; the same for all gateways, at least "
        f"{SIGNING_KEY_CHARS_MIN} characters. Needed where `auth` is `required`.",
    )
    cors_origins: str = Field(
        default="",
        max_length=10_000,
        description="Web pages that may call the gateway from a browser, comma separated, as "
        "`https://shop.example`.",
    )
    trusted_proxies: str = Field(
        default="",
        max_length=2_000,
        description="Addresses or networks of proxies whose `X-Forwarded-…` headers are believed, "
        "comma separated.",
    )
    tls_certificate_file: Path | None = Field(
        default=None, description="Certificate chain (PEM); with it the gateway speaks HTTPS."
    )
    tls_key_file: Path | None = Field(default=None, description="Key of that certificate (PEM).")
    tls_key_password: SecretStr | None = Field(default=None, description="Password of that key.")
    workers: str = Field(
        default="127.0.0.1:6066",
        max_length=10_000,
        description="Where the workers' `/metrics` answer, comma separated, as `worker-0:6066`, "
        "for the page `/ops`. A name that leads to several addresses is one worker each; at "
        "most 64 are asked.",
    )
    body_bytes_max: int = Field(
        default=1_000_000,
        ge=1_024,
        le=64_000_000,
        description="Largest body of a request.",
    )
    body_timeout_ms: int = Field(
        default=10_000,
        ge=100,
        le=10 * MINUTE_MS,
        description="How long a request's headers, and then its body, may take to arrive.",
    )
    batch_events_max: int = Field(
        default=1_000, ge=1, le=100_000, description="Most events in one batch."
    )
    ack_timeout_ms: int = Field(
        default=5_000,
        ge=100,
        le=MINUTE_MS,
        description="How long Kafka may take to store events before the answer is 503.",
    )
    in_flight_max: int = Field(
        default=20_000,
        ge=1,
        le=1_000_000,
        description="Events that wait for Kafka at a time; the next are answered with 503.",
    )
    rate_per_second: int = Field(
        default=10_000,
        ge=1,
        le=10_000_000,
        description="Events and requests that one key or token of a service may send on average; "
        "the key's own `rate` goes before. More is answered with 429.",
    )
    rate_customer_per_second: int = Field(
        default=20, ge=1, le=1_000_000, description="The same for a customer's token."
    )
    rate_burst_seconds: int = Field(
        default=2, ge=1, le=3_600, description="How many seconds' worth may come at once."
    )
    connections_max: int = Field(
        default=12_000, ge=1, le=1_000_000, description="Connections that are held at a time."
    )
    replica_bytes_max: int = Field(
        default=1 << 30,
        ge=1 << 20,
        le=1 << 40,
        description="Most that the rows of all profiles may have in keys and values; in memory "
        "they take about twice that, and some 400 bytes a row. A gateway that would hold more "
        "pushes nothing, and says so.",
    )
    drain_ms: int = Field(
        default=10_000,
        ge=0,
        le=10 * MINUTE_MS,
        description="How long requests under way may take to end once the gateway is told to stop.",
    )

    @field_validator("signing_key")
    @classmethod
    def must_be_long(cls, key: SecretStr | None) -> SecretStr | None:
        if key is not None and len(key.get_secret_value()) < SIGNING_KEY_CHARS_MIN:
            raise ValueError(f"has less than {SIGNING_KEY_CHARS_MIN} characters")
        return key

    @field_validator("cors_origins")
    @classmethod
    def must_be_origins(cls, text: str) -> str:
        items = _items(text)
        for item in items:
            if not ORIGIN.match(item):
                raise ValueError(f"has {item!r}, which is no origin, as https://shop.example is")
        return ",".join(items)

    @field_validator("workers")
    @classmethod
    def must_be_addresses(cls, text: str) -> str:
        items = _items(text)
        for item in items:
            found = ADDRESS.match(item)
            if found is None or not 0 < int(found[1]) < 65_536:
                raise ValueError(f"has {item!r}, which is no host:port, as worker-0:6066 is")
        return ",".join(items)

    @field_validator("tls_certificate_file", "tls_key_file")
    @classmethod
    def must_be_a_file(cls, path: Path | None) -> Path | None:
        if path is not None and not path.is_file():
            raise ValueError(f"{path} is no file")
        return path

    @model_validator(mode="after")
    def must_fit_together(self) -> Self:
        if (self.tls_certificate_file is None) != (self.tls_key_file is None):
            raise ValueError("tls_certificate_file and tls_key_file are given together or not")
        oidc = (self.oidc_issuer, self.oidc_audience, self.oidc_jwks)
        if any(oidc) and not all(oidc):
            raise ValueError("oidc_issuer, oidc_audience and oidc_jwks are given together or not")
        if self.oidc_jwks is not None and self.oidc_jwks.startswith("http://"):
            raise ValueError("oidc_jwks must be https, or a file: who changes it can be anybody")
        return self

    @property
    def origins(self) -> tuple[str, ...]:
        """``cors_origins`` one by one."""
        return tuple(_items(self.cors_origins))

    @property
    def worker_addresses(self) -> tuple[str, ...]:
        """``workers`` one by one."""
        return tuple(_items(self.workers))

    @property
    def proxies(self) -> tuple[str, ...]:
        """``trusted_proxies`` one by one."""
        return tuple(_items(self.trusted_proxies))


def _items(text: str) -> list[str]:
    return [item.strip() for item in text.split(",") if item.strip()]
