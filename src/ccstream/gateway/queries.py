"""``GET /v1/profiles/{key}`` and below: what is known of a customer, from the owner's tables.

A query goes to the worker that owns the key, or the account that the key belongs to, and is
answered with rows as they are committed together; with ``live`` as they are being folded, some of
which a crash may take back. ``Ccstream-After`` has the positions that ingest answered with: what
is answered includes those events, or it is 409.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from ccstream.client.sync_decoder import SyncDecoder
from ccstream.gateway import messages
from ccstream.gateway.asking import Asker
from ccstream.gateway.endpoints import Endpoint, Services
from ccstream.gateway.positions import position_of
from ccstream.gateway.problems import ProblemError
from ccstream.gateway.profiles import AGGREGATES, ORDERS_SHOWN_MAX
from ccstream.gateway.queries_api import operation_of
from ccstream.gateway.timeline import timeline
from ccstream.ops.codecs import codec_of
from ccstream.wire.headers import time_text
from ccstream.wire.query import Answer, Question, Written
from ccstream.wire.validate import is_entity_key

__all__ = ["AFTER", "Known", "Queries", "as_of", "entity_key"]

AFTER: Final = "ccstream-after"

POSITIONS_MAX: Final = 8
"""A page waits for what it has just posted; more are a mistake."""

WAIT_S: Final = 2.0
"""For a partition that moves, and for an event to be included."""

PAUSE_S_MIN: Final = 0.005
PAUSE_S_MAX: Final = 0.1
"""Between two looks whether an event is included: live it is after milliseconds, committed after
a tenth of a second."""

HOPS_MAX: Final = 8
"""Aliases of aliases that are followed."""

_encode: Final = msgspec.json.Encoder().encode


class Known(msgspec.Struct, frozen=True):
    """What was answered: the subject that the key led to, the owner's words, and the records."""

    subject: str
    answer: Answer
    records: Mapping[str, Any]

    @property
    def version(self) -> int:
        """The highest version of the rows, 0 if there is none."""
        return max((one for rows in self.answer.versions.values() for one in rows), default=0)


_Tell = Callable[[Known], dict[str, Any]]


def _whole(known: Known) -> dict[str, Any]:
    return dict(known.records)


def _timeline(known: Known) -> dict[str, Any]:
    return {"timeline": timeline(known.answer, known.records)}


VIEWS: Final[Mapping[str, tuple[tuple[str, ...], _Tell]]] = {
    "": (tuple(AGGREGATES), _whole),
    "/cart": (("cart",), _whole),
    "/last-touch": (("touch",), _whole),
    "/consents": (("consent",), _whole),
    "/orders": (("order",), _whole),
    "/timeline": (("touch", "order"), _timeline),
}
"""What follows the key in the path: the aggregates that it takes, and what is told of them."""


class Queries:
    """The part that answers them."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._app_id = services.settings.app_id
        self._asker = Asker(services.settings)
        codec = codec_of(services.settings)
        self._decoders = {table: SyncDecoder(table, codec) for table in AGGREGATES.values()}

    def endpoints(self) -> Sequence[Endpoint]:
        return [
            Endpoint(
                method="GET",
                path=f"/v1/profiles/{{key}}{suffix}",
                access="read",
                handler=partial(self._query, suffix),
                operation=operation_of(suffix),
            )
            for suffix in VIEWS
        ]

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self._asker.run(), name="follows the owners")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            self._asker.close()

    def ready(self) -> str | None:
        return self._asker.away

    async def _query(self, suffix: str, request: Request) -> Response:
        key = entity_key(request)
        live = _flag(request, "live")
        written = self._written(request)
        names, tell = VIEWS[suffix]
        known = await self.known(key, names, live=live, written=written)
        tag = _tag(key, known)
        headers = {"ETag": tag}
        if _matches(request.headers.get("if-none-match"), tag):
            return Response(status_code=304, headers=headers)
        body = {
            "key": key,
            "subject": known.subject,
            "version": known.version,
            "as_of": as_of(known.answer, live=live),
            **tell(known),
        }
        return Response(_encode(body), media_type="application/json", headers=headers)

    async def known(
        self,
        key: str,
        names: Sequence[str],
        *,
        live: bool = False,
        written: Sequence[Written] = (),
    ) -> Known:
        """What the tables have of a key.

        Args:
            key: any key of the profile.
            names: which of `AGGREGATES`.
            live: as it is being folded.
            written: events that have to be included.

        Raises:
            ProblemError: unavailable, not-included.
        """
        until = asyncio.get_running_loop().time() + WAIT_S
        for one in written:
            await self._until_included(one, until, live=live)
        tables = tuple(AGGREGATES[name] for name in names)
        entity = key
        for _ in range(HOPS_MAX):
            question = Question(
                app_id=self._app_id, entity=entity, tables=tables, live=live, path=True
            )
            answer = await self._asker.ask(question, until)
            if not answer.root or answer.root == entity:
                break
            entity = answer.root
        return Known(entity, answer, {name: self._told(name, answer) for name in names})

    def _told(self, name: str, answer: Answer) -> Any:
        """The rows of an aggregate as they are told in JSON."""
        table = AGGREGATES[name]
        told = []
        # A worker of an earlier version leaves out a table that it does not have.
        for value in answer.rows.get(table, ()):
            fields = messages.of_record(self._decoders[table].record(value))
            if fields is not None:
                del fields["cause"]  # a row as it is, not an event
                told.append(fields)
        if name != "order":
            return told[0] if told else None
        told.sort(key=lambda one: (one["placed_at"], one["order_id"]), reverse=True)
        return told[:ORDERS_SHOWN_MAX]

    async def _until_included(self, written: Written, until: float, *, live: bool) -> None:
        loop = asyncio.get_running_loop()
        entity, pause = written.subject, PAUSE_S_MIN
        while True:
            question = Question(app_id=self._app_id, entity=entity, live=live, written=written)
            answer = await self._asker.ask(question, until)
            if answer.included:
                return
            if answer.holder and answer.holder != entity:
                entity = answer.holder
                continue
            if loop.time() + pause > until:
                raise ProblemError(
                    "not-included",
                    f"An event of {AFTER.title()} is not included after {WAIT_S:g} s; ask again.",
                    headers={"Retry-After": "1"},
                )
            await asyncio.sleep(pause)
            pause = min(PAUSE_S_MAX, pause * 2)

    def _written(self, request: Request) -> list[Written]:
        texts = [
            text.strip()
            for value in request.headers.getlist(AFTER)
            for text in value.split(",")
            if text.strip()
        ]
        if len(texts) > POSITIONS_MAX:
            raise ProblemError(
                "invalid-position", f"{AFTER.title()} has more than {POSITIONS_MAX} positions."
            )
        found = [position_of(self._services.signer, text) for text in texts]
        if None in found:
            raise ProblemError(
                "invalid-position",
                f"{AFTER.title()} has what no gateway with this signing key answered with.",
            )
        return [one for one in found if one is not None]


def entity_key(request: Request) -> str:
    """The key in the path; raises the problem with one that is none."""
    key: str = request.path_params["key"]
    if not is_entity_key(key):
        raise ProblemError("invalid-request", "The key is not namespace:value, as customer:42 is.")
    return key


def as_of(answer: Answer, *, live: bool) -> dict[str, Any]:
    """What an answer includes."""
    return {
        "time": time_text(answer.read_at),
        "live": live,
        "partition": answer.partition,
        "epoch": answer.epoch,
        "offsets": answer.as_of,
    }


def _flag(request: Request, name: str) -> bool:
    text = request.query_params.get(name, "false")
    if text not in {"true", "false"}:
        raise ProblemError("invalid-request", f"{name} is true or false.")
    return text == "true"


def _tag(key: str, known: Known) -> str:
    """The ETag: the version, of one row; of several, or by another key, what tells all apart.

    Versions compare within one row only. It is weak, as what it tags says when it was read.
    """
    rows = known.answer.versions
    if known.subject == key and len(rows) == 1 and "orders" not in rows:
        return f'W/"{known.version}"'
    told = msgspec.msgpack.encode((known.subject, sorted(rows.items())))
    return f'W/"{known.version}-{hashlib.sha256(told).hexdigest()[:16]}"'


def _matches(header: str | None, tag: str) -> bool:
    if header is None:
        return False
    tags = {text.strip().removeprefix("W/") for text in header.split(",")}
    return "*" in tags or tag.removeprefix("W/") in tags
