"""From an event to the record that goes to Kafka, with every check that needs no broker."""

from __future__ import annotations

import time
from typing import Any, Final, Protocol, TypeGuard, TypeVar

from msgspec.structs import replace
from mypy_extensions import mypyc_attr

from ccstream.client.outbox import Outgoing
from ccstream.client.own_dots import OwnDots
from ccstream.client.position import Position
from ccstream.client.sealer import Sealer
from ccstream.client.stamps import Stamps
from ccstream.domain import reasons
from ccstream.domain.events import (
    CartItemAdded,
    CartItemQuantitySet,
    Event,
    PersonalKeyProvided,
)
from ccstream.domain.seen import Remover
from ccstream.errors import InvalidEventError
from ccstream.wire.catalogue import EVENTS, HEARTBEAT_NAMESPACE
from ccstream.wire.codec import Codec
from ccstream.wire.headers import event_headers
from ccstream.wire.schemas import schema
from ccstream.wire.validate import validate

__all__ = ["EventWriter", "Observes"]

ADDITIONS: Final = (CartItemAdded, CartItemQuantitySet)
"""Events that put units into a cart."""

OVERHEAD_BYTES: Final = 256
"""What Kafka's record format adds to key, value and headers, generously."""

HEADERS_BYTES_MAX: Final = 8 * 1024
"""More than headers can have, whose texts are of 200 characters: far below the limit of a record
they need not be added up."""

E = TypeVar("E", bound=Event)


class Observes(Protocol):
    """Who can say what the author of an event has seen: a ``SyncView``."""

    def observed(self, key: str) -> bytes | None: ...


@mypyc_attr(allow_interpreted_subclasses=True)  # an import's marks its events
class EventWriter:
    """Makes and writes the events of one channel and source."""

    def __init__(
        self,
        channel: str,
        source: str,
        topic: str,
        topic_number: int,
        codec: Codec,
        record_bytes_max: int,
        view: Observes | None = None,
        sealer: Sealer | None = None,
    ) -> None:
        self._channel = channel
        self._source = source
        self._topic = topic
        self._topic_number = topic_number
        self._codec = codec
        self._record_bytes_max = record_bytes_max
        self._view = view
        self._sealer = sealer
        self._keys: list[Outgoing] = []
        self._own_dots = OwnDots()
        self._stamps = Stamps()

    def prepare(self) -> None:
        """Ask the schema registry, where there is one, for all it will be asked for."""
        for fullname in EVENTS:
            self._codec.prefix(schema(fullname))

    def event(self, kind: type[E], subject: str, fields: dict[str, Any]) -> E:
        """A new event of this channel, its id and time filled in unless they are given."""
        if "occurred_at" in fields:
            stamped: dict[str, Any] = {"event_id": self._stamps.event_id(fields["occurred_at"])}
        else:
            event_id, occurred_at = self._stamps.next()
            stamped = {"event_id": event_id, "occurred_at": occurred_at}
        try:
            return kind(
                channel=self._channel, source=self._source, subject=subject, **stamped | fields
            )
        except TypeError as error:
            raise InvalidEventError(reasons.MALFORMED, f"{kind.__name__}: {error}") from error

    def write(self, event: Event, traceparent: str | None = None) -> Outgoing:
        """The record of ``event``.

        Raises ``InvalidEventError`` if it is another channel's, breaks a rule, has a field of
        a wrong type, or is too big.
        """
        if event.channel != self._channel:
            raise InvalidEventError(
                reasons.CHANNEL_MISMATCH,
                f"this publisher is of channel {self._channel}, the event of another; publish "
                "it with a publisher of its own channel",
            )
        if event.subject.startswith(HEARTBEAT_NAMESPACE):
            raise InvalidEventError(
                reasons.INVALID_KEY,
                f"the namespace {HEARTBEAT_NAMESPACE} is that of `ccstream heartbeat`, whose rows "
                "no reader is shown; use another",
            )
        if self._view is not None and isinstance(event, Remover):
            event = self._saying_what_was_seen(event, self._view)
        value = self._codec.encode_event(event)  # first, since it finds wrong types
        rejection = validate(event, time.time_ns() // 1_000_000)
        if rejection is not None:
            raise InvalidEventError(rejection.reason, rejection.detail)
        if self._sealer is not None:
            sealed, new_key = self._sealer.seal(event)
            if sealed is not event:
                event, value = sealed, self._codec.encode_event(sealed)
            if new_key is not None:
                fields = new_key._asdict()
                provided = self.event(PersonalKeyProvided, event.subject, fields)
                self._keys.append(self.write(provided, traceparent))
        key = event.subject.encode()
        headers = event_headers(event, None if traceparent is None else traceparent.encode())
        size = len(key) + len(value) + OVERHEAD_BYTES
        if size + HEADERS_BYTES_MAX > self._record_bytes_max:
            size += sum(len(name) + len(text) for name, text in headers)
            if size > self._record_bytes_max:
                raise InvalidEventError(
                    reasons.TOO_BIG,
                    f"the record has about {size} bytes, at most {self._record_bytes_max} are "
                    "taken (kafka.max_message_bytes)",
                )
        if self.follows(event):
            self._own_dots.made(event)
        return Outgoing(self._topic, key, value, headers)

    def take_keys(self) -> list[Outgoing]:
        """Records of keys that have to go before the record that was written last."""
        if not self._keys:
            return []
        taken, self._keys = self._keys, []
        return taken

    def _saying_what_was_seen(self, event: Remover, view: Observes) -> Remover:
        if event.observed is not None or event.dots:
            return event  # its author has said so
        token = view.observed(event.subject)
        return replace(event, observed=token, dots=self._own_dots.unseen(event, token))

    def follows(self, event: Event) -> TypeGuard[CartItemAdded | CartItemQuantitySet]:
        """Whether ``placed`` is to be told where Kafka has put the event."""
        return self._view is not None and isinstance(event, ADDITIONS)

    def placed(self, event: Event, position: Position) -> None:
        """Kafka has put the event there."""
        place = (position.partition, self._topic_number, position.offset)
        self._own_dots.placed(event.subject, event.event_id, place)
