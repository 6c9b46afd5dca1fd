"""Notes who of the service staff looked at whom, before they are shown anything.

What cannot be noted is not shown. The customer stands there as a keyed fingerprint: it can be
asked for one customer who looked, and the topic by itself tells nobody's name.
"""

from __future__ import annotations

import asyncio
import time
from typing import Final

from confluent_kafka import KafkaError, Message

from ccstream.client.ack_producer import AckProducer, NoRoomError
from ccstream.errors import DeliveryError
from ccstream.gateway.problems import ProblemError
from ccstream.gateway.signing import Signer
from ccstream.ops.kafka_config import producer_config
from ccstream.ops.settings import Settings
from ccstream.wire.audit import ProfileRead, encode_read
from ccstream.wire.catalogue import AUDIT_TOPIC

__all__ = ["Audit"]

AGAIN_S: Final = 60.0
"""A page that is open reads anew at each change: once a minute says as much."""

NOTED_MAX: Final = 10_000
"""Who looked at whom just now; forgetting the oldest notes a look once more."""

IN_FLIGHT_MAX: Final = 1_000
PURPOSE: Final = "audit"


class Audit:
    """Writes the notes.

    Args:
        settings: how to reach Kafka.
        signer: makes the fingerprints, under the gateways' signing key.
    """

    def __init__(self, settings: Settings, signer: Signer) -> None:
        self._signer = signer
        self._producer = AckProducer(
            producer_config(settings, role="audit", linger_ms=0)
            | {"message.timeout.ms": settings.gateway.ack_timeout_ms},
            in_flight_max=IN_FLIGHT_MAX,
        )
        self._noted: dict[tuple[str, str, bool], float] = {}

    def open(self) -> None:
        """Connect; on the event loop."""
        self._producer.open()

    def close(self) -> None:
        """Disconnect; what was noted is stored, for everybody waits for that."""
        self._producer.close()

    async def note(self, reader: str, profile: str, *, masked: bool) -> None:
        """Note that somebody looks at a profile, unless that was noted just now.

        Raises:
            ProblemError: unavailable: it cannot be noted.
        """
        loop = asyncio.get_running_loop()
        who = (reader, profile, masked)
        if loop.time() - self._noted.get(who, float("-inf")) < AGAIN_S:
            return
        print_of = self._signer.fingerprint(PURPOSE, profile.encode())
        read = ProfileRead(
            reader=reader, profile=print_of, masked=masked, read_at=time.time_ns() // 1_000_000
        )
        stored: asyncio.Future[bool] = loop.create_future()

        def acknowledge(error: KafkaError | None, _message: Message) -> None:
            if not stored.done():
                stored.set_result(error is None)

        try:
            self._producer.send(AUDIT_TOPIC, print_of.encode(), encode_read(read), (), acknowledge)
        except (NoRoomError, DeliveryError):
            stored.set_result(False)
        if not await stored:
            raise ProblemError(
                "unavailable",
                "Who looks at a customer cannot be noted just now; ask again.",
                headers={"Retry-After": "2"},
            )
        self._noted.pop(who, None)
        self._noted[who] = loop.time()
        if len(self._noted) > NOTED_MAX:
            del self._noted[next(iter(self._noted))]
