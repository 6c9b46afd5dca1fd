"""LastTouchSynced, and the rows of the table ``touches``, from touches encoded once.

Of the shares of a row an event changes one; the others keep the bytes that they were written as.
"""

from __future__ import annotations

from typing import final

from ccstream.domain.events import Campaign
from ccstream.domain.touch import Earlier, Touch, Touches, Trail
from ccstream.wire.cause import Cause
from ccstream.wire.entry import Entry, RowReader
from ccstream.wire.framing import single_object_prefix
from ccstream.wire.primitives import (
    NULL,
    SOME,
    ZERO,
    BytesWriter,
    put_long,
    put_optional_text,
    put_text,
)
from ccstream.wire.reader import Reader
from ccstream.wire.schemas import SchemaInfo

__all__ = ["TouchRows", "TouchSync", "touch_entry", "touch_share"]


@final
class TouchSync:
    """See `SyncCodec`.

    Args:
        prefix: the framing of LastTouchSynced.
    """

    def __init__(self, prefix: bytes) -> None:
        self._prefix = prefix

    def encode_synced(
        self,
        subject: str,
        entry: Entry,
        base_version: int,
        cause: Cause,
        delta: object,
        observed: bytes,
    ) -> bytes:
        """See `SyncCodec.encode_synced`; touches have no delta and hand out no token."""
        touches: Touches = entry.state
        out = BytesWriter()
        out.write(self._prefix)
        put_text(out, subject)
        put_long(out, entry.version)
        put_long(out, base_version)
        out.write(cause.encoded())
        _put_touch(out, touches.first)
        _put_touch(out, touches.last)
        _put_by_channel(out, touches)
        return out.getvalue()


@final
class TouchRows:
    """See `RowCodec`.

    Args:
        info: the schema TouchRow.
        read: its reader.
    """

    def __init__(self, info: SchemaInfo, read: Reader) -> None:
        self._prefix = single_object_prefix(info)
        self._read = RowReader(info, read)

    def decode_row(self, value: bytes) -> Entry:
        """See `RowCodec.decode_row`."""
        return self._read(value)

    def encode_row(self, entry: Entry) -> bytes:
        """See `RowCodec.encode_row`."""
        touches: Touches = entry.state
        out = BytesWriter()
        out.write(self._prefix)
        put_long(out, entry.version)
        _put_touches(out, touches)
        if touches.shares:
            put_long(out, len(touches.shares))
            for origin, share in touches.shares.items():
                put_text(out, origin)
                out.write(share.encoded or _share(share))
        out.append(ZERO)
        return out.getvalue()


def _put_touches(out: BytesWriter, touches: Touches) -> None:
    """The fields that the records ``TouchRow`` and ``TouchShare`` have in common."""
    _put_touch(out, touches.first)
    _put_by_channel(out, touches)
    if touches.trails:
        put_long(out, len(touches.trails))
        for trail in touches.trails.values():
            out.write(trail.encoded or _trail(trail))
    out.append(ZERO)
    if touches.earlier:
        put_long(out, len(touches.earlier))
        for earlier in touches.earlier.values():
            _put_earlier(out, earlier)
    out.append(ZERO)


def _share(share: Touches) -> bytes:
    """The record ``TouchShare`` after its origin."""
    out = BytesWriter()
    _put_touches(out, share)
    share.encoded = out.getvalue()
    return share.encoded


def _put_by_channel(out: BytesWriter, touches: Touches) -> None:
    if touches.last_by_channel:
        put_long(out, len(touches.last_by_channel))
        for touch in touches.last_by_channel.values():
            _put_touch(out, touch)
    out.append(ZERO)


def _put_touch(out: BytesWriter, touch: Touch) -> None:
    out.write(touch.encoded or _touch(touch))


def _touch(touch: Touch) -> bytes:
    """The record ``Touch``."""
    out = BytesWriter()
    put_text(out, touch.event_id)
    put_text(out, touch.kind)
    put_text(out, touch.channel)
    put_text(out, touch.source)
    put_long(out, touch.occurred_at)
    put_text(out, touch.detail)
    _put_campaign(out, touch.campaign)
    touch.encoded = out.getvalue()
    return touch.encoded


def _put_campaign(out: BytesWriter, campaign: Campaign | None) -> None:
    """A union of null and Campaign."""
    if campaign is None:
        out.append(NULL)
    else:
        out.append(SOME)
        put_text(out, campaign.id)
        put_optional_text(out, campaign.medium)
        put_optional_text(out, campaign.content)


def _trail(trail: Trail) -> bytes:
    """The record ``TouchTrail``."""
    out = BytesWriter()
    put_text(out, trail.channel)
    put_text(out, trail.campaign_id)
    if trail.visits:
        put_long(out, len(trail.visits))
        for visit in trail.visits:
            put_long(out, visit.started_at)
            put_long(out, visit.ended_at)
            put_long(out, visit.touches)
    out.append(ZERO)
    trail.encoded = out.getvalue()
    return trail.encoded


def _put_earlier(out: BytesWriter, earlier: Earlier) -> None:
    put_text(out, earlier.channel)
    put_long(out, earlier.touches)
    put_long(out, earlier.first_at)
    put_long(out, earlier.last_at)


def _touches(
    first: Touch,
    last_by_channel: tuple[Touch, ...],
    trails: tuple[Trail, ...],
    earlier: tuple[Earlier, ...],
    shares: dict[str, Touches] | None,
) -> Touches:
    return Touches(
        first,
        max(last_by_channel, key=lambda touch: (touch.occurred_at, touch.event_id)),
        {touch.channel: touch for touch in last_by_channel},
        {(trail.channel, trail.campaign_id): trail for trail in trails},
        {one.channel: one for one in earlier},
        shares,
    )


def touch_share(
    origin: str,
    first: Touch,
    last_by_channel: tuple[Touch, ...],
    trails: tuple[Trail, ...],
    earlier: tuple[Earlier, ...],
) -> tuple[str, Touches]:
    return origin, _touches(first, last_by_channel, trails, earlier, None)


def touch_entry(
    version: int,
    first: Touch,
    last_by_channel: tuple[Touch, ...],
    trails: tuple[Trail, ...],
    earlier: tuple[Earlier, ...],
    shares: tuple[tuple[str, Touches], ...],
) -> Entry:
    parts = dict(shares) if shares else None
    return Entry(_touches(first, last_by_channel, trails, earlier, parts), version)
