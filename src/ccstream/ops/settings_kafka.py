"""The settings of the cluster: where it is, and how every client of ccstream logs in there.

The three clients (librdkafka, aiokafka, Faust) get theirs from here, by
`ccstream.ops.kafka_config`.
"""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path
from typing import Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from ccstream.ops import settings_sources as sources
from ccstream.ops.settings_sections import MINUTE_MS, Section

__all__ = ["OAUTH", "KafkaSettings"]

OAUTH: Final = "OAUTHBEARER"


class KafkaSettings(Section):
    """The cluster, and how every client of ccstream reaches it."""

    secrets = ("sasl_password", "ssl_key_password", "oauth_client_secret")

    bootstrap: str = Field(
        default="127.0.0.1:9092",
        description="Brokers to begin with, as `host:port`, comma separated.",
    )
    partitions: int = Field(
        default=8,
        ge=1,
        le=4096,
        description="Partitions of every topic (N). Fixed once state exists.",
    )
    replication_factor: int = Field(
        default=1,
        ge=1,
        le=16,
        description="Copies of every topic. 3 in production; `ccstream doctor` warns below 3 "
        "where there are brokers enough.",
    )
    max_message_bytes: int = Field(
        default=1_000_000,
        ge=16_384,
        le=64_000_000,
        description="Largest record that is written; what would be larger is rejected first.",
    )
    client_id: str = Field(
        default="ccstream",
        pattern=r"^[A-Za-z0-9._-]{1,100}$",
        description="Name in the broker's logs.",
    )
    connect_timeout_ms: int = Field(
        default=3_000,
        ge=100,
        le=MINUTE_MS,
        description="How long a command waits for the first broker before it gives up.",
    )
    fetch_wait_max_ms: int = Field(
        default=10,
        ge=1,
        le=10_000,
        description="Longest that a broker holds an empty fetch. The embedded broker always "
        "waits this long, so it is the latency there.",
    )
    compression: Literal["none", "gzip", "snappy", "lz4", "zstd"] = Field(
        default="none", description="Compression of what ccstream produces."
    )
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        default="PLAINTEXT",
        description="How to speak to the brokers. `SSL` with a client certificate is mutual TLS.",
    )
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"] = Field(
        default="SCRAM-SHA-512", description="How to log in, where the protocol is `SASL_…`."
    )
    sasl_username: str | None = Field(
        default=None, description="User, where the mechanism is `PLAIN` or `SCRAM-…`."
    )
    sasl_password: SecretStr | None = Field(
        default=None, description="Password, where the mechanism is `PLAIN` or `SCRAM-…`."
    )
    oauth_token_file: Path | None = Field(
        default=None,
        description="File with the token, where the mechanism is `OAUTHBEARER`. It is read again "
        "before the token ends: for one that Kubernetes projects.",
    )
    oauth_endpoint: str | None = Field(
        default=None,
        description="In place of a file: where a token is asked for with the id and secret of a "
        "client (OAuth 2.0 client credentials). `https`, or this machine.",
    )
    oauth_client_id: str | None = Field(default=None, description="Id of that client.")
    oauth_client_secret: SecretStr | None = Field(default=None, description="Its secret.")
    oauth_scope: str | None = Field(default=None, description="Scope to ask for, if any.")
    oauth_ca_file: Path | None = Field(
        default=None,
        description="Certificates to trust there (PEM); the system's where not given.",
    )
    ssl_ca_file: Path | None = Field(
        default=None, description="Certificates to trust (PEM); the system's where not given."
    )
    ssl_certificate_file: Path | None = Field(default=None, description="Client certificate (PEM).")
    ssl_key_file: Path | None = Field(
        default=None, description="Key of the client certificate (PEM)."
    )
    ssl_key_password: SecretStr | None = Field(default=None, description="Password of that key.")

    @field_validator("bootstrap")
    @classmethod
    def must_be_addresses(cls, text: str) -> str:
        return sources.addresses(text)

    @field_validator(
        "ssl_ca_file", "ssl_certificate_file", "ssl_key_file", "oauth_ca_file", "oauth_token_file"
    )
    @classmethod
    def must_be_a_file(cls, path: Path | None) -> Path | None:
        if path is not None and not path.is_file():
            raise ValueError(f"{path} is no file")
        return path

    @field_validator("oauth_endpoint")
    @classmethod
    def must_keep_the_secret(cls, text: str | None) -> str | None:
        if text is None:
            return None
        address = urlsplit(text)
        if address.scheme == "https" and address.hostname:
            return text
        if address.scheme == "http" and _on_this_machine(address.hostname or ""):
            return text
        raise ValueError("must begin with https://, since a secret is sent there")

    @property
    def sasl(self) -> bool:
        """Whether clients log in with a user and password, or with a token."""
        return self.security_protocol.startswith("SASL")

    @property
    def tls(self) -> bool:
        """Whether connections are encrypted."""
        return self.security_protocol.endswith("SSL")

    @model_validator(mode="after")
    def must_fit_together(self) -> Self:
        if self.sasl:
            _check_login(self)
        if (self.ssl_certificate_file is None) != (self.ssl_key_file is None):
            raise ValueError("ssl_certificate_file and ssl_key_file are given together or not")
        _check_protocol(self)
        return self


def _check_protocol(kafka: KafkaSettings) -> None:
    """Refuse what the protocol leaves unused: it was given so that clients log in, or encrypt."""
    given = [name for name in kafka.model_fields_set if getattr(kafka, name) is not None]
    for used, prefixes, protocols in (
        (kafka.sasl, ("sasl_", "oauth_"), "SASL_SSL or SASL_PLAINTEXT"),
        (kafka.tls, ("ssl_",), "SSL or SASL_SSL"),
    ):
        unused = sorted(name for name in given if name.startswith(prefixes))
        if unused and not used:
            raise ValueError(
                f"kafka.security_protocol is {kafka.security_protocol}, with which "
                f"{', '.join(unused)} would be ignored: set it to {protocols}, or take "
                f"{'it' if len(unused) == 1 else 'them'} out"
            )


def _check_login(kafka: KafkaSettings) -> None:
    if kafka.sasl_mechanism != OAUTH:
        if not (kafka.sasl_username and kafka.sasl_password):
            raise ValueError(
                f"security_protocol {kafka.security_protocol} needs sasl_username and sasl_password"
            )
        return
    client = (kafka.oauth_endpoint, kafka.oauth_client_id, kafka.oauth_client_secret)
    if kafka.oauth_token_file is None and not all(client):
        raise ValueError(
            f"sasl_mechanism {OAUTH} needs oauth_token_file, or oauth_endpoint with "
            "oauth_client_id and oauth_client_secret"
        )
    if kafka.oauth_token_file is not None and any(client):
        raise ValueError("oauth_token_file and oauth_endpoint exclude each other; take one out")


def _on_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
