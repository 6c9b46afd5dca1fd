"""How late an event of one channel is seen on another: the latency by channel pair.

A worker knows where an event came from and not who looks; the gateway knows both. The one end is
the event's own channel, the other that of the client that follows: the one it says when it opens
its stream, or else the only one that it may publish on. What a client says counts for nothing
else, and has to be a channel of this installation: labels take values of fixed lists alone.

What counts is that one channel sees what another has changed. A row is published for each event of
its subject, also for one that changes nothing: a duplicate, or one that is refused for being a
month old. That tells nobody anything, and its age is no latency. Nor is it another channel's event
that a client sees of its own channel. Of an event that is applied each of its rows says so, though
it be the touch alone that is another: a cart or a profile says by itself what of it has changed. An
event that changed several rows counts once, with the first that a client is told of.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from typing import Final

from ccstream.client.records import CartSynced, Cause, ProfileSynced, SyncRecord
from ccstream.gateway.auth import Identity
from ccstream.gateway.problems import ProblemError
from ccstream.gateway.subscription import Subscription
from ccstream.ops.metrics import OTHER, Metrics
from ccstream.ops.metrics_gateway import SEEN
from ccstream.ops.settings import Settings
from ccstream.wire.catalogue import CHANNELS

__all__ = ["AGENT", "Sightings"]

AGENT: Final = "agent"
"""Stands for a channel where service staff look by the gateway's own page."""

CHANGED: Final = frozenset({"applied", "merged", "split"})
"""The outcomes by which a row may be another than before, told of by a cause that says whose event
it was: `erased` says when alone."""


class Sightings:
    """Measures what followers are told.

    Args:
        settings: which channels there are.
        metrics: where to measure.
    """

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._known = (*CHANNELS, *settings.channels_extra)
        self._metrics = metrics

    def channel_of(self, identity: Identity, stated: str | None) -> str:
        """The channel that a follower is of; ``other`` if nobody can say.

        Raises:
            ProblemError: invalid-request: it states one that there is not.
        """
        if stated:
            if stated not in self._known:
                raise ProblemError(
                    "invalid-request",
                    f"channel names one that there is not; there are {', '.join(self._known)}.",
                )
            return stated
        own = identity.channels(self._known)
        return own[0] if len(own) == 1 else OTHER

    def told(self, record: SyncRecord, followers: Iterable[Subscription]) -> None:
        """A row has just been handed to the streams of these followers."""
        cause: Cause | None = getattr(record, "cause", None)
        if cause is None or cause.outcome not in CHANGED or _is_as_before(record):
            return
        seconds = time.time() - cause.occurred_at / 1000
        event = f"{cause.channel}/{cause.source}/{cause.event_id}"
        others = Counter(
            one.channel for one in followers if one.channel != cause.channel and one.meets(event)
        )
        for channel, count in others.items():
            self._metrics.observe_many(SEEN, (cause.channel, channel), (seconds,) * count)


def _is_as_before(record: SyncRecord) -> bool:
    """Whether a row says that nothing of it has changed."""
    if isinstance(record, CartSynced):
        changes = (record.upserted, record.removed, record.conflicts, record.closed_order)
        return not any(changes)
    return isinstance(record, ProfileSynced) and not record.changed
