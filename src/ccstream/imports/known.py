"""Whose identifiers are by what has been folded so far, from the topic of aliases."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ccstream.errors import TopicMismatchError, UndecodableError
from ccstream.imports.staging import Claim, Staging
from ccstream.ops.broker import Broker
from ccstream.ops.codecs import codec_of
from ccstream.ops.reading import TopicReader
from ccstream.ops.settings import Settings
from ccstream.wire.catalogue import SYNC_TOPICS

__all__ = ["learn_accounts"]


def learn_accounts(settings: Settings, staging: Staging, progress: Callable[[str], None]) -> None:
    """Tell the staging of every identifier that is in it.

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
        if not starts:
            return
        for batch in reader.read(starts):
            for message in batch:
                key: Any = message.key() or b""
                identifier = key.decode(errors="replace")
                if staging.names(identifier):
                    staging.know(identifier, _claim(codec, message.value()))


def _claim(codec: Any, value: Any) -> Claim | None:
    if value is None:
        return None
    try:
        _, record = codec.decode(value)
    except UndecodableError:
        return None
    return Claim(record["root"], record["since"]) if record.get("root") else None
