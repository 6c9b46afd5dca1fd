"""The events of one request: every check of each, the record that it becomes, and its answer.

Compiled with the hot path, since all of it is done for each event of a batch. What events of one
source have in common (the channel, and whether the caller may publish on it) is found out once.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from typing import Any, Final, final

from msgspec import UNSET

from ccstream.client.event_writer import EventWriter
from ccstream.client.outbox import Outgoing
from ccstream.client.position import Position
from ccstream.domain.events import Event
from ccstream.errors import InvalidEventError, PersonalKeyError
from ccstream.gateway import cloudevents
from ccstream.gateway.at_once import SPECVERSION, event_at_once
from ccstream.gateway.auth import Identity
from ccstream.gateway.envelopes import Envelope
from ccstream.gateway.intake import Intake
from ccstream.gateway.positions import position_text
from ccstream.gateway.problems import FieldError, ProblemError
from ccstream.gateway.signing import Signer
from ccstream.ops.logs import logger

__all__ = ["Admission", "Admitted", "Answers", "answers_of", "records_of", "unavailable"]

log = logger(__name__)

RETRY_AFTER_S: Final = 2
"""By then Kafka has been looked for again."""

IDS: Final = uuid.UUID("0b7a2a5e-51a5-5c0e-9d5b-3c1e2a4f6d80")
"""The namespace of ids made from an Idempotency-Key (UUID version 5)."""


@final
class Admitted:
    """An event that is good, and the records that it becomes: keys go before the event."""

    def __init__(self, event: Event, record: Outgoing, keys: list[Outgoing]) -> None:
        self.event: Final = event
        self.record: Final = record
        self.keys: Final = keys


@final
class _Origin:
    """A source that events of the request name."""

    def __init__(self, channel: str, source: str, writer: EventWriter, to_all: bool) -> None:
        self.channel: Final = channel
        self.source: Final = source
        self.writer: Final = writer
        self.to_all: Final = to_all
        """Whether the caller may publish on the channel about anybody."""


@final
class Admission:
    """What the events of one request have in common.

    Args:
        intake: what has a writer for each channel.
        identity: who calls.
        idempotency_key: what ids are made from, where events have none.
        traceparent: the trace of events that have none of their own.
    """

    def __init__(
        self,
        intake: Intake,
        identity: Identity,
        idempotency_key: str | None,
        traceparent: str | None,
    ) -> None:
        self._intake = intake
        self._identity = identity
        self._idempotency_key = idempotency_key
        self._traceparent = traceparent
        self._origins: dict[str, _Origin] = {}

    def admit(self, stated: Any, index: int) -> Admitted:
        """The event at this place of the request.

        Raises:
            ProblemError: what is wrong with it, or with this caller publishing it.
        """
        origin = self._origin(stated)
        now_ms = time.time_ns() // 1_000_000
        fact: Event | None = None
        if isinstance(stated, Envelope) and stated.id is not UNSET:
            fact = event_at_once(stated, origin.channel, origin.source, None, now_ms)
        if fact is None:
            fallback = cloudevents.Unstamped(self._event_id(index), now_ms)
            fact = cloudevents.event_of(stated, origin.channel, origin.source, fallback)
        if not origin.to_all:
            self._identity.demand("publish", channel=origin.channel, key=fact.subject)
        trace = self._trace(stated)
        writer = origin.writer
        try:
            record = writer.write(fact, trace)
        except InvalidEventError as problem:
            raise cloudevents.rule_broken(type(fact), problem) from None
        except PersonalKeyError as problem:
            log.error("a personal field cannot be encrypted", reason=str(problem))
            raise unavailable("its personal fields cannot be encrypted just now") from None
        return Admitted(fact, record, writer.take_keys())

    def _origin(self, stated: Any) -> _Origin:
        enveloped = isinstance(stated, Envelope)
        if enveloped and stated.specversion == SPECVERSION:
            found = self._origins.get(stated.source)
            if found is not None:
                return found
        channel, source = cloudevents.channel_of(stated)
        channels = self._intake.channels
        if channel not in channels:
            detail = "source names a channel that there is not"
            raise ProblemError(
                "invalid-event",
                f"The {detail}; there are {', '.join(channels)}.",
                errors=(FieldError("source", detail),),
            )
        identity = self._identity
        identity.demand("publish", channel=channel)  # before anything else is told
        to_all = identity.may_to_all("publish", channel=channel)
        origin = _Origin(channel, source, self._intake.writer(channel), to_all)
        if enveloped:
            self._origins[stated.source] = origin
        return origin

    def _trace(self, stated: Any) -> str | None:
        fallback = self._traceparent
        if fallback is None and isinstance(stated, Envelope) and stated.traceparent is UNSET:
            return None
        return cloudevents.traceparent_of(stated, fallback)

    def _event_id(self, index: int) -> str | None:
        """The id of an event that states none: the same for the same caller, key and place."""
        if self._idempotency_key is None:
            return None
        return str(uuid.uuid5(IDS, f"{self._identity.id}\0{self._idempotency_key}\0{index}"))


def records_of(checked: Sequence[Admitted | ProblemError]) -> list[Outgoing]:
    """All that is to be stored, in order."""
    records: list[Outgoing] = []
    for one in checked:
        if isinstance(one, Admitted):
            if one.keys:
                records += one.keys
            records.append(one.record)
    return records


@final
class Answers:
    """What is answered for each event of a request, and how often what."""

    def __init__(self) -> None:
        self.each: list[dict[str, Any]] = []
        """Status, and id and position, or the problem."""
        self.accepted: dict[str, int] = {}
        """Events that are stored, by channel."""
        self.unavailable: dict[str, int] = {}
        """Good ones that are not, by channel."""
        self.refused = 0
        """The others, whose channel may be anything."""

    @property
    def all_accepted(self) -> bool:
        return not self.refused and not self.unavailable


def answers_of(
    checked: Sequence[Admitted | ProblemError],
    positions: Sequence[Position | None],
    signer: Signer,
) -> Answers:
    """What is answered for each event.

    Args:
        checked: the events, and what is wrong with those that are not good.
        positions: where each of `records_of` them is.
        signer: signs the positions.
    """
    answers = Answers()
    add = answers.each.append
    accepted = answers.accepted
    at = 0
    for one in checked:
        if not isinstance(one, Admitted):
            answers.refused += 1
            add({"status": one.status, "problem": one})
            continue
        behind = at + len(one.keys) + 1
        event = one.event
        position = positions[behind - 1]
        if position is None or (one.keys and None in positions[at:behind]):
            count = answers.unavailable.get(event.channel, 0)
            answers.unavailable[event.channel] = count + 1
            problem = unavailable("Kafka did not store it in time")
            add({"status": problem.status, "id": event.event_id, "problem": problem})
        else:
            accepted[event.channel] = accepted.get(event.channel, 0) + 1
            token = position_text(signer, position, event)
            add({"status": 202, "id": event.event_id, "position": token})
        at = behind
    return answers


def unavailable(reason: str) -> ProblemError:
    """That something cannot be stored just now, and is to be sent again."""
    return ProblemError(
        "unavailable",
        f"{reason[0].upper()}{reason[1:]}; send it again as it was.",
        headers={"Retry-After": str(RETRY_AFTER_S)},
    )
