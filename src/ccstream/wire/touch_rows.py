"""LastTouchSynced, and the rows of the table ``touches``, spliced from encoded touches."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from ccstream.domain.events import Campaign
from ccstream.domain.touch import Earlier, Touch, Touches, Trail, Visit
from ccstream.wire.cause import Cause
from ccstream.wire.entry import Entry, RowReader
from ccstream.wire.framing import single_object_prefix
from ccstream.wire.primitives import (
    EMPTY_ARRAY,
    NULL,
    encode_array,
    encode_long,
    encode_optional_word,
    encode_text,
    encode_word,
)
from ccstream.wire.reader import compile_reader
from ccstream.wire.schemas import SchemaInfo
from ccstream.wire.spliced import Spliced

__all__ = ["TouchMemo", "TouchRows", "TouchSync", "encode_campaign"]


class TouchMemo:
    """What is encoded of a row: its touches, its trails, and the visits that grow no more."""

    __slots__ = ("_by_channel", "_channels", "_first", "settled", "trails")

    def __init__(self) -> None:
        self._first: tuple[Touch | None, bytes] = (None, b"")
        self._channels: dict[str, tuple[Touch, bytes]] = {}
        self._by_channel: tuple[dict[str, Touch] | None, bytes, bytes] = (None, b"", b"")
        self.trails: Spliced[Trail] = Spliced()
        self.settled: dict[tuple[str, str], tuple[tuple[Visit, ...], bytes]] = {}

    @classmethod
    def of(cls, entry: Entry) -> TouchMemo:
        """The entry's memo, made if it has none."""
        memo = entry.memo
        if memo is None:
            memo = entry.memo = cls()
        assert isinstance(memo, cls)
        return memo

    def encoded(
        self, touches: Touches, encode: Callable[[Touch], bytes]
    ) -> tuple[bytes, bytes, bytes]:
        """The first touch, the last, and the array of the last of each channel."""
        first, first_bytes = self._first
        if first is not touches.first:
            first = touches.first
            first_bytes = encode(first)
            self._first = (first, first_bytes)
        by_channel, last_bytes, channels_bytes = self._by_channel
        if by_channel is not touches.last_by_channel:
            by_channel = touches.last_by_channel
            channels = self._channels
            for channel, touch in by_channel.items():
                known = channels.get(channel)
                if known is None or known[0] is not touch:
                    channels[channel] = (touch, encode(touch))
            if len(channels) != len(by_channel):  # not of this row's past
                channels = self._channels = {name: channels[name] for name in by_channel}
            channels_bytes = encode_array([channels[name][1] for name in by_channel])
            known = channels[touches.last.channel]
            last_bytes = known[1] if known[0] is touches.last else encode(touches.last)
            self._by_channel = (by_channel, last_bytes, channels_bytes)
        return first_bytes, last_bytes, channels_bytes


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
        return b"".join(
            (
                self._prefix,
                encode_text(subject),
                encode_long(entry.version),
                encode_long(base_version),
                cause.encoded(),
                *TouchMemo.of(entry).encoded(entry.state, partial(_encode_caused, cause)),
            )
        )


class TouchRows:
    """See `RowCodec`.

    Args:
        info: the schema TouchRow.
    """

    def __init__(self, info: SchemaInfo) -> None:
        self._prefix = single_object_prefix(info)
        self.decode_row = RowReader(info, compile_reader(info.parsed, _CLASSES))

    def encode_row(self, entry: Entry) -> bytes:
        """See `RowCodec.encode_row`."""
        touches: Touches = entry.state
        memo = TouchMemo.of(entry)
        first, _, by_channel = memo.encoded(touches, _encode_touch)
        encode = partial(_encode_trail, memo.settled)
        trails = memo.trails.splice(touches.trails.values(), encode)
        if len(memo.settled) > len(trails):
            memo.settled = {k: v for k, v in memo.settled.items() if k in touches.trails}
        earlier = touches.earlier
        return b"".join(
            (
                self._prefix,
                encode_long(entry.version),
                first,
                by_channel,
                encode_array(trails),
                encode_array([_encode_earlier(e) for e in earlier.values()])
                if earlier
                else EMPTY_ARRAY,
            )
        )


def encode_campaign(campaign: Campaign | None) -> bytes:
    """A union of null and Campaign."""
    if campaign is None:
        return NULL
    return (
        b"\x02"
        + encode_word(campaign.id)
        + encode_optional_word(campaign.medium)
        + encode_optional_word(campaign.content)
    )


def _encode_touch(touch: Touch) -> bytes:
    return b"".join(
        (
            encode_text(touch.event_id),
            encode_word(touch.kind),
            encode_word(touch.channel),
            encode_word(touch.source),
            encode_long(touch.occurred_at),
            encode_word(touch.detail),
            encode_campaign(touch.campaign),
        )
    )


def _encode_caused(cause: Cause, touch: Touch) -> bytes:
    """As `_encode_touch`; the touch that an event is begins as the event's cause does."""
    if (
        touch.event_id == cause.event_id
        and touch.occurred_at == cause.occurred_at
        and touch.source == cause.source
        and touch.channel == cause.channel
        and touch.kind == cause.event_type
    ):
        return cause.head() + encode_word(touch.detail) + encode_campaign(touch.campaign)
    return _encode_touch(touch)


def _encode_trail(
    settled: dict[tuple[str, str], tuple[tuple[Visit, ...], bytes]], trail: Trail
) -> bytes:
    visits = trail.visits
    before, last = visits[:-1], visits[-1]
    encoded = b""
    if before:
        key = (trail.channel, trail.campaign_id)
        known = settled.get(key)
        if known is not None and known[0] == before:
            encoded = known[1]
        else:
            if known is not None and known[0] == before[:-1]:
                encoded = known[1] + _encode_visit(before[-1])
            else:
                encoded = b"".join([_encode_visit(visit) for visit in before])
            settled[key] = (before, encoded)
    return b"".join(
        (
            encode_word(trail.channel),
            encode_word(trail.campaign_id),
            encode_long(len(visits)),
            encoded,
            _encode_visit(last),
            EMPTY_ARRAY,
        )
    )


def _encode_visit(visit: Visit) -> bytes:
    return encode_long(visit.started_at) + encode_long(visit.ended_at) + encode_long(visit.touches)


def _encode_earlier(earlier: Earlier) -> bytes:
    return (
        encode_word(earlier.channel)
        + encode_long(earlier.touches)
        + encode_long(earlier.first_at)
        + encode_long(earlier.last_at)
    )


def _entry(
    version: int,
    first: Touch,
    last_by_channel: tuple[Touch, ...],
    trails: tuple[Trail, ...],
    earlier: tuple[Earlier, ...],
) -> Entry:
    return Entry(
        Touches(
            first,
            max(last_by_channel, key=lambda touch: (touch.occurred_at, touch.event_id)),
            {touch.channel: touch for touch in last_by_channel},
            {(trail.channel, trail.campaign_id): trail for trail in trails},
            {one.channel: one for one in earlier},
        ),
        version,
    )


_CLASSES: Final[dict[str, Callable[..., Any]]] = {
    "ccstream.common.v1.Campaign": Campaign,
    "ccstream.touch.v1.Touch": Touch,
    "ccstream.state.v1.TouchVisit": Visit,
    "ccstream.state.v1.TouchTrail": Trail,
    "ccstream.state.v1.TouchEarlier": Earlier,
    "ccstream.state.v1.TouchRow": _entry,
}
