"""Heartbeats show whether it flows, and how fast, when no customer is awake.

Every few seconds the prober publishes a beat for every channel to one partition, the next one each
time, and waits for its return on every sync topic, as a live screen would see it. It reads only
that partition, and only until the beat is back: however much else is published, it costs little.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from threading import Event as Signal
from typing import Any, Final

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from ccstream.errors import BrokerUnavailableError, CcstreamError, TopicMismatchError
from ccstream.ops.broker import broker_error
from ccstream.ops.codecs import codec_of
from ccstream.ops.heartbeat_events import SOURCE, beat, comes_back, subject_in
from ccstream.ops.kafka_clients import make_client
from ccstream.ops.kafka_config import consumer_config, producer_config
from ccstream.ops.metrics import Metrics
from ccstream.ops.metrics_heartbeat import HEARTBEAT_METRICS
from ccstream.ops.reading import GONE
from ccstream.ops.refusals import denied, is_denied, told
from ccstream.ops.settings import Settings
from ccstream.wire.catalogue import CHANNELS, SYNC_TOPICS, input_topic
from ccstream.wire.headers import event_headers

__all__ = ["SHOWN", "Prober"]

log = logging.getLogger(__name__)

SHOWN: Final = (*(spec.name for spec in HEARTBEAT_METRICS), "ccstream_build_info")
"""What a prober counts; the rest of the table is the workers'."""

QUESTION_S_MAX: Final = 5.0
BATCH_RECORDS_MAX: Final = 500

_TABLES: Final = {topic: table for table, topic in SYNC_TOPICS.items()}


class Prober:
    """One prober, in the calling thread.

    Args:
        settings: which Kafka, which channels, how often.
        metrics: where to count.
        now: seconds since the epoch.
    """

    def __init__(
        self, settings: Settings, metrics: Metrics, now: Callable[[], float] = time.time
    ) -> None:
        self._settings = settings
        self._metrics = metrics
        self._now = now
        self._codec = codec_of(settings)
        self._channels = (*CHANNELS, *settings.channels_extra)
        self._partitions = settings.kafka.partitions
        self._timeout_s = settings.heartbeat.timeout_ms / 1000
        self._refused: KafkaError | None = None
        self._producer = make_client(
            Producer,
            producer_config(settings, role="heartbeat", linger_ms=0)
            | {"message.timeout.ms": settings.heartbeat.timeout_ms},
        )
        self._consumer = make_client(
            Consumer, consumer_config(settings, isolation="read_uncommitted", role="heartbeat")
        )
        self.missing: set[tuple[str, str]] = comes_back(self._channels)
        """Of the last beat, what did not come back."""
        self.trouble: CcstreamError | None = None
        """Why the last beat could not be sent at all."""
        for labels in self.missing:
            metrics.add("ccstream_heartbeats_total", labels, 0)
            metrics.add("ccstream_heartbeats_missed_total", labels, 0)

    def run(self, stop: Signal) -> None:
        """Beat until told to stop.

        Raises:
            AccessDeniedError: this user may not publish or read; see the role ``gateway``.
        """
        number = 0
        while not stop.is_set():
            started = time.monotonic()
            self.beat(number % self._partitions)
            number += 1
            pause = self._settings.heartbeat.interval_ms / 1000 - (time.monotonic() - started)
            stop.wait(max(0.0, pause))

    def beat(self, partition: int) -> None:
        """One beat in one partition, and what becomes of it.

        Raises:
            AccessDeniedError: see `run`.
        """
        self.missing = comes_back(self._channels)
        self.trouble = None
        for labels in self.missing:
            self._metrics.add("ccstream_heartbeats_total", labels)
        try:
            self._follow(partition)
            self._await(self._send(partition))
        except KafkaException as problem:
            refused = denied(problem.args[0], "heartbeats cannot go on")
            if refused is not None:
                raise refused from problem
            self.trouble = broker_error(problem, "send a heartbeat")
        except (BrokerUnavailableError, TopicMismatchError) as problem:
            self.trouble = problem
        finally:
            self._consumer.unassign()
        for labels in self.missing:
            self._metrics.add("ccstream_heartbeats_missed_total", labels)
        if self.trouble is not None:
            log.warning("no heartbeat: %s", self.trouble)
        elif self.missing:
            log.warning(
                "partition %d: %d of %d parts of a heartbeat did not come back within %g s",
                *(partition, len(self.missing), len(comes_back(self._channels)), self._timeout_s),
            )

    def close(self) -> None:
        """Disconnect."""
        self._producer.purge()
        self._consumer.close()

    def _follow(self, partition: int) -> None:
        """Read each sync topic from where it ends now, so that nothing of the beat is missed."""
        ends = []
        for topic in _TABLES:
            try:
                found = self._consumer.get_watermark_offsets(
                    TopicPartition(topic, partition), timeout=QUESTION_S_MAX
                )
            except KafkaException as problem:
                if problem.args[0].code() not in GONE:
                    raise
                raise TopicMismatchError(
                    f"there is no partition {partition} of {topic}; `ccstream topics plan` shows "
                    "what is missing"
                ) from problem
            if found is None:
                raise BrokerUnavailableError(f"no broker told where {topic} ends")
            ends.append(TopicPartition(topic, partition, max(0, found[1])))
        self._consumer.assign(ends)

    def _send(self, partition: int) -> int:
        """Publish the beat; the time that is in its events."""
        subject = subject_in(partition, self._partitions)
        now_ms = int(self._now() * 1000)
        for channel in self._channels:
            for event in beat(channel, subject, now_ms):
                self._producer.produce(
                    input_topic(channel),
                    self._codec.encode_event(event),
                    subject.encode(),
                    headers=list(event_headers(event)),
                    on_delivery=self._stored,
                )
        self._producer.poll(0)
        return now_ms

    def _stored(self, error: KafkaError | None, _message: Message) -> None:
        if error is not None and is_denied(error):
            self._refused = error

    def _await(self, sent_ms: int) -> None:
        started = time.monotonic()
        while self.missing:
            left = started + self._timeout_s - time.monotonic()
            if left <= 0:
                return
            self._producer.poll(0)
            if self._refused is not None:
                raise KafkaException(self._refused)
            first = self._consumer.poll(min(left, 0.1))
            if first is None:
                continue
            for message in (first, *self._consumer.consume(BATCH_RECORDS_MAX, 0)):
                self._take(message, sent_ms, time.monotonic() - started)

    def _take(self, message: Message, sent_ms: int, seconds: float) -> None:
        error = message.error()
        if error is not None:
            if error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED:
                raise KafkaException(error)
            if error.code() != KafkaError._PARTITION_EOF:
                log.debug("heartbeat: %s", told(error))
            return
        labels = self._labels(message, sent_ms)
        if labels in self.missing:
            self.missing.discard(labels)
            self._metrics.observe("ccstream_heartbeat_round_trip_seconds", labels, seconds)
            self._metrics.set("ccstream_heartbeat_last_timestamp_seconds", labels, self._now())

    def _labels(self, message: Message, sent_ms: int) -> tuple[str, str]:
        """Channel and table, if it is this beat's; nothing that is waited for otherwise."""
        value: Any = message.value()
        key: Any = message.key()
        if value is None or not (key or b"").startswith(b"heartbeat:"):
            return ("", "")
        try:
            cause: Mapping[str, Any] = self._codec.decode(value)[1]["cause"]
        except CcstreamError:
            return ("", "")
        if cause["source"] != SOURCE or cause["occurred_at"] != sent_ms:
            return ("", "")
        return cause["channel"], _TABLES[str(message.topic())]
