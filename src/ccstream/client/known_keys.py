"""The data keys that the log has, followed in a thread: which one to encrypt with, what to read by.

They are the rows of the table ``keys``, read committed from its changelog. All of them are held in
memory as they are in the log, some 300 bytes a person, since nobody can say which person comes
next; what has no room for that posts through the gateway.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import Any, Final

from ccstream.domain.personal_keys import PersonalKey, PersonalKeys
from ccstream.errors import BrokerUnavailableError, CcstreamError, StateError, TopicMismatchError
from ccstream.ops.broker import Broker
from ccstream.ops.reading import TopicReader
from ccstream.ops.settings import Settings
from ccstream.wire.catalogue import changelog_topic
from ccstream.wire.rows import ROW_CODECS

__all__ = ["KEYS", "KnownKeys"]

log = logging.getLogger(__name__)

KEYS: Final = "keys"
"""The table."""

AGAIN_S: Final = 1.0
"""Between two attempts to read on, after an error."""

STOP_S: Final = 5.0
"""The longest that an end waits for the thread: a question to a broker has as long."""


class KnownKeys:
    """The keys, by entity. Any thread may ask.

    Args:
        settings: which cluster and application.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._topic = changelog_topic(settings.app_id, KEYS)
        self._rows: dict[str, bytes] = {}
        self._elsewhere: dict[str, str] = {}  # an entity whose keys are in another's row
        self._caught_up = threading.Event()
        self._stopping = threading.Event()
        self._trouble: CcstreamError | None = None
        self._thread: threading.Thread | None = None
        self.gone = 0
        """How many rows have been deleted: when it grows, what was cached may be gone."""

    def start(self) -> None:
        """Begin to read, in a thread that an ending program need not wait for."""
        self._thread = threading.Thread(target=self._follow, name="ccstream-keys", daemon=True)
        self._thread.start()

    def wait(self, timeout_s: float) -> None:
        """Wait until all is read that there was at the start.

        Raises:
            CcstreamError: why it could not be read in time.
        """
        deadline = time.monotonic() + timeout_s
        while not self._caught_up.wait(min(0.05, timeout_s)):
            if time.monotonic() > deadline:
                raise self._trouble or BrokerUnavailableError(
                    f"{self._topic} was not read within {timeout_s:g} s"
                )
            if self._trouble is not None and not isinstance(
                self._trouble, BrokerUnavailableError | TopicMismatchError
            ):
                raise self._trouble

    @property
    def caught_up(self) -> bool:
        """Whether all has been read that there was at the start."""
        return self._caught_up.is_set()

    def stop(self) -> None:
        """End the thread."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(STOP_S)

    def of(self, entity: str) -> tuple[PersonalKey, ...]:
        """All keys in the row where the entity's are, those of others among them."""
        row = self._rows.get(entity) or self._rows.get(self._elsewhere.get(entity, ""))
        return () if row is None else _keys(row)

    def _follow(self) -> None:
        while not self._stopping.is_set():
            try:
                self._read()
            except CcstreamError as problem:
                if type(self._trouble) is not type(problem):
                    log.warning("the data keys cannot be followed: %s", problem)
                self._trouble = problem
                self._stopping.wait(AGAIN_S)

    def _read(self) -> None:
        found = Broker(self._settings).cluster().topics.get(self._topic)
        if found is None:
            raise TopicMismatchError(
                f"there is no topic {self._topic} at {self._settings.kafka.bootstrap}: is app_id "
                "right, and has `ccstream topics apply` been run?"
            )
        with TopicReader(self._settings, self._topic, "read_committed") as reader:
            bounds = {number: reader.bounds(number) for number in range(found.partitions)}
            left = {number for number, one in bounds.items() if one.first < one.end}
            starts = {number: one.first for number, one in bounds.items()}
            if not left:
                self._caught_up.set()
            for batch in reader.read(starts, follow=True):
                for message in batch:
                    self._take(message)
                left.intersection_update(reader.unfinished)
                if not left:
                    self._caught_up.set()
                    self._trouble = None
                if self._stopping.is_set():
                    return

    def _take(self, message: Any) -> None:
        value = message.value()
        try:
            name = message.key().decode()
        except (AttributeError, UnicodeDecodeError):
            raise StateError(
                f"{self._topic}[{message.partition()}]@{message.offset()} has no key that is text: "
                "no worker wrote it"
            ) from None
        before = self._rows.pop(name, None)
        if value is None:
            if before is None:
                return
            for key in _keys(before):
                if self._elsewhere.get(key.entity) == name:
                    del self._elsewhere[key.entity]
            self.gone += 1
            return
        self._rows[name] = value
        for key in _keys(value):
            if key.entity != name:
                self._elsewhere[key.entity] = name


def _keys(row: bytes) -> tuple[PersonalKey, ...]:
    state: PersonalKeys = ROW_CODECS[KEYS].decode_row(row).state
    return state.keys
