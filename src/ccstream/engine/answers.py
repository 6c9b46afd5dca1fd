"""Answers to questions about rows, in whichever thread asks.

Rows are looked at between two turns of the chunk loop, all those of one answer together: either
as they are committed, or as they are being folded. Under the loop's lock nothing is decoded, so
that a question costs the fold some microseconds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from msgspec import Struct

from ccstream.domain.identity import NOBODY, Alias, holder_at
from ccstream.domain.observed import Observed
from ccstream.domain.touch import TouchLimits, path
from ccstream.domain.touch_shares import whole
from ccstream.domain.window import Window, WindowLimits, admit
from ccstream.engine.aggregates import ALIASES, ORDERS, WINDOWS
from ccstream.engine.chunks import ChunkLoop
from ccstream.engine.partition import NOTHING_FOLDED, Partition
from ccstream.engine.store import Table
from ccstream.errors import CcstreamError
from ccstream.wire.catalogue import SYNC_TOPICS
from ccstream.wire.cause import Cause
from ccstream.wire.entry import Entry, SyncCodec
from ccstream.wire.partition import partition_for
from ccstream.wire.query import Answer, Question, Visit, Written

__all__ = ["Answers", "NotHereError"]

GATE_S_MAX: Final = 0.5
"""To wait for the turn of the loop to end: a full chunk takes some 10 ms. A commit that must be
waited for takes longer, and then the question is asked anew."""

TOUCHES: Final = "touches"

ASKABLE: Final = frozenset(SYNC_TOPICS) - {ALIASES}
"""The tables whose rows are told."""

NO_CAUSE: Final = Cause("", "", "", "", 0, 0, "")
"""A question has none, and the records have room for one."""

_Row = Entry | bytes | None


class NotHereError(CcstreamError):
    """The rows are not served by this worker just now."""


class _Seen(Struct):
    """What was looked at, not decoded yet."""

    partition: Partition
    epoch: int
    folded: list[int]
    alias: _Row
    window: _Row
    rows: dict[str, dict[str, _Row]]


class Answers:
    """Answers for the partitions that a chunk loop serves.

    Args:
        app_id: the application whose tables they are.
        partitions: how many partition numbers there are.
        topics: the input topics at the index of their topic number.
        chunks: the loop.
        codecs: those of the sync records, by table.
        limits: of the duplicate windows.
        touch_limits: how far the path of touches goes back.
        alive: whether this worker may still take itself for the owner.
    """

    def __init__(
        self,
        *,
        app_id: str,
        partitions: int,
        topics: tuple[str, ...],
        chunks: ChunkLoop,
        codecs: Mapping[str, SyncCodec],
        limits: WindowLimits,
        touch_limits: TouchLimits,
        alive: Callable[[], bool],
    ) -> None:
        self._app_id = app_id
        self._partitions = partitions
        self._topics = topics
        self._chunks = chunks
        self._codecs = codecs
        self._limits = limits
        self._touch_limits = touch_limits
        self._alive = alive

    def answer(self, question: Question) -> Answer:
        """The answer.

        Raises:
            NotHereError: the entity's partition is not served here just now.
        """
        if question.app_id != self._app_id:
            raise NotHereError(f"this is no worker of the application {question.app_id}")
        number = partition_for(question.entity.encode(), self._partitions)
        tables = [table for table in question.tables if table in ASKABLE]
        written = question.written
        link_at_home = written is not None and written.link and written.subject == question.entity
        looked_at = sorted(ASKABLE.union(tables)) if link_at_home else tables
        read_at = time.time_ns() // 1_000_000
        seen = self._look(number, question.entity, looked_at, live=question.live)
        alias: Alias | None = self._state(seen, ALIASES, seen.alias)
        included, holder = True, ""
        if written is not None:
            included, holder = self._includes(seen, question.entity, written, alias)
        as_of = {
            topic: folded
            for topic, folded in zip(self._topics, seen.folded, strict=True)
            if folded != NOTHING_FOLDED
        }
        answer = Answer(
            partition=number,
            epoch=seen.epoch,
            read_at=read_at,
            as_of=as_of,
            root="" if alias is None else alias.root,
            included=included,
            holder=holder,
        )
        for table in tables:
            self._tell(answer, seen, table, question)
        return answer

    def _look(self, number: int, entity: str, tables: list[str], *, live: bool) -> _Seen:
        gate = self._chunks.gate
        if not gate.acquire(timeout=GATE_S_MAX):
            raise NotHereError("the worker is busy; ask again")
        try:
            partition = self._chunks.partitions.get(number)
            if partition is None or not self._alive():
                raise NotHereError(f"partition {number} is not served by this worker")
            folded = partition.folded if live else self._chunks.committed[number]
            held = partition.tables
            return _Seen(
                partition,
                partition.epoch,
                list(folded),
                held[ALIASES].look(entity, live=live),
                held[WINDOWS].look(entity, live=live),
                {table: _rows(held[table], table, entity, live) for table in tables},
            )
        finally:
            gate.release()

    def _state(self, seen: _Seen, table: str, row: _Row) -> Any:
        return None if row is None else seen.partition.tables[table].decode(row).state

    def _includes(
        self, seen: _Seen, entity: str, written: Written, alias: Alias | None
    ) -> tuple[bool, str]:
        """Whether the event is included, and where else to ask if it was sent on.

        An event that was refused is included by its having been looked at. That which is a log-in
        is once the subject has no rows left to hand over.
        """
        window: Window | None = self._state(seen, WINDOWS, seen.window)
        if entity != written.subject:
            return self._knows(window, written), ""
        topic = self._topics.index(written.topic) if written.topic in self._topics else None
        if topic is None or seen.folded[topic] < written.offset:
            return False, ""
        if written.link:
            root = NOBODY if alias is None else alias.root
            left = any(row is not None for rows in seen.rows.values() for row in rows.values())
            return root == NOBODY or not left or not self._knows(window, written), ""
        holder = NOBODY if alias is None else holder_at(alias, written.occurred_at)
        if holder == NOBODY or not self._knows(window, written):
            return True, ""
        return False, holder

    def _knows(self, window: Window | None, written: Written) -> bool:
        """Whether a window has taken the event in, or would never."""
        verdict, _ = admit(
            window, written.event_id, written.occurred_at, written.source, 0, self._limits
        )
        return verdict != "fresh"

    def _tell(self, answer: Answer, seen: _Seen, table: str, question: Question) -> None:
        told: list[bytes] = []
        versions: list[int] = []
        held = seen.partition.tables[table]
        for row in seen.rows[table].values():
            if row is None:
                continue
            entry = held.decode(row)
            token = Observed.encode(seen.partition.scope, seen.folded) if table == "carts" else b""
            encode = self._codecs[table].encode_synced
            told.append(encode(question.entity, entry, 0, NO_CAUSE, None, token))
            versions.append(entry.version)
            if table == TOUCHES and question.path:
                answer.path.extend(
                    Visit(one.started_at, one.ended_at, one.channel, one.campaign_id, one.touches)
                    for one in path(whole(entry.state, self._touch_limits))
                )
        answer.rows[table] = told
        answer.versions[table] = versions


def _rows(table: Table, name: str, entity: str, live: bool) -> dict[str, _Row]:
    if name == ORDERS:
        return table.look_of(entity, live=live)
    return {entity: table.look(entity, live=live)}
