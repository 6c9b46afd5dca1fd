"""The place of Faust's table recovery: the engine's take-over, and how Faust learns of it.

Faust's ``TableManager`` setting is the way in. Of its recovery only the ending is kept: if
the generation still holds, flow is resumed, actives and standbys are ready, and the
rebalance is over.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from faust.tables.manager import TableManager as FaustTableManager
from faust.types import TP
from mode import Service

if TYPE_CHECKING:
    from ccstream.engine.app import EngineApp

__all__ = ["Recovery", "TableManager"]


class Recovery(Service):
    """Hands each assignment to the engine and waits for it to be served."""

    def __init__(self, app: EngineApp, tables: TableManager, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.app = app
        self.tables = tables
        self.completed = asyncio.Event()

    def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """What is to be done is done in ``Consumer.wait_empty``."""

    async def on_rebalance(
        self,
        assigned: set[TP],
        revoked: set[TP],
        newly_assigned: set[TP],
        generation_id: int = 0,
    ) -> None:
        """Returns at once: no heartbeat is sent until the assigned callback is over."""
        app = self.app
        actives = {(tp.topic, tp.partition) for tp in app.assignor.assigned_actives()}
        standbys = {(tp.topic, tp.partition) for tp in app.assignor.assigned_standbys()}
        loop = asyncio.get_running_loop()

        def served() -> None:
            loop.call_soon_threadsafe(lambda: self.add_future(self._finish(generation_id)))

        app.engine.assign(app.capture_assignment(actives, standbys), served)

    async def _finish(self, generation_id: int) -> None:
        app = self.app
        if app.consumer_generation_id != generation_id or app.should_stop:
            return
        await app.on_rebalance_complete.send()
        self.completed.set()
        app.flow_control.resume()
        app.consumer.resume_flow()
        await app._fetcher.maybe_start()
        self.tables.on_actives_ready()
        self.tables.on_standbys_ready()
        app.on_rebalance_end()


class TableManager(FaustTableManager):
    """Faust's table manager with the engine's recovery."""

    app: EngineApp
    _recovery: Recovery | None = None  # type: ignore[assignment]

    async def on_start(self) -> None:
        """Faust's waits a second for agents that declare tables; ours are all declared."""
        await self._update_channels()
        await self.recovery.start()

    @property
    def recovery(self) -> Recovery:  # type: ignore[override]
        if self._recovery is None:
            self._recovery = Recovery(self.app, self, beacon=self.beacon, loop=self.loop)
        return self._recovery
