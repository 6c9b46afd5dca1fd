"""What librdkafka complains of, as log lines of ours and not one an attempt.

By itself librdkafka writes to standard error, in a format of its own, each time that it
fails to connect: hundreds of lines while a broker restarts.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final

from confluent_kafka import KafkaError

from ccstream.ops.refusals import told

__all__ = ["QUIET_SECONDS", "Complaints"]

QUIET_SECONDS: Final = 10.0
"""The same trouble is told again after so long, with how often it came meanwhile."""

log = logging.getLogger(__name__)


class Complaints:
    """An ``error_cb`` for one client.

    Args:
        role: what the client is for.
        now: the clock.
    """

    def __init__(self, role: str, now: Callable[[], float] = time.monotonic) -> None:
        self._role = role
        self._now = now
        self._told_at = float("-inf")
        self._held_back = 0
        self.last: KafkaError | None = None
        """What it complained of last, other than that all brokers are away."""

    def __call__(self, error: KafkaError) -> None:
        """Log the error, or count it if one was logged just now; fatal ones always."""
        if error.fatal():
            log.error("kafka client %s cannot go on: %s", self._role, told(error))
            return
        if error.code() == KafkaError._ALL_BROKERS_DOWN:
            return  # follows upon the errors of the single brokers, which say why
        self.last = error
        now = self._now()
        if now - self._told_at < QUIET_SECONDS:
            self._held_back += 1
            return
        more = f" (and {self._held_back} more before)" if self._held_back else ""
        log.warning(
            "kafka client %s has trouble and tries again: %s%s", self._role, told(error), more
        )
        self._told_at, self._held_back = now, 0
