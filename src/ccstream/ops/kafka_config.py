"""One settings model, as each Kafka client wants it written.

librdkafka (consumers, producers, admin), aiokafka, and Faust. Every producer partitions by
murmur2, as Java clients do: librdkafka's own default (CRC32) would put a customer's events
where the worker that owns the customer does not look.
"""

from __future__ import annotations

from ssl import SSLContext
from typing import TYPE_CHECKING, Any, Final, Literal

from pydantic import SecretStr

from ccstream.errors import SettingsError
from ccstream.ops.kafka_log import Complaints
from ccstream.ops.oauth import ClientTokens, token_source
from ccstream.ops.settings import Settings
from ccstream.ops.settings_kafka import OAUTH
from ccstream.wire.topics import ROOM_BYTES

if TYPE_CHECKING:
    from faust.auth import OAuthCredentials, SASLCredentials, SSLCredentials

__all__ = [
    "PARTITIONER",
    "TRANSACTION_TIMEOUT_MS",
    "Isolation",
    "admin_config",
    "aiokafka_config",
    "consumer_config",
    "faust_broker",
    "faust_credentials",
    "producer_config",
]

PARTITIONER: Final = "murmur2_random"

RECONNECT_BACKOFF_MS: Final = 100
RECONNECT_BACKOFF_MS_MAX: Final = 2_000
"""librdkafka doubles the wait up to 10 s by default; a broker that restarts is back sooner."""

TRANSACTION_RETRY_BACKOFF_MS: Final = 5
"""The broker answers the next transaction with CONCURRENT_TRANSACTIONS until the markers of
the last are written; with librdkafka's default of 100 ms a transaction takes 92 ms, with
this 8 ms."""

TRANSACTION_TIMEOUT_MS: Final = 10_000

QUEUE_KIB_MAX: Final = 256 * 1024
"""Records waiting in one producer; librdkafka's own bound is 1 GiB, of which a worker has two.
Beyond this, and beyond librdkafka's 100,000 records, whoever produces waits."""

PREFETCH_KIB_MAX: Final = 16 * 1024
"""Records fetched ahead by one consumer, over all its partitions: a second of what a worker folds.
As large one more answer of each broker may be, asked for when there was less. With librdkafka's
own bounds, four and three times as much, a catch-up leaves up to 100 MB more behind in the resident
set.
"""

Isolation = Literal["read_committed", "read_uncommitted"]


def client_config(settings: Settings, *, role: str = "") -> dict[str, Any]:
    """What every librdkafka client has: addresses, name, security, patience, quiet.

    What it complains of is logged by `Complaints`; another ``error_cb`` can take its place.

    Args:
        settings: where from.
        role: what this client is for; it stands behind the client id in the broker's logs.

    Raises:
        AccessDeniedError: clients log in by tokens, and there is none to be had.
    """
    kafka = settings.kafka
    config: dict[str, Any] = {
        "bootstrap.servers": kafka.bootstrap,
        "client.id": f"{kafka.client_id}-{role}" if role else kafka.client_id,
        "socket.nagle.disable": True,
        "reconnect.backoff.ms": RECONNECT_BACKOFF_MS,
        "reconnect.backoff.max.ms": RECONNECT_BACKOFF_MS_MAX,
        "security.protocol": kafka.security_protocol,
        "log_level": 2,
        "error_cb": Complaints(role or "client"),
    }
    if kafka.sasl:
        config["sasl.mechanisms"] = kafka.sasl_mechanism
        if kafka.sasl_mechanism == OAUTH:
            source = token_source(kafka)
            source.token()  # librdkafka would wait 10 s for it, and not say why it did not come
            config["oauth_cb"] = source.for_librdkafka
        else:
            config["sasl.username"] = kafka.sasl_username
            config["sasl.password"] = _revealed(kafka.sasl_password)
    if kafka.tls:
        for name, path in (
            ("ssl.ca.location", kafka.ssl_ca_file),
            ("ssl.certificate.location", kafka.ssl_certificate_file),
            ("ssl.key.location", kafka.ssl_key_file),
        ):
            if path is not None:
                config[name] = str(path)
        if kafka.ssl_key_password is not None:
            config["ssl.key.password"] = _revealed(kafka.ssl_key_password)
    return config


def admin_config(settings: Settings, *, role: str = "admin") -> dict[str, Any]:
    """For ``confluent_kafka.admin.AdminClient``."""
    return client_config(settings, role=role)


def producer_config(
    settings: Settings,
    *,
    role: str = "producer",
    transactional_id: str | None = None,
    linger_ms: float | None = None,
) -> dict[str, Any]:
    """For ``confluent_kafka.Producer``: idempotent, acknowledged by all replicas in sync.

    Args:
        settings: where from.
        role: what this client is for.
        transactional_id: makes it a transactional producer.
        linger_ms: how long a record may wait for others; ``chunk.linger_ms_max`` if None.
    """
    config = client_config(settings, role=role) | {
        "partitioner": PARTITIONER,
        "acks": "all",
        "enable.idempotence": True,
        "linger.ms": settings.chunk.linger_ms_max if linger_ms is None else linger_ms,
        "compression.type": settings.kafka.compression,
        "queue.buffering.max.kbytes": QUEUE_KIB_MAX,
        "message.max.bytes": settings.kafka.max_message_bytes + ROOM_BYTES,
    }
    if transactional_id is not None:
        config["transactional.id"] = transactional_id
        config["transaction.timeout.ms"] = TRANSACTION_TIMEOUT_MS
        config["retry.backoff.ms"] = TRANSACTION_RETRY_BACKOFF_MS
    return config


def consumer_config(
    settings: Settings,
    *,
    isolation: Isolation,
    role: str = "consumer",
    group_id: str | None = None,
) -> dict[str, Any]:
    """For ``confluent_kafka.Consumer`` with partitions assigned by hand.

    Nothing is committed, and an offset that is not there is an error rather than a silent
    jump. ``isolation`` has no default, since a live reader and a lasting copy need
    different ones.

    Args:
        settings: where from.
        isolation: whether records of open and aborted transactions are seen.
        role: what this client is for.
        group_id: the group whose offsets are asked for; librdkafka wants one in any case.
    """
    fetched = settings.kafka.max_message_bytes + ROOM_BYTES
    return client_config(settings, role=role) | {
        "group.id": group_id or f"{settings.kafka.client_id}-{role}",
        "isolation.level": isolation,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "enable.partition.eof": True,
        "auto.offset.reset": "error",
        "fetch.wait.max.ms": settings.kafka.fetch_wait_max_ms,
        "queued.max.messages.kbytes": PREFETCH_KIB_MAX,
        "fetch.max.bytes": max(PREFETCH_KIB_MAX * 1024, fetched),
        "max.partition.fetch.bytes": fetched,
    }


def aiokafka_config(settings: Settings) -> dict[str, Any]:
    """Keyword arguments that aiokafka's consumer, producer and admin client share."""
    kafka = settings.kafka
    config: dict[str, Any] = {
        "bootstrap_servers": kafka.bootstrap,
        "client_id": kafka.client_id,
        "security_protocol": kafka.security_protocol,
    }
    if kafka.sasl:
        config["sasl_mechanism"] = kafka.sasl_mechanism
        if kafka.sasl_mechanism == OAUTH:
            config["sasl_oauth_token_provider"] = ClientTokens(token_source(kafka))
        else:
            config["sasl_plain_username"] = kafka.sasl_username
            config["sasl_plain_password"] = _revealed(kafka.sasl_password)
    if kafka.tls:
        config["ssl_context"] = _ssl_context(settings)
    return config


def faust_broker(settings: Settings, scheme: str = "ccstream") -> list[str]:
    """Faust's ``broker`` setting: one URL an address, with the transport's scheme."""
    return [f"{scheme}://{address}" for address in settings.kafka.bootstrap.split(",")]


def faust_credentials(
    settings: Settings,
) -> OAuthCredentials | SASLCredentials | SSLCredentials | None:
    """Faust's ``broker_credentials`` setting."""
    from faust.auth import OAuthCredentials, SASLCredentials, SSLCredentials

    kafka = settings.kafka
    context = _ssl_context(settings) if kafka.tls else None
    if kafka.sasl and kafka.sasl_mechanism == OAUTH:
        return OAuthCredentials(oauth_cb=ClientTokens(token_source(kafka)), ssl_context=context)
    if kafka.sasl:
        return SASLCredentials(
            username=kafka.sasl_username,
            password=_revealed(kafka.sasl_password),
            mechanism=kafka.sasl_mechanism,
            ssl_context=context,
        )
    return SSLCredentials(context) if context is not None else None


def _ssl_context(settings: Settings) -> SSLContext:
    from aiokafka.helpers import create_ssl_context

    kafka = settings.kafka
    try:
        context: SSLContext = create_ssl_context(
            cafile=kafka.ssl_ca_file,
            certfile=kafka.ssl_certificate_file,
            keyfile=kafka.ssl_key_file,
            password=_revealed(kafka.ssl_key_password),
        )
    except (OSError, ValueError) as problem:
        files = (kafka.ssl_ca_file, kafka.ssl_certificate_file, kafka.ssl_key_file)
        raise SettingsError(
            f"the certificates in {', '.join(str(file) for file in files if file)} cannot be used: "
            f"{problem}; they must be PEM, the key that of the certificate, and its password right"
        ) from None
    return context


def _revealed(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()
