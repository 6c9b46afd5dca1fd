"""Free loopback ports for servers that are started as processes of their own."""

from __future__ import annotations

import random
import socket
from typing import Final

from ccstream.errors import DevkitError

__all__ = ["LOOPBACK", "free_port", "is_free"]

LOOPBACK: Final = "127.0.0.1"

PORTS: Final = range(20_000, 32_000)
"""Below the ports that systems hand to outgoing connections (32768 and up on Linux).

One of those would be free now and gone a moment later; worse, a client that keeps knocking
at the port of a broker that is away may be given that very port, and talk to itself.
"""

ATTEMPTS_MAX: Final = 200

_DICE: Final = random.SystemRandom()
"""Of several processes that have seeded Python's own, all would choose the same ports."""


def is_free(port: int) -> bool:
    """Whether a server could listen on ``port`` of the loopback interface now."""
    with socket.socket() as probe:
        # As servers do: connections of a predecessor that linger in TIME_WAIT do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """A port nobody listens on, outside the range of outgoing connections.

    Raises ``DevkitError`` if none is found.
    """
    for port in _DICE.choices(PORTS, k=ATTEMPTS_MAX):
        if is_free(port):
            return port
    raise DevkitError(f"No free port on {LOOPBACK} between {PORTS.start} and {PORTS.stop - 1}.")
