"""Who owns which partition number: ``ccstream.owners.v1``, one row a partition.

Rows not known to be committed count too. Of an owner that died while it raised its epoch the
transactional ids are needed all the same, to fence it; and all workers write to this one
partition, so that anybody's open transaction hides from a committed read whatever was
committed behind it: an epoch found that way could be one that is already in use. An epoch
that was never used costs nothing but a number.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable, Mapping

from confluent_kafka import Message
from msgspec import Struct, structs

from ccstream.engine.delivery import ChangelogRecord
from ccstream.engine.partition import Partition
from ccstream.errors import StateError, UndecodableError
from ccstream.wire.catalogue import OWNERS_TOPIC
from ccstream.wire.codec import Codec

__all__ = [
    "OWNERS_PARTITION",
    "Owner",
    "Reached",
    "all_owners",
    "check_partitions",
    "ids_of",
    "latest_owners",
    "new_state_id",
    "owner_of",
    "owner_record",
    "this_process",
]

_codec = Codec()

OWNERS_PARTITION = 0
"""The topic has one partition: the rows are few, and are always read together."""


class Owner(Struct, frozen=True):
    """One row. ``state_id`` is 8 random bytes from the partition's first epoch."""

    app_id: str
    partition: int
    partitions: int
    state_id: bytes
    epoch: int
    transactional_ids: tuple[str, ...]
    member: str
    acquired_at: int
    address: str = ""
    query_key: bytes = b""


class Reached(Struct, frozen=True):
    """Where this process answers questions about its rows, and the key that signs them.

    Whoever may read the owners' topic may ask: what is answered is on the sync topics, too.
    """

    address: str = ""
    query_key: bytes = b""


def new_state_id() -> bytes:
    """8 random bytes."""
    return os.urandom(8)


def owner_of(
    partition: Partition,
    app_id: str,
    transactional_ids: tuple[str, ...],
    reached: Reached,
    acquired_at: int,
) -> Owner:
    """The row that says that this process owns a partition number."""
    return Owner(
        app_id=app_id,
        partition=partition.number,
        partitions=partition.scope.partitions,
        state_id=partition.scope.state_id,
        epoch=partition.epoch,
        transactional_ids=transactional_ids,
        member=this_process(),
        acquired_at=acquired_at,
        address=reached.address,
        query_key=reached.query_key,
    )


def this_process() -> str:
    """What an owner calls itself, for who looks in."""
    return f"{socket.gethostname()}:{os.getpid()}"


def ids_of(owners: Mapping[int, Owner], numbers: Iterable[int]) -> list[str]:
    """The transactional ids of the owners of these partition numbers."""
    return [i for n in numbers if n in owners for i in owners[n].transactional_ids]


def owner_record(owner: Owner) -> ChangelogRecord:
    """The row as a record of the owners topic."""
    key = f"{owner.app_id}/{owner.partition}"
    return ChangelogRecord(
        OWNERS_TOPIC, OWNERS_PARTITION, key, _codec.encode("Owner", structs.asdict(owner))
    )


def latest_owners(messages: Iterable[Message], app_id: str) -> dict[int, Owner]:
    """The last row of each partition number of this application, with the highest epoch of any.

    Raises:
        StateError: a record is no owner's row.
    """
    return all_owners(messages).get(app_id, {})


def all_owners(messages: Iterable[Message]) -> dict[str, dict[int, Owner]]:
    """The same of every application that writes to this topic.

    Raises:
        StateError: a record is no owner's row.
    """
    found: dict[str, dict[int, Owner]] = {}
    for message in messages:
        value = message.value()
        if value is None:
            continue
        try:
            name, fields = _codec.decode(value)
        except UndecodableError as error:
            raise StateError(
                f"{OWNERS_TOPIC} offset {message.offset()} is no owner's row ({error.detail}); "
                "something else wrote to the topic"
            ) from error
        if name == "Owner":
            owners = found.setdefault(fields["app_id"], {})
            fields["transactional_ids"] = tuple(fields["transactional_ids"])
            before = owners.get(fields["partition"])
            if before is not None:
                fields["epoch"] = max(before.epoch, fields["epoch"])
            owners[fields["partition"]] = Owner(**fields)
    return found


def check_partitions(owner: Owner, partitions: int) -> None:
    """Refuse a state that was made with another partition count.

    Raises:
        StateError: it was.
    """
    if owner.partitions != partitions:
        raise StateError(
            f"the state of application {owner.app_id!r} was made with {owner.partitions} "
            f"partitions, but its topics have {partitions} now; the partition "
            "count of an application cannot change: use another CCSTREAM_APP_ID and replay"
        )
