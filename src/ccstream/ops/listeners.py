"""Whether a broker's listener speaks TLS where this client does, asked when no broker answers.

A client that speaks TLS to a plain listener, or the other way round, looks to librdkafka like a
broker that is away: it tries again for ever, and of the second it says nothing at all. So whoever
has waited in vain has a look: the hello of a TLS handshake, and the first byte of its answer.

Only an answer shows what listens. A plain listener of Kafka hangs up on a hello, and so does a load
balancer with no broker behind it: to leave out TLS there could send a password in clear.
"""

from __future__ import annotations

import socket
import ssl
from contextlib import suppress
from enum import Enum, auto
from typing import Final

__all__ = ["advice"]

LOOK_S_MAX: Final = 1.0
"""For each address and step: whoever asks has waited for some seconds already."""

ADDRESSES_MAX: Final = 3
"""Brokers of a cluster have the same listeners; one that is there is enough."""

_OTHERWISE: Final = "is it running, and is kafka.bootstrap right?"

_RECORDS: Final = frozenset(b"\x15\x16")
"""What the answer to a hello begins with where TLS is spoken: an alert, or the handshake."""


class _Heard(Enum):
    TLS = auto()
    PLAIN = auto()
    HUNG_UP = auto()
    NOTHING = auto()


def advice(bootstrap: str, protocol: str) -> str:
    """What to do where no broker answered.

    Args:
        bootstrap: the addresses, comma separated.
        protocol: ``kafka.security_protocol``.
    """
    wants_tls = protocol.endswith("SSL")
    otherwise = _OTHERWISE
    for each in bootstrap.split(",")[:ADDRESSES_MAX]:
        address = each.strip()
        heard = _answer(address)
        if heard is _Heard.HUNG_UP and wants_tls and otherwise is _OTHERWISE:
            otherwise = (
                f"what listens at {address} hangs up on a TLS handshake, and "
                f"kafka.security_protocol is {protocol}: either nothing is behind it, or it does "
                "not speak TLS. Is the broker running, and does kafka.bootstrap name the listener "
                f"(the port) that is for {protocol}? {_in_clear(protocol)}"
            )
        if heard is _Heard.TLS and not wants_tls:
            return (
                f"what listens at {address} speaks TLS, and kafka.security_protocol is {protocol}: "
                f"set it to {_with_tls(protocol)}, or name a listener in kafka.bootstrap that is "
                "as it says"
            )
        if heard is _Heard.PLAIN and wants_tls:
            return (
                f"what listens at {address} does not speak TLS, and kafka.security_protocol is "
                f"{protocol}: name the listener (the port) in kafka.bootstrap that does. "
                f"{_in_clear(protocol)}"
            )
        if heard in {_Heard.TLS, _Heard.PLAIN}:
            return _OTHERWISE
    return otherwise


def _with_tls(protocol: str) -> str:
    return "SASL_SSL" if protocol.startswith("SASL") else "SSL, or SASL_SSL to log in,"


def _in_clear(protocol: str) -> str:
    """Said last, for clusters on one machine or network that have no TLS at all."""
    what = "the password and all data" if protocol.startswith("SASL") else "all data"
    plain = protocol.replace("SSL", "PLAINTEXT")
    return f"Only a cluster without TLS takes {plain}, which sends {what} in clear"


def _answer(address: str) -> _Heard:
    """What a hello is answered; nothing where nobody listens, or not in time."""
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    try:
        hello = _hello(host)
        connection = socket.create_connection((host, int(port)), LOOK_S_MAX)
    except ConnectionResetError:
        return _Heard.HUNG_UP
    except (OSError, ValueError):
        return _Heard.NOTHING
    with connection:
        try:
            connection.sendall(hello)
            first = connection.recv(1)
        except TimeoutError:
            return _Heard.NOTHING
        except OSError:
            return _Heard.HUNG_UP
    if not first:
        return _Heard.HUNG_UP
    return _Heard.TLS if first[0] in _RECORDS else _Heard.PLAIN


def _hello(host: str) -> bytes:
    """What a client says first; it names the host, by which some proxies choose whom to ask."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    said = ssl.MemoryBIO()
    handshake = context.wrap_bio(ssl.MemoryBIO(), said, server_hostname=host or None)
    with suppress(ssl.SSLWantReadError):  # for the answer, which is looked at and not taken in
        handshake.do_handshake()
    return said.read()
