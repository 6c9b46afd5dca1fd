"""Whether a broker's listener speaks TLS where this client does, asked when no broker answers.

A client that speaks TLS to a plain listener, or the other way round, looks to librdkafka like a
broker that is away: it tries again for ever, and of the second it says nothing at all. So whoever
has waited in vain has a look: a TLS handshake, and nothing of it is trusted or kept.
"""

from __future__ import annotations

import socket
import ssl
from typing import Final

__all__ = ["advice"]

LOOK_S_MAX: Final = 1.0
"""For each address and step: whoever asks has waited for some seconds already."""

ADDRESSES_MAX: Final = 3
"""Brokers of a cluster have the same listeners; one that is there is enough."""

_OTHERWISE: Final = "is it running, and is kafka.bootstrap right?"


def advice(bootstrap: str, protocol: str) -> str:
    """What to do where no broker answered.

    Args:
        bootstrap: the addresses, comma separated.
        protocol: ``kafka.security_protocol``.
    """
    wants_tls = protocol.endswith("SSL")
    for address in bootstrap.split(",")[:ADDRESSES_MAX]:
        speaks = _speaks_tls(address.strip())
        if speaks is None:
            continue
        if speaks == wants_tls:
            return _OTHERWISE
        right = protocol.replace("SSL", "PLAINTEXT") if wants_tls else _with_tls(protocol)
        how = "speaks" if speaks else "does not speak"
        return (
            f"what listens at {address.strip()} {how} TLS, and "
            f"kafka.security_protocol is {protocol}: set it to {right}, or name a listener in "
            "kafka.bootstrap that is as it says"
        )
    return _OTHERWISE


def _with_tls(protocol: str) -> str:
    return "SASL_SSL" if protocol.startswith("SASL") else "SSL, or SASL_SSL to log in,"


def _speaks_tls(address: str) -> bool | None:
    """None if nothing can be told: nobody listens, or it does not answer in time."""
    host, _, port = address.rpartition(":")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        connection = socket.create_connection((host.strip("[]"), int(port)), LOOK_S_MAX)
    except (OSError, ValueError):
        return None
    with connection:
        try:
            with context.wrap_socket(connection, do_handshake_on_connect=False) as secure:
                secure.settimeout(LOOK_S_MAX)
                secure.do_handshake()
        except TimeoutError:
            return None
        except ssl.SSLError as problem:
            return "ALERT" in (problem.reason or "")  # only who speaks TLS refuses by its alerts
        except OSError:
            return False  # hung up on what it took for a request of a terrible length
        return True
