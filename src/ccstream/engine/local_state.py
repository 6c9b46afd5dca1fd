"""What a worker keeps of its rows on its machine, as configured: tables, stores, standbys."""

from __future__ import annotations

from ccstream.engine.clock import Clock
from ccstream.engine.cluster import Cluster
from ccstream.engine.gauges import Gauges
from ccstream.engine.layout import Layout
from ccstream.engine.standbys import Standbys
from ccstream.engine.store import Backing, Table
from ccstream.engine.stores import Stores
from ccstream.ops.kafka_config import consumer_config
from ccstream.ops.settings import Settings
from ccstream.wire.catalogue import TABLES
from ccstream.wire.rows import ROW_CODECS

__all__ = ["make_standbys", "make_stores", "make_table", "make_tables"]

_DECODED_ROWS_MIN = 64
"""Of each table of a partition: what one chunk may well have in use."""


def make_table(settings: Settings, name: str, backing: Backing | None = None) -> Table:
    """A table of one partition number, in memory or on a backing."""
    rows_max = max(_DECODED_ROWS_MIN, settings.state.cache_rows_max // settings.kafka.partitions)
    return Table(name, ROW_CODECS[name], rows_max, backing)


def make_tables(settings: Settings) -> dict[str, Table]:
    """All tables of one partition number, in memory."""
    return {name: make_table(settings, name) for name in TABLES}


def make_stores(settings: Settings) -> Stores | None:
    """The local stores, None where rows are kept in memory.

    Raises:
        StoreError: their folder cannot be used.
    """
    state = settings.state
    if state.store == "memory":
        return None
    from ccstream.engine.store_folder import StoreFolder

    return Stores(
        StoreFolder(state.directory, settings.app_id, state.memory_max_bytes),
        settings.app_id,
        settings.kafka.partitions,
        lambda name, backing: make_table(settings, name, backing),
        TABLES,
    )


def make_standbys(
    settings: Settings,
    layout: Layout,
    cluster: Cluster,
    clock: Clock,
    stores: Stores | None,
    gauges: Gauges,
) -> Standbys | None:
    """What follows partitions of others, None where nothing is to."""
    if not settings.state.standby_replicas:
        return None
    config = consumer_config(
        settings, isolation="read_committed", role="standby", group_id=settings.app_id
    )
    return Standbys(config, layout, cluster, clock, stores, gauges)
