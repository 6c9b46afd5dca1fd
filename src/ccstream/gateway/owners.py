"""Who owns which partition number, and where it is asked: from ``ccstream.owners.v1``.

The topic is read beyond what is committed: a worker raises its epoch before it serves, and one
that is asked too early says so. Pure: rows go in.
"""

from __future__ import annotations

from msgspec import Struct

from ccstream.client.log_reader import LogRecord
from ccstream.errors import UndecodableError
from ccstream.ops.logs import logger
from ccstream.wire.codec import Codec
from ccstream.wire.partition import partition_for

__all__ = ["OwnerAt", "Owners"]

log = logger(__name__)


class OwnerAt(Struct, frozen=True):
    """A worker, and the key that questions to it are signed with."""

    address: str
    query_key: bytes
    epoch: int


class Owners:
    """The owners of one application's partition numbers."""

    def __init__(self, app_id: str, codec: Codec) -> None:
        self._app_id = app_id
        self._codec = codec
        self._partitions = 0
        self._owners: dict[int, OwnerAt] = {}

    def __len__(self) -> int:
        return len(self._owners)

    def take(self, record: LogRecord) -> None:
        """Take a row in, unless an owner of a later epoch is known."""
        if record.value is None:
            return
        try:
            name, fields = self._codec.decode(record.value)
        except UndecodableError as error:
            log.warning("a row of the owners cannot be read", reason=error.reason)
            return
        if name != "Owner" or fields["app_id"] != self._app_id:
            return
        known = self._owners.get(fields["partition"])
        if known is not None and fields["epoch"] < known.epoch:
            return
        self._partitions = fields["partitions"]
        self._owners[fields["partition"]] = OwnerAt(
            fields.get("address", ""), fields.get("query_key", b""), fields["epoch"]
        )

    def of(self, entity: str) -> OwnerAt | None:
        """The owner of an entity's rows; None if there never was one that can be asked."""
        if not self._partitions:
            return None
        found = self._owners.get(partition_for(entity.encode(), self._partitions))
        return found if found is not None and found.address else None
