"""Makes the parts of a worker that fold and answer, from the settings."""

from __future__ import annotations

from collections.abc import Callable

from ccstream.domain.window import WindowLimits
from ccstream.engine.acknowledgements import Acknowledgements
from ccstream.engine.aggregates import Rules, make_plans
from ccstream.engine.answers import Answers
from ccstream.engine.chunks import ChunkLoop
from ccstream.engine.delivery import Delivery
from ccstream.engine.fold import Folder
from ccstream.engine.layout import Layout
from ccstream.engine.local_state import make_tables
from ccstream.engine.outlet import Outlet
from ccstream.engine.rejection_log import RejectionLog
from ccstream.ops.codecs import codec_of
from ccstream.ops.erasure_key import ErasureKey
from ccstream.ops.settings import Settings
from ccstream.wire.catalogue import OUTPUT_TOPICS, SYNC_TOPICS, TABLES, channel_of
from ccstream.wire.identity_events import identity_encoder
from ccstream.wire.signals import signal_encoder
from ccstream.wire.sync import SYNC_CODECS, sync_codecs

__all__ = ["make_answers", "make_folder", "make_layout"]

_DAY_MS = 24 * 3_600_000


def make_layout(settings: Settings, inputs: tuple[str, ...]) -> Layout:
    """The topics of the application; ``inputs`` by their numbers, mail among them."""
    return Layout(
        app_id=settings.app_id,
        partitions=settings.kafka.partitions,
        inputs=inputs,
        tables=TABLES,
        others=tuple(settings.output_prefix + topic for topic in OUTPUT_TOPICS),
        new_tables=lambda: make_tables(settings),
        sync_topics={table: settings.output_prefix + one for table, one in SYNC_TOPICS.items()},
    )


def make_folder(
    settings: Settings,
    inputs: tuple[str, ...],
    delivery: Delivery,
    *,
    append_time: bool,
    sends_mail: bool = True,
    told: RejectionLog | None = None,
    acknowledgements: Acknowledgements | None = None,
) -> Folder:
    """The fold by these rules.

    Args:
        settings: the rules, and how what comes of them is written.
        inputs: the topics that are folded, by their numbers.
        delivery: where what comes of it goes.
        append_time: refuse records that carry their producer's time.
        sends_mail: whether letters leave.
        told: is told of what is rejected.
        acknowledgements: are told of each sync event, until the broker has it.
    """
    rules, codec, prefix = Rules.of(settings), codec_of(settings), settings.output_prefix
    return Folder(
        decode=codec.decode_event,
        topics=inputs,
        channels=tuple(channel_of(topic) for topic in inputs),
        plans=make_plans(rules, sync_codecs(codec.prefix), prefix),
        outlet=Outlet(
            delivery,
            settings.app_id,
            settings.kafka.max_message_bytes,
            signal_encoder(codec.prefix),
            ciphertext_only=rules.ciphertext_only,
            prefix=prefix,
            sends_mail=sends_mail,
            encode_identity=identity_encoder(codec.prefix),
            told=told,
            acknowledgements=acknowledgements,
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
        touch_limits=Rules.of(settings).touch,
        alive=alive,
    )


def _window_limits(settings: Settings) -> WindowLimits:
    return WindowLimits(settings.window.ids_max, settings.window.horizon_days * _DAY_MS)
