"""librdkafka's producer on the event loop: every record is acknowledged or its error is told.

librdkafka sends in threads of its own; delivery reports are fetched by ``poll``, and that
is called here on the event loop, between a millisecond and twenty after the last one.
A thread that waits in ``poll`` would have to take the interpreter's lock once for each
report, which on a busy loop takes up to 5 ms each.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, final

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from ccstream.errors import (
    BrokerUnavailableError,
    DeliveryError,
    SettingsError,
    TopicMismatchError,
)
from ccstream.ops.kafka_clients import make_client
from ccstream.ops.listeners import advice
from ccstream.ops.refusals import denied, told

__all__ = ["AckProducer", "Acknowledge", "Headers", "NoRoomError"]

log = logging.getLogger(__name__)

Headers = Sequence[tuple[str, bytes]]

Acknowledge = Callable[[KafkaError | None, Message], None]
"""Called on the event loop once for each record sent. It must not raise."""

TICK_S_MIN: Final = 0.001
"""The shortest that asyncio can wait; an acknowledgement is told that much late at most."""

TICK_S_MAX: Final = 0.02
"""While nothing is acknowledged for long, as when no broker is there."""

TICK_S_IDLE: Final = 0.25
"""With nothing in flight: only errors and log lines to fetch."""

BUFFER_KIB_MAX: Final = 256 * 1024
"""Records waiting in librdkafka: some seconds of a fast producer, and small beside the
process that fills it."""

AWAY_LOG_S: Final = 10.0
"""librdkafka tells of every attempt to connect; one line in so many seconds is enough."""


class NoRoomError(Exception):
    """The producer can take no record just now: wait for ``room()`` and send again."""


class AckProducer:
    """One producer. All methods are called on the event loop that ``open`` was called on."""

    def __init__(
        self,
        config: Mapping[str, Any],
        *,
        in_flight_max: int,
        producer_class: Callable[[dict[str, Any]], Producer] = Producer,
    ) -> None:
        self._config = {
            **config,
            "queue.buffering.max.kbytes": BUFFER_KIB_MAX,
            "error_cb": self._on_error,
            "logger": logging.getLogger("ccstream.client.librdkafka"),
        }
        self._in_flight_max = in_flight_max
        self._in_flight = 0  # counted here: librdkafka's length has what it wants to say, too
        self._producer_class = producer_class
        self._producer: Producer | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._tick_s = TICK_S_IDLE
        self._progress: asyncio.Future[None] | None = None
        self._broken = False
        self._away_logged = float("-inf")
        self._last: KafkaError | None = None
        self.trouble: str | None = None
        """What librdkafka complained of last, None again once a record got through."""

    def open(self) -> None:
        """Make the producer; it connects by itself, and goes on trying.

        Raises ``SettingsError`` if librdkafka refuses a setting.
        """
        self._loop = asyncio.get_running_loop()
        self._producer = make_client(self._producer_class, self._config)
        self._schedule(TICK_S_IDLE)

    async def reach(self, topic: str, timeout_s: float) -> int:
        """The number of the topic's partitions.

        Raises ``AccessDeniedError`` if the brokers do not take this client's login or its user
        may not use the topic, ``BrokerUnavailableError`` if none answers in time and
        ``TopicMismatchError`` if there is no such topic.
        """
        producer = self._opened()
        try:
            found = await asyncio.to_thread(producer.list_topics, topic, timeout_s)
        except KafkaException as error:
            producer.poll(0)  # fetches what librdkafka says of the attempts
            where = self._config["bootstrap.servers"]
            if self._last is not None and (no := denied(self._last, f"No way into {where}")):
                raise no from error
            what = await asyncio.to_thread(advice, where, self._config["security.protocol"])
            raise BrokerUnavailableError(
                f"No broker answered at {where} within {timeout_s:g} s "
                f"({self.trouble or error.args[0].str()}); {what}"
            ) from error
        problem = found.topics[topic].error
        if problem is not None:
            raise denied(problem, f"{topic} cannot be written") or TopicMismatchError(
                f"The topic {topic} cannot be written: {problem.str()}. "
                "`ccstream topics apply` makes the topics that ccstream needs."
            )
        return len(found.topics[topic].partitions)

    @property
    def in_flight(self) -> int:
        """Records sent and not yet acknowledged."""
        return self._in_flight

    def send(
        self, topic: str, key: bytes, value: bytes, headers: Headers, acknowledge: Acknowledge
    ) -> None:
        """Hand a record over; ``acknowledge`` is called with what became of it.

        Raises ``NoRoomError`` if the bound is reached and ``DeliveryError`` if librdkafka
        refuses the record at once.
        """
        producer = self._opened()
        if self._broken or self._in_flight >= self._in_flight_max:
            raise NoRoomError
        listed = headers if isinstance(headers, list) else list(headers)  # librdkafka wants one
        report = _Report(self, acknowledge)
        try:
            producer.produce(topic, value, key, on_delivery=report, headers=listed)
        except BufferError as error:
            raise NoRoomError from error
        except KafkaException as error:
            raise DeliveryError(f"{topic}: {told(error.args[0])}") from error
        self._in_flight += 1
        if self._tick_s > TICK_S_MIN:
            self._schedule(TICK_S_MIN)

    def poll(self) -> None:
        """Take what acknowledgements there are; for callers that keep the loop busy."""
        self._serve()

    async def room(self) -> None:
        """Wait until ``send`` will take a record."""
        while self._broken or self.in_flight >= self._in_flight_max:
            self._opened()
            await self._next_progress()

    async def flush(self) -> None:
        """Wait until nothing is in flight."""
        while self.in_flight:
            await self._next_progress()

    def close(self) -> None:
        """End the producer; what is in flight is told as failed. Closing twice does nothing."""
        if self._timer is not None:
            self._timer.cancel()
        if self._producer is not None:
            self._producer.purge()
            self._producer.poll(0)
            self._producer = None
            self._in_flight = 0

    def _ended(self) -> None:
        self._in_flight -= 1

    def _opened(self) -> Producer:
        if self._producer is None:
            raise DeliveryError("The publisher is closed; nothing can be published any more.")
        return self._producer

    def _schedule(self, delay_s: float) -> None:
        assert self._loop is not None
        if self._timer is not None:
            self._timer.cancel()
        self._tick_s = delay_s
        self._timer = self._loop.call_later(delay_s, self._tick)

    def _tick(self) -> None:
        served = self._serve()
        if not self.in_flight:
            self._schedule(TICK_S_IDLE)
        elif served:
            self._schedule(TICK_S_MIN)
        else:
            self._schedule(min(max(self._tick_s, TICK_S_MIN) * 1.25, TICK_S_MAX))

    def _serve(self) -> bool:
        producer = self._opened()
        before = self._in_flight
        served = producer.poll(0)
        if self._broken and not self._in_flight:
            if not self._made_anew():
                return False
        elif not served:
            return False
        elif self._in_flight < before:
            self.trouble = None
        if self._progress is not None:
            self._progress.set_result(None)
            self._progress = None
        return True

    def _made_anew(self) -> bool:
        """Whether a new producer goes on; if not, the next tick tries again."""
        assert self._loop is not None
        gave_up = self.trouble
        try:
            self._producer = make_client(self._producer_class, self._config)
        except SettingsError as problem:  # a certificate that is just being replaced
            self.trouble = str(problem)
            if self._loop.time() - self._away_logged > AWAY_LOG_S:
                self._away_logged = self._loop.time()
                log.warning("librdkafka gave its producer up. No new one yet: %s", problem)
            return False
        log.warning("librdkafka gave its producer up (%s); a new one goes on", gave_up)
        self._broken = False
        return True

    async def _next_progress(self) -> None:
        if self._progress is None:
            assert self._loop is not None
            self._progress = self._loop.create_future()
        await asyncio.shield(self._progress)

    def _on_error(self, error: KafkaError) -> None:
        assert self._loop is not None
        self.trouble = told(error)
        if error.code() != KafkaError._ALL_BROKERS_DOWN:  # says nothing that the others do not
            self._last = error
        if error.fatal() or error.code() == KafkaError._FATAL:
            self._broken = True
        elif self._loop.time() - self._away_logged > AWAY_LOG_S:
            self._away_logged = self._loop.time()
            log.warning(
                "Kafka at %s: %s. Trying again; %d records wait.",
                self._config["bootstrap.servers"],
                self.trouble,
                self.in_flight,
            )


@final
class _Report:
    """What librdkafka calls with what became of a record: compiled, a third of a `partial`."""

    __slots__ = ("_acknowledge", "_producer")

    def __init__(self, producer: AckProducer, acknowledge: Acknowledge) -> None:
        self._producer = producer
        self._acknowledge = acknowledge

    def __call__(self, error: KafkaError | None, message: Message) -> None:
        self._producer._ended()
        self._acknowledge(error, message)
