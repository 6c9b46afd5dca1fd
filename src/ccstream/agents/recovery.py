"""Tables that come back whole, or not at all.

Faust logs an error of its recovery and goes on, which leaves a hole; and it waits for ever for
a changelog's last offset where that is no record but a transaction's end, or was compacted away.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

import faust
from faust.tables.manager import TableManager as FaustTableManager
from faust.tables.recovery import Recovery as FaustRecovery
from mode import Service

from ccstream.errors import StateError

if TYPE_CHECKING:
    from ccstream.agents.app import SyncApp

__all__ = ["AppTopic", "Recovery", "SyncTable", "TableManager"]

LOOK_S: Final = 0.5
"""Between two looks at how far the consumer is; Faust itself sees it after 5 s of silence."""


class AppTopic(faust.Topic):
    """A Faust topic; of a table's changelog every record has to be readable."""

    app: SyncApp

    async def on_decode_error(self, exc: Exception, message: Any) -> None:
        if message.topic in self.app.tables.changelog_topics:
            self.app.lose(_unreadable(message.topic, exc))
        await super().on_decode_error(exc, message)


class SyncTable(faust.Table[Any, Any]):
    """A Faust table; what its changelog holds has to fit into it."""

    app: SyncApp

    def apply_changelog_batch(self, batch: Iterable[Any]) -> None:
        try:
            super().apply_changelog_batch(batch)
        except Exception as error:
            self.app.lose(_unreadable(self.changelog_topic.get_topic_name(), error))
            raise


def _unreadable(changelog: str, error: Exception) -> StateError:
    return StateError(
        f"the changelog {changelog} holds a record that cannot be read ({type(error).__name__}): "
        "mend or delete it there, or the table would have a hole"
    )


class Recovery(FaustRecovery):
    """Faust's, which also ends where the last offset of a changelog is no record.

    And nothing is fetched twice over a cleared queue: Faust goes back to the offsets that are
    committed, then empties the queues of all streams. A record that had come in between would
    be gone, with later ones committed behind it, or no commit ever again.
    """

    async def on_recovery_completed(self, generation_id: int = 0) -> None:
        self.app.flow_control.suspend()  # until Faust has emptied them
        await super().on_recovery_completed(generation_id)

    @Service.task
    async def _pass_over_what_is_no_record(self) -> None:
        while not self.should_stop:
            await self.sleep(LOOK_S)
            if self.in_recovery and self.tables.changelog_queue.empty():
                for partition, last in list(self.active_highwaters.items()):
                    await self._pass_over(partition, last)

    async def _pass_over(self, partition: Any, last: int | None) -> None:
        reached = self.active_offsets.get(partition)
        if last is None or reached is None or reached >= last:
            return
        # A consumer that is being stopped may leave this unanswered.
        asked = await self.wait_first(self.app.consumer.position(partition))
        position: int | None = None if asked.stopped else asked.results[0]
        if position is not None and position > last and self.tables.changelog_queue.empty():
            self.active_offsets[partition] = last


class TableManager(FaustTableManager):
    """Faust's table manager with that recovery."""

    _recovery: Any = None

    @property
    def recovery(self) -> Any:
        if self._recovery is None:
            self._recovery = Recovery(self.app, self, beacon=self.beacon, loop=self.loop)
        return self._recovery
