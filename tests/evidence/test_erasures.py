"""Whether a legal hold is in place is found by fingerprint, or said to be not known."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from confluent_kafka.admin import AdminClient
from msgspec.structs import replace

from ccstream.domain.erasure import blank
from ccstream.evidence.erasures import is_held
from ccstream.ops.erasure_key import ErasureKey
from ccstream.ops.settings import Settings
from ccstream.wire.catalogue import changelog_topic
from ccstream.wire.partition import partition_for
from ccstream.wire.rows import ROW_CODECS, Entry
from tests.support.produce import Sent, produce

HELD, FREE = "customer:42", "customer:43"
SECRET, ANOTHER = "e" * 40, "f" * 40

Ask = Callable[[str, str | None], bool | None]


@pytest.fixture
def ask(embedded_kafka: str, unique: str) -> Ask:
    def settings(secret: str | None) -> Settings:
        return Settings.load(
            app_id=unique, kafka__bootstrap=embedded_kafka, privacy__erasure_key=secret
        )

    key = ErasureKey.of(settings(SECRET))
    assert key is not None
    topic = changelog_topic(unique, "erasures")
    client = AdminClient({"bootstrap.servers": embedded_kafka})
    partitions = len(client.list_topics(topic, timeout=10).topics[topic].partitions)
    rows = {HELD: replace(blank(key.id), held=True, state="open"), FREE: blank(key.id)}
    produce(
        embedded_kafka,
        [
            Sent(
                topic,
                key.fingerprint(one),
                ROW_CODECS["erasures"].encode_row(Entry(row, 1)),
                partition=partition_for(one.encode(), partitions),
            )
            for one, row in rows.items()
        ],
    )
    return lambda one, secret: is_held(settings(secret), one, lambda _: None)


def test_a_hold_is_found_by_who_has_the_key_that_it_was_noted_with(ask: Ask) -> None:
    assert ask(HELD, SECRET) is True
    assert ask(FREE, SECRET) is False
    assert ask("customer:nobody", SECRET) is False


@pytest.mark.parametrize("secret", [None, ANOTHER])
def test_without_that_key_it_is_not_taken_for_none(ask: Ask, secret: str | None) -> None:
    assert ask(HELD, secret) is None
