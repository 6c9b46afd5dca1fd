"""Plays a data set through the pipeline and reads along what comes out.

Events go out in their order, keyed as every channel's are, as fast as Kafka takes them or at
a multiple of the pace at which they happened. Meanwhile a reader follows the sync topics
(`dataset_facts`); what it saw is compared afterwards (`dataset_check`). The times of the
events are the data's own, years ago: the workers that fold them need a horizon
(``window.horizon_days``) that reaches back that far, or refuse them as too late.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from confluent_kafka import KafkaException, Producer

from ccstream.devkit.completejourney import Journey
from ccstream.devkit.completejourney_truth import Truth
from ccstream.devkit.dataset_check import complete
from ccstream.devkit.dataset_facts import Facts, FactsReader
from ccstream.errors import BrokerUnavailableError, DeliveryError
from ccstream.ops.codecs import codec_of
from ccstream.ops.kafka_clients import make_client
from ccstream.ops.kafka_config import producer_config
from ccstream.ops.settings import Settings
from ccstream.wire.catalogue import input_topic
from ccstream.wire.headers import event_headers

__all__ = ["HORIZON_DAYS", "Played", "play"]

HORIZON_DAYS: Final = 36_500
"""The horizon that a worker needs to take events with the times of a data set."""

CHANNEL: Final = "store"

LINGER_MS: Final = 20
QUEUE_MAX: Final = 100_000
"""Events handed to librdkafka and not yet stored; more wait, so that memory stays bounded."""

LOOK_EVERY: Final = 200
"""Events between looks at the clock, the reader and the worker."""

QUIET_S_MAX: Final = 60.0
"""Without a record of the sync topics for so long, the pipeline is taken to be done or gone."""

STORE_S_MAX: Final = 60.0

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Played:
    """What was published and answered, and how long both took."""

    events: int
    answered: int
    publish_seconds: float
    seconds: float

    @property
    def events_per_second(self) -> float:
        """From the first event published to the last one answered."""
        return self.answered / self.seconds if self.seconds else 0.0


def play(
    journey: Journey,
    truth: Truth | None,
    facts: Facts,
    settings: Settings,
    *,
    speed: float | None = None,
    in_flight_max: int | None = None,
    progress: Progress = lambda published, answered: None,
    check: Callable[[], None] = lambda: None,
) -> Played:
    """Publish all events and wait until ``facts`` has a word on each.

    Args:
        journey: what to play.
        truth: what is waited for: its ids, not its figures. None waits for one answer an event.
        facts: takes in what the sync topics say from now on.
        settings: which cluster, and how to reach it.
        speed: multiple of the pace at which it happened; None is as fast as it goes.
        in_flight_max: most events published and not yet answered; for a broker that keeps
            little. None is no bound.
        progress: called a few times a second with events published and answered.
        check: called as often; raises to end it, as when a worker has died.

    Returns after :data:`QUIET_S_MAX` without a record if something never comes; what is
    missing shows in the comparison.

    Raises:
        DeliveryError: an event could not be stored.
        BrokerUnavailableError: no broker, or it went away.
        TopicMismatchError: the topics are not there.
    """
    with FactsReader(settings, facts) as reader:
        publisher = _Publisher(settings)
        began = time.monotonic()

        def look() -> None:
            check()
            reader.check()
            publisher.check()
            progress(publisher.published, facts.answered)

        def wait_for_room(most: int) -> None:
            blocked_at = time.monotonic()
            while publisher.published - facts.answered >= most:
                publisher.wait()
                look()
                if time.monotonic() - max(blocked_at, reader.last_record_at) > QUIET_S_MAX:
                    raise DeliveryError(
                        f"{publisher.published - facts.answered:,} events found no answer within "
                        f"{QUIET_S_MAX:.0f} s; does a worker run on this cluster?"
                    )

        pace = _Pace(speed, began)
        for event in journey.stream():
            if publisher.published % LOOK_EVERY == 0:
                look()
            while pace.early(event.occurred_at):
                publisher.wait()
                look()
            if in_flight_max is not None:
                wait_for_room(in_flight_max)
            publisher.publish(event)
        publisher.flush()
        published_at = time.monotonic()
        reader.last_record_at = max(reader.last_record_at, published_at)
        while facts.answered < publisher.published or not (truth is None or complete(truth, facts)):
            look()
            if time.monotonic() - reader.last_record_at > QUIET_S_MAX:
                break
            time.sleep(0.1)
        look()
        ended = max(published_at, reader.last_record_at)
        return Played(publisher.published, facts.answered, published_at - began, ended - began)


class _Pace:
    """When an event is due, if a year passes at a multiple of its speed."""

    def __init__(self, speed: float | None, began: float) -> None:
        self._speed = speed
        self._began = began
        self._first_at: int | None = None

    def early(self, occurred_at: int) -> bool:
        if self._speed is None:
            return False
        if self._first_at is None:
            self._first_at = occurred_at
        due = self._began + (occurred_at - self._first_at) / 1000 / self._speed
        return time.monotonic() < due


class _Publisher:
    """Events to the store's topic, in order, without waiting for each."""

    def __init__(self, settings: Settings) -> None:
        self.published = 0
        self._topic = input_topic(CHANNEL)
        self._encode = codec_of(settings).encode_event
        self._failure: Any = None
        self._producer = make_client(
            Producer,
            producer_config(settings, role="play", linger_ms=LINGER_MS)
            | {"queue.buffering.max.messages": QUEUE_MAX},
        )

    def publish(self, event: Any) -> None:
        value, headers = self._encode(event), event_headers(event)
        while True:
            try:
                self._producer.produce(
                    self._topic,
                    value,
                    event.subject,
                    headers=headers,  # type: ignore[arg-type]
                    on_delivery=self._delivered,
                )
            except BufferError:
                self._producer.poll(0.05)
                self.check()
            except KafkaException as error:
                raise DeliveryError(f"an event was refused: {error.args[0].str()}") from error
            else:
                break
        self.published += 1
        if self.published % LOOK_EVERY == 0:
            self._producer.poll(0)

    def wait(self) -> None:
        """Let a moment pass, and acknowledgements in."""
        self._producer.poll(0.01)

    def flush(self) -> None:
        """Wait until all is stored."""
        left = self._producer.flush(STORE_S_MAX)
        self.check()
        if left:
            raise BrokerUnavailableError(
                f"{left:,} events were not stored within {STORE_S_MAX:.0f} s; is the broker up?"
            )

    def check(self) -> None:
        if self._failure is not None:
            raise DeliveryError(f"an event was not stored: {self._failure.str()}")

    def _delivered(self, error: Any, _message: Any) -> None:
        if error is not None and self._failure is None:
            self._failure = error
