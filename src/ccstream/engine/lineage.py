"""Applications of one state: the one that is rebuilt, and what is rebuilt of it.

What an author has seen is told by a token that names a state and offsets of its inputs, mail
among them. An application that is to decide as another did takes that one's state id, reads the
letters that one wrote, and writes none as long as it rebuilds: so every offset means the same in
both. Of the applications of one state id

* epochs rise together, so that whoever takes over later has the higher versions, on whatever topic;
* only the one that has folded furthest may work by itself, or events would count once more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

import structlog
from msgspec import Struct

from ccstream.engine.cluster import TopicPartitionKey
from ccstream.engine.layout import Layout
from ccstream.engine.owners import (
    OWNERS_PARTITION,
    Owner,
    all_owners,
    check_partitions,
    new_state_id,
)
from ccstream.errors import AccessDeniedError, OptionError, StateError
from ccstream.ops.reading import TopicReader
from ccstream.ops.settings import Settings
from ccstream.wire.catalogue import OWNERS_TOPIC

__all__ = ["Lineage", "Rebuild", "check_rebuild", "epoch_before"]

log = structlog.get_logger(__name__)

Owners = Mapping[str, Mapping[int, Owner]]
"""The owners of each application, by partition number."""


class Rebuild(Struct, frozen=True):
    """That a worker rebuilds application ``of``, and whether it ends once it has caught up."""

    of: str
    until_caught_up: bool = False


class _Groups(Protocol):
    def committed_by(
        self, group: str, partitions: Iterable[TopicPartitionKey]
    ) -> Mapping[TopicPartitionKey, int]: ...


class Lineage:
    """Whose state a take-over goes on with.

    Args:
        layout: the topics of the application.
        rebuilds: the application that it rebuilds, None if it works by itself.
    """

    def __init__(self, layout: Layout, rebuilds: str | None) -> None:
        self._layout = layout
        self._rebuilds = rebuilds

    def state_id(self, number: int, owners: Owners) -> bytes:
        """That of the partition number's state, made if there is none.

        Raises:
            StateError: the application to rebuild has none, or this one has another.
        """
        if self._rebuilds is None:
            own = owners.get(self._layout.app_id, {}).get(number)
            return new_state_id() if own is None else own.state_id
        return _rebuilt_state_id(
            number, owners, self._layout.app_id, self._rebuilds, self._layout.partitions
        )

    def check(
        self,
        numbers: Iterable[int],
        owners: Owners,
        offsets: Mapping[TopicPartitionKey, int],
        groups: _Groups,
    ) -> None:
        """Refuse to work by itself where another application of this state has folded further.

        Raises:
            StateError: one has.
            BrokerUnavailableError: its offsets were not told in time.
        """
        if self._rebuilds is not None:
            return
        numbers = sorted(numbers)
        own = owners.get(self._layout.app_id, {})
        for app_id, others in owners.items():
            if app_id == self._layout.app_id:
                continue
            shared = {n for n in own if n in others and others[n].state_id == own[n].state_id}
            if shared:
                self._check_complete(app_id, numbers, own)
                self._check_not_behind(app_id, sorted(shared & set(numbers)), offsets, groups)

    def _check_complete(self, other: str, numbers: list[int], own: Mapping[int, Owner]) -> None:
        missing = [number for number in numbers if number not in own]
        if missing:
            raise StateError(
                f"application {self._layout.app_id!r} rebuilds {other!r} and has not begun with "
                f"partition {missing[0]}: finish with `ccstream rebuild --as {self._layout.app_id} "
                f"--of {other}` first"
            )

    def _check_not_behind(
        self,
        other: str,
        numbers: list[int],
        offsets: Mapping[TopicPartitionKey, int],
        groups: _Groups,
    ) -> None:
        if not numbers:
            return
        try:
            reached = groups.committed_by(other, self._layout.inputs(numbers))
        except AccessDeniedError as refused:
            log.warning("cannot tell which application is ahead", other=other, reason=str(refused))
            return
        ahead = [(at, offset) for at, offset in reached.items() if offset > offsets[at]]
        if ahead:
            (topic, number), offset = ahead[0]
            raise StateError(
                f"application {other!r}, of the same state, has folded {topic}[{number}] up to "
                f"offset {offset}, {self._layout.app_id!r} up to {offsets[topic, number]}: stop "
                f"its workers, and catch up with `ccstream rebuild --as {self._layout.app_id} "
                f"--of {other}` first"
            )


def check_rebuild(
    settings: Settings, of: str, report: Callable[[str], None], *, asked: bool = False
) -> None:
    """Refuse unless the application of these settings can rebuild application ``of``, all of it.

    Args:
        settings: those of the new one.
        of: the one to rebuild.
        report: told that brokers are away.
        asked: whether ``of`` was asked for, rather than being the one that is configured.

    Raises:
        OptionError: there is no such application, and it was asked for.
        StateError: that one has no state, or this one has one of its own.
        BrokerUnavailableError: the owners of both were not told in time.
    """
    with TopicReader(settings, OWNERS_TOPIC, "read_uncommitted", report) as reader:
        first = reader.bounds(OWNERS_PARTITION).first
        owners = all_owners(
            one for batch in reader.read({OWNERS_PARTITION: first}) for one in batch
        )
    if asked and of not in owners:
        raise OptionError(
            f"--of: there is no application {of!r} at {settings.kafka.bootstrap}: no worker of it "
            "has ever owned a partition"
        )
    for number in range(settings.kafka.partitions):
        _rebuilt_state_id(number, owners, settings.app_id, of, settings.kafka.partitions)


def _rebuilt_state_id(number: int, owners: Owners, app_id: str, of: str, partitions: int) -> bytes:
    rebuilt = owners.get(of, {}).get(number)
    if rebuilt is None:
        raise StateError(
            f"application {of!r} has never owned partition {number}: there is nothing to rebuild; "
            "name the right one with --of"
        )
    check_partitions(rebuilt, partitions)
    own = owners.get(app_id, {}).get(number)
    if own is not None and own.state_id != rebuilt.state_id:
        raise StateError(
            f"application {app_id!r} has a state of its own in partition {number}: rebuild {of!r} "
            "as an id that was never used"
        )
    return rebuilt.state_id


def epoch_before(number: int, state_id: bytes, owners: Owners) -> int:
    """The highest epoch of a partition number's state, whichever application had it; or 0."""
    found = (of.get(number) for of in owners.values())
    return max(
        (one.epoch for one in found if one is not None and one.state_id == state_id), default=0
    )
