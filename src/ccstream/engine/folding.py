"""Makes the parts of a worker that fold and answer, from the settings."""

from __future__ import annotations

from collections.abc import Callable

from ccstream.domain.window import WindowLimits
from ccstream.engine.aggregates import Rules, make_plans
from ccstream.engine.answers import Answers
from ccstream.engine.chunks import ChunkLoop
from ccstream.engine.delivery import Delivery
from ccstream.engine.fold import Folder
from ccstream.engine.outlet import Outlet
from ccstream.ops.codecs import codec_of
from ccstream.ops.erasure_key import ErasureKey
from ccstream.ops.settings import Settings
from ccstream.wire.catalogue import channel_of
from ccstream.wire.signals import signal_encoder
from ccstream.wire.sync import SYNC_CODECS, sync_codecs

__all__ = ["make_answers", "make_folder"]

_DAY_MS = 24 * 3_600_000


def make_folder(
    settings: Settings, inputs: tuple[str, ...], delivery: Delivery, *, append_time: bool
) -> Folder:
    """What folds records of these inputs; see :class:`Folder`."""
    rules, codec = Rules.of(settings), codec_of(settings)
    return Folder(
        decode=codec.decode_event,
        topics=inputs,
        channels=tuple(channel_of(topic) for topic in inputs),
        plans=make_plans(rules, sync_codecs(codec.prefix)),
        outlet=Outlet(
            delivery,
            settings.app_id,
            settings.kafka.max_message_bytes,
            signal_encoder(codec.prefix),
            rules.ciphertext_only,
        ),
        window_limits=_window_limits(settings),
        append_time=append_time,
        identifiers=rules.identifiers,
        erasure_key=ErasureKey.of(settings),
    )


def make_answers(
    settings: Settings, inputs: tuple[str, ...], chunks: ChunkLoop, alive: Callable[[], bool]
) -> Answers:
    """What answers questions about the rows that ``chunks`` serves.

    In single-object encoding whatever is configured: the gateway has the same schemas.
    """
    return Answers(
        app_id=settings.app_id,
        partitions=settings.kafka.partitions,
        topics=inputs,
        chunks=chunks,
        codecs=SYNC_CODECS,
        limits=_window_limits(settings),
        alive=alive,
    )


def _window_limits(settings: Settings) -> WindowLimits:
    return WindowLimits(settings.window.ids_max, settings.window.horizon_days * _DAY_MS)
