"""``POST /v1/events``: CloudEvents in, one or a batch, answered when Kafka has stored them.

*Retries.* An event's id, for its subject and source, counts once: an event that was stored and
is posted again is dropped by the worker that folds it, whichever gateway took it. So a request
that was answered with 503, or not at all, is to be sent again as it was. A sender that has no
ids sends an ``Idempotency-Key`` with the request: ids are made from it, the caller and the
event's place in the batch, the same each time and at each gateway. Nothing is remembered here.

*Order.* Events of one subject are stored in the order of a batch, as far as they are stored.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any, Final

import orjson
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from ccstream.client.outbox import Outgoing
from ccstream.domain.events import Event
from ccstream.errors import InvalidEventError, PersonalKeyError
from ccstream.gateway import cloudevents
from ccstream.gateway.auth import Identity, identity_of
from ccstream.gateway.bodies import read_body
from ccstream.gateway.endpoints import Endpoint, Services
from ccstream.gateway.ingest_api import OPERATION
from ccstream.gateway.positions import position_text
from ccstream.gateway.problems import FieldError, ProblemError
from ccstream.ops.logs import logger
from ccstream.wire.validate import ID_CHARS_MAX

__all__ = ["Ingest"]

log = logger(__name__)

RETRY_AFTER_S: Final = 2
"""By then Kafka has been looked for again."""

TURN_EVENTS: Final = 100
"""Events of a batch after which other requests get a turn: about 3 ms of work."""

IDS: Final = uuid.UUID("0b7a2a5e-51a5-5c0e-9d5b-3c1e2a4f6d80")
"""The namespace of ids made from an Idempotency-Key (UUID version 5)."""

_OTHER: Final = "other"


class _Accepted(Struct, frozen=True):
    """An event that is good, and the record that it becomes."""

    event: Event
    record: Outgoing
    keys: tuple[Outgoing, ...] = ()


class _Sender(Struct, frozen=True):
    """What the events of one request have in common."""

    identity: Identity
    idempotency_key: str | None
    traceparent: str | None

    def event_id(self, index: int) -> str | None:
        """The id of an event that states none: the same for the same caller, key and place."""
        if self.idempotency_key is None:
            return None
        return str(uuid.uuid5(IDS, f"{self.identity.id}\0{self.idempotency_key}\0{index}"))


class Ingest:
    """The part that takes events."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._settings = services.settings.gateway
        self._intake = services.intake
        self._known = frozenset(self._intake.channels)

    def endpoints(self) -> Sequence[Endpoint]:
        return (
            Endpoint(
                method="POST",
                path="/v1/events",
                access="publish",
                handler=self._post,
                operation=OPERATION,
            ),
        )

    def lifespan(self) -> AbstractAsyncContextManager[None]:
        return nullcontext()

    def ready(self) -> str | None:
        return self._intake.away

    async def _post(self, request: Request) -> Response:
        key = _idempotency_key(request)
        body = await read_body(request, self._settings)
        given = cloudevents.stated(request.headers, body)
        count = len(given.events)
        if count > self._settings.batch_events_max:
            raise ProblemError(
                "batch-too-large",
                f"The batch has {count:,} events, at most {self._settings.batch_events_max:,} "
                "are taken.",
            )
        if count > 1:
            self._services.limiter.charge(identity_of(request), count - 1)
        if self._intake.away is not None:
            raise _unavailable(self._intake.away)
        trace = request.headers.get("traceparent")
        tracing = self._services.tracing
        with nullcontext(trace) if tracing is None else tracing.publish(count, trace) as carried:
            sender = _Sender(identity_of(request), key, carried)
            answers = await self._taken(sender, given.events)
        return self._batch_answer(answers) if given.batch else _single_answer(answers[0])

    async def _taken(self, sender: _Sender, events: Sequence[Any]) -> list[dict[str, Any]]:
        """What is answered for each of a request's events."""
        checked: list[_Accepted | ProblemError] = []
        for index, event in enumerate(events):
            if index and index % TURN_EVENTS == 0:
                await asyncio.sleep(0)
            try:
                checked.append(self._checked(sender, event, index))
            except ProblemError as problem:
                checked.append(problem)
        return await self._store(checked)

    def _checked(self, sender: _Sender, event: Any, index: int) -> _Accepted:
        """What to store for an event; raises the problem with it."""
        channel, source = cloudevents.channel_of(event)
        if channel not in self._known:
            detail = "source names a channel that there is not"
            raise ProblemError(
                "invalid-event",
                f"The {detail}; there are {', '.join(self._intake.channels)}.",
                errors=(FieldError("source", detail),),
            )
        sender.identity.demand("publish", channel=channel)  # before anything else is told
        fallback = cloudevents.Unstamped(sender.event_id(index), time.time_ns() // 1_000_000)
        fact = cloudevents.event_of(event, channel, source, fallback)
        sender.identity.demand("publish", channel=channel, key=fact.subject)
        trace = cloudevents.traceparent_of(event, sender.traceparent)
        try:
            writer = self._intake.writer(channel)
            record = writer.write(fact, trace)
        except InvalidEventError as problem:
            raise cloudevents.rule_broken(type(fact), problem) from None
        except PersonalKeyError as problem:
            log.error("a personal field cannot be encrypted", reason=str(problem))
            raise _unavailable("its personal fields cannot be encrypted just now") from None
        return _Accepted(fact, record, tuple(writer.take_keys()))

    async def _store(self, checked: Sequence[_Accepted | ProblemError]) -> list[dict[str, Any]]:
        """What is answered for each: status, and id and position, or the problem."""
        good = [one for one in checked if isinstance(one, _Accepted)]
        records = [record for one in good for record in (*one.keys, one.record)]
        positions = iter(await self._intake.store(records))
        counts: Counter[tuple[str, ...]] = Counter()
        answers: list[dict[str, Any]] = []
        for one in checked:
            if isinstance(one, ProblemError):
                counts[_OTHER, "refused"] += 1
                answers.append({"status": one.status, "problem": one})
                continue
            places = [next(positions) for _ in (*one.keys, one.record)]
            position = None if None in places else places[-1]
            if position is None:
                counts[one.event.channel, "unavailable"] += 1
                problem = _unavailable("Kafka did not store it in time")
                answers.append(
                    {"status": problem.status, "id": one.event.event_id, "problem": problem}
                )
                continue
            counts[one.event.channel, "accepted"] += 1
            token = position_text(self._services.signer, position, one.event)
            answers.append({"status": 202, "id": one.event.event_id, "position": token})
        self._services.metrics.add_many("ccstream_gateway_events_total", counts)
        return answers

    def _batch_answer(self, answers: Sequence[dict[str, Any]]) -> Response:
        statuses = {answer["status"] for answer in answers}
        if statuses == {503}:
            raise answers[0]["problem"]
        for answer in answers:
            if "problem" in answer:
                answer["problem"] = answer["problem"].document()
        return _json(207 if statuses - {202} else 202, {"events": answers})


def _single_answer(answer: dict[str, Any]) -> Response:
    if "problem" in answer:
        raise answer["problem"]
    return _json(202, {"id": answer["id"], "position": answer["position"]})


def _json(status: int, body: object) -> Response:
    return Response(orjson.dumps(body), status_code=status, media_type="application/json")


def _idempotency_key(request: Request) -> str | None:
    key: str | None = request.headers.get("idempotency-key")
    if key is not None and not 0 < len(key) <= ID_CHARS_MAX:
        raise ProblemError(
            "invalid-request", f"Idempotency-Key has not 1 to {ID_CHARS_MAX} characters."
        )
    return key


def _unavailable(reason: str) -> ProblemError:
    return ProblemError(
        "unavailable",
        f"{reason[0].upper()}{reason[1:]}; send it again as it was.",
        headers={"Retry-After": str(RETRY_AFTER_S)},
    )
