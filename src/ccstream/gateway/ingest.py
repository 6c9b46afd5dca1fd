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
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any, Final

import orjson
from starlette.requests import Request
from starlette.responses import Response

from ccstream.gateway import cloudevents
from ccstream.gateway.admission import (
    Admission,
    Admitted,
    Answers,
    answers_of,
    records_of,
    unavailable,
)
from ccstream.gateway.auth import identity_of
from ccstream.gateway.bodies import read_body
from ccstream.gateway.endpoints import Endpoint, Services
from ccstream.gateway.ingest_api import OPERATION
from ccstream.gateway.problems import ProblemError
from ccstream.wire.validate import ID_CHARS_MAX

__all__ = ["Ingest"]

TURN_EVENTS: Final = 100
"""Events of a batch after which other requests get a turn: about 3 ms of work."""

_OTHER: Final = "other"


class Ingest:
    """The part that takes events."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._settings = services.settings.gateway
        self._intake = services.intake

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
            raise unavailable(self._intake.away)
        trace = request.headers.get("traceparent")
        tracing = self._services.tracing
        with nullcontext(trace) if tracing is None else tracing.publish(count, trace) as carried:
            admission = Admission(self._intake, identity_of(request), key, carried)
            answers = await self._taken(admission, given.events)
        return _batch_answer(answers) if given.batch else _single_answer(answers.each[0])

    async def _taken(self, admission: Admission, events: Sequence[Any]) -> Answers:
        """What is answered for each of a request's events."""
        checked: list[Admitted | ProblemError] = []
        for index, event in enumerate(events):
            if index and index % TURN_EVENTS == 0:
                await asyncio.sleep(0)
            try:
                checked.append(admission.admit(event, index))
            except ProblemError as problem:
                checked.append(problem)
        positions = await self._intake.store(records_of(checked))
        answers = answers_of(checked, positions, self._services.signer)
        self._count(answers)
        return answers

    def _count(self, answers: Answers) -> None:
        counts: dict[tuple[str, ...], float] = {}
        for result, channels in (
            ("accepted", answers.accepted),
            ("unavailable", answers.unavailable),
        ):
            for channel, count in channels.items():
                counts[channel, result] = count
        if answers.refused:
            counts[_OTHER, "refused"] = answers.refused
        self._services.metrics.add_many("ccstream_gateway_events_total", counts)


def _batch_answer(answers: Answers) -> Response:
    if answers.all_accepted:
        return _json(202, {"events": answers.each})
    statuses = {answer["status"] for answer in answers.each}
    if statuses == {503}:
        raise answers.each[0]["problem"]
    for answer in answers.each:
        if "problem" in answer:
            answer["problem"] = answer["problem"].document()
    return _json(207, {"events": answers.each})


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
