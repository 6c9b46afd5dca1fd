"""Whose identifiers are by what has been folded so far, from the topic of aliases."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ccstream.errors import TopicMismatchError, UndecodableError
from ccstream.imports.staging import Claim, Staging
from ccstream.ops.broker import Broker
from ccstream.ops.codecs import codec_of
from ccstream.ops.reading import TopicReader
from ccstream.ops.settings import Settings
from ccstream.wire.catalogue import SYNC_TOPICS

__all__ = ["learn_accounts"]


def learn_accounts(
    settings: Settings,
    staging: Staging,
    progress: Callable[[str], None],
    known_to: Mapping[int, int],
) -> dict[int, int]:
    """Tell the staging of every identifier that is in it.

    Args:
        settings: where Kafka is.
        staging: the rows.
        progress: told what is being done.
        known_to: up to which offset of each partition was read when the import began that is gone
            on with, else empty. What is behind it counts only for identifiers that had a word
            before it which was compacted away.

    Returns:
        Up to which offsets all is known.

    Raises:
        TopicMismatchError: the topic is not there.
        BrokerUnavailableError: no broker answered.
    """
    topic = SYNC_TOPICS["aliases"]
    found = Broker(settings).cluster().topics.get(topic)
    if found is None:
        raise TopicMismatchError(
            f"there is no topic {topic} at {settings.kafka.bootstrap}; `ccstream topics apply` "
            "makes the topics"
        )
    codec = codec_of(settings)
    with TopicReader(settings, topic, "read_committed", progress) as reader:
        bounds = {number: reader.bounds(number) for number in range(found.partitions)}
        starts = {n: one.first for n, one in bounds.items() if one.first < one.end}
        count = sum(one.end - one.first for one in bounds.values())
        progress(f"reading {topic}: {count:,} records")
        read_to = {number: one.first for number, one in bounds.items()}
        for batch in reader.read(starts) if starts else ():
            for message in batch:
                number, offset = message.partition(), message.offset()
                assert number is not None
                assert offset is not None
                read_to[number] = offset + 1
                key: Any = message.key() or b""
                identifier = key.decode(errors="replace")
                if not staging.names(identifier):
                    continue
                claim, is_first = _claim(codec, message.value())
                is_late = bool(known_to) and offset >= known_to.get(number, 0)
                staging.know(identifier, None if is_late and is_first else claim, is_late=is_late)
    return dict(known_to) or read_to


def _claim(codec: Any, value: Any) -> tuple[Claim | None, bool]:
    """Whose the identifier is, and whether that is the first word of it."""
    if value is None:
        return None, False
    try:
        _, record = codec.decode(value)
    except UndecodableError:
        return None, False
    claim = Claim(record["root"], record["since"]) if record.get("root") else None
    return claim, not record.get("base_version")
