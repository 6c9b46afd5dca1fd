"""Whether a local store fits the changelogs that it was made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ccstream.engine.cluster import TopicPartitionKey
from ccstream.engine.stores import Header, PartitionStore

__all__ = ["misfit", "wipe_if_unfit"]

_CLOCK_SLACK_MS: Final = 60_000
"""A store that was current later than this from now was written under a wrong clock."""


def wipe_if_unfit(
    store: PartitionStore,
    starts: Mapping[TopicPartitionKey, int],
    ends: Mapping[TopicPartitionKey, int],
    now_ms: int,
    tombstones_ms: int,
) -> None:
    """Wipe a store that does not fit the changelogs of its partition number; see `misfit`."""
    if not store.positions:
        return
    own_starts, own_ends = (
        {topic: at for (topic, number), at in offsets.items() if number == store.number}
        for offsets in (starts, ends)
    )
    reason = misfit(store.header, own_starts, own_ends, now_ms, tombstones_ms)
    if reason is not None:
        store.wipe(reason)


def misfit(
    header: Header,
    starts: Mapping[str, int],
    ends: Mapping[str, int],
    now_ms: int,
    tombstones_ms: int,
) -> str | None:
    """Why a store does not fit the changelogs, or None.

    A table that a later version has beside those of the store is no reason: its changelog is read
    from its beginning, which is all there is of it.

    Args:
        header: the store's; one without positions fits.
        starts, ends: the changelogs' first offsets and ends.
        now_ms: the time.
        tombstones_ms: how long a deletion stays in a changelog.
    """
    if not header.positions:
        return None
    if not header.positions.keys() <= ends.keys():
        return "it has tables that this version of ccstream does not know"
    for changelog, position in header.positions.items():
        if position > ends[changelog]:
            return f"it is ahead of {changelog}, which ends at {ends[changelog]}, by {position}"
        if position < starts[changelog]:
            return f"it stands at {position} of {changelog}, which begins at {starts[changelog]}"
    age_ms = now_ms - header.current_at
    if age_ms < -_CLOCK_SLACK_MS:
        return "it was last current at a time that is still to come"
    if age_ms > tombstones_ms // 2:
        return (
            f"it was last current {age_ms // 3_600_000} hours ago, and deletions stay in the "
            f"changelogs for {tombstones_ms // 3_600_000} hours"
        )
    return None
