"""``ccstream worker`` in which a run can kill, slow down or break things at named points.

The parts of the engine are put together by `ccstream.engine.worker`; this puts others in their
place there, each the real one with something around it. So the engine itself has no switch for
tests, and what is compiled stays as it is. A `nursery` starts it. ``CHAOS_FOLDER`` names
the folder through which a run speaks to it:

* ``kill`` holds a point and a number: at that passage of the point the process kills itself, as
  ``kill -9`` would, and only once;
* while ``hold-restore`` exists, a restore stands still: when it knows how far it has to read, or
  when it has read some of it;
* ``clock`` holds seconds by which its wall clock is ahead.

``CHAOS_MUTANT`` names a mistake that it makes: what the checker must be able to find.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ccstream.engine import restore as engine_restore
from ccstream.engine import transactional
from ccstream.engine import worker as engine_worker
from ccstream.engine.chunks import ChunkLoop
from ccstream.engine.clock import Clock
from ccstream.engine.cluster import Cluster
from ccstream.engine.transactional import TransactionalDelivery
from ccstream.engine.transactional_producer import TransactionalProducer
from ccstream.ops import logs
from ccstream.ops.settings import Settings
from tests.chaos.records import decode, encode

__all__ = ["AFTER_SOME", "BEFORE_ANY", "FOLDER", "MUTANT", "MUTANTS", "POINTS", "main"]

FOLDER = "CHAOS_FOLDER"
MUTANT = "CHAOS_MUTANT"

AFTER_FOLD = "after a fold"
AFTER_OUTPUT = "after some outputs"
BEFORE_OFFSETS = "in the transaction, before its offsets"
AFTER_OFFSETS = "in the transaction, after its offsets"
AFTER_COMMIT = "after the commit, before anything is written elsewhere"
POINTS = (AFTER_FOLD, AFTER_OUTPUT, BEFORE_OFFSETS, AFTER_OFFSETS, AFTER_COMMIT)

MUTANTS = ("an event is lost", "an effect is doubled", "a version goes back")
BEFORE_ANY, AFTER_SOME = "before any", "after some"
"""When a restore stands still."""

EVERY = 50
"""Of so many records, one is hit by a mutant."""

RESTORE_BATCH = 20
RESTORE_PAUSE_S = 0.05

STUCK_S = 2.0
"""Heartbeats are due several times in it: if something holds the interpreter for so long, or the
machine gives it no time, the worker loses its place in the group."""

_passed: dict[str, int] = {}


def _at(name: str) -> Path:
    """A file of the run's folder; a worker that nobody tells anything finds none."""
    return Path(os.environ.get(FOLDER, "/nowhere")) / name


def reached(point: str) -> None:
    """Die here if the run says so."""
    order = _at("kill")
    try:
        at, number = order.read_text(encoding="utf-8").split("\n")
    except (OSError, ValueError):
        return
    if at != point:
        return
    _passed[point] = _passed.get(point, 0) + 1
    if _passed[point] >= int(number):
        try:
            order.unlink()
        except OSError:  # the other worker was quicker: one of them is enough
            return
        os.kill(os.getpid(), signal.SIGKILL)


class _Folder:
    """A folder (`engine.fold`) with a point after each fold, and with the mutants."""

    def __init__(self, folder: Any) -> None:
        self._folder = folder
        self._mutant = os.environ.get(MUTANT, "")
        self._count = 0

    def fold(self, partition: Any, topic: int, record: Any) -> None:
        self._count += 1
        if self._mutant and self._count % EVERY == 0:
            self._mistake(partition, topic, record)
        else:
            self._folder.fold(partition, topic, record)
        reached(AFTER_FOLD)

    def _mistake(self, partition: Any, topic: int, record: Any) -> None:
        if self._mutant == "an event is lost":
            partition.folded[topic] = record.offset()
            partition.changed = True
        elif self._mutant == "an effect is doubled":
            self._folder.fold(partition, topic, record)
            self._folder.fold(partition, topic, _Twin(record))
        else:
            self._folder.fold(partition, topic, record)
            partition._counter = max(0, partition._counter - EVERY)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._folder, name)


class _Twin:
    """The same event under another id, as if it were another one."""

    def __init__(self, record: Any) -> None:
        self._record = record

    def value(self) -> Any:
        try:
            name, event = decode(self._record.value())
        except KeyError:
            return self._record.value()
        if "event_id" not in event:
            return self._record.value()
        return encode(name, {**event, "event_id": f"{event['event_id']}-again"})

    def __getattr__(self, name: str) -> Any:
        return getattr(self._record, name)


class _Chunks(ChunkLoop):
    def __init__(self, plane: Any, folder: Any, *rest: Any) -> None:
        super().__init__(plane, _Folder(folder), *rest)


class _Delivery(TransactionalDelivery):
    def send(self, *record: Any) -> None:
        super().send(*record)
        reached(AFTER_OUTPUT)


class _Producer(TransactionalProducer):
    def send_rows(self, rows: Any, appended: Any = None) -> None:
        reached(BEFORE_OFFSETS)  # with no row sent, or with the first one and after the pause
        super().send_rows(rows, appended)

    def send_offsets(self, offsets: Any, metadata: bytes) -> None:
        reached(BEFORE_OFFSETS)
        super().send_offsets(offsets, metadata)
        reached(AFTER_OFFSETS)

    def commit(self) -> None:
        super().commit()
        reached(AFTER_COMMIT)


class _Cluster(Cluster):
    def restore(self, ranges: Any, table_of: Any, cancelled: Any, progress: Any) -> Any:
        held = _at("hold-restore")
        try:
            begun = held.read_text(encoding="utf-8") == AFTER_SOME
        except OSError:
            return super().restore(ranges, table_of, cancelled, progress)
        _at("restoring").touch()

        def wait() -> None:
            while held.exists() and not cancelled():
                time.sleep(RESTORE_PAUSE_S)

        def progressed(state: Any) -> None:
            progress(state)
            if state.records:
                wait()

        if not begun:
            wait()
        try:
            return super().restore(ranges, table_of, cancelled, progressed if begun else progress)
        finally:
            _at("restoring").unlink(missing_ok=True)


class _Clock(Clock):
    def now_ms(self) -> int:
        try:
            ahead = float(_at("clock").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            ahead = 0.0
        return super().now_ms() + int(ahead * 1000)


def _watch() -> None:
    """Write to the log where every thread is, when none has run for a while."""
    while True:
        faulthandler.dump_traceback_later(STUCK_S)
        time.sleep(STUCK_S / 10)


def main(restarts: int = 0) -> int:
    replaced: dict[str, Callable[..., Any]] = {
        "ChunkLoop": _Chunks,
        "TransactionalDelivery": _Delivery,
        "Cluster": _Cluster,
        "Clock": _Clock,
    }
    for name, part in replaced.items():
        assert hasattr(engine_worker, name), f"the worker has no {name} any more"
        setattr(engine_worker, name, part)
    assert hasattr(transactional, "TransactionalProducer")
    transactional.TransactionalProducer = _Producer  # type: ignore[misc]
    if _at("hold-restore").exists():
        engine_restore._BATCH = RESTORE_BATCH
    threading.Thread(target=_watch, daemon=True).start()
    settings = Settings.load()
    logs.configure(settings.log)
    return engine_worker.run(settings, restarts=restarts)
