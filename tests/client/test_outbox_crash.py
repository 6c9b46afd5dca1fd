"""A publisher killed again and again loses nothing and turns no subject's order around."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from confluent_kafka import Message

from ccstream.client import ChannelPublisher
from ccstream.domain.events import ProductViewed
from ccstream.wire.codec import Codec

CODEC = Codec()

TILL = """
import asyncio, sys
from pathlib import Path
from ccstream.client import ChannelPublisher, ProductViewed

async def main(bootstrap, path, first):
    async with ChannelPublisher(
        bootstrap=bootstrap, channel="store", source="till-3", outbox=Path(path)
    ) as till:
        for number in range(first, 1_000_000):
            event = till.event(ProductViewed, f"customer:{number % 5}", sku=str(number))
            await till.publish_soon(event)
            print(number, flush=True)

asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
"""


def killed(bootstrap: str, path: Path, first: int) -> list[int]:
    """What a till said it had stored before it was killed."""
    command = [sys.executable, "-c", TILL, bootstrap, str(path), str(first)]
    till = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert till.stdout is not None
    try:
        said = [int(till.stdout.readline()) for _ in range(120)]
    finally:
        till.kill()
        rest, _ = till.communicate(timeout=30)
    return said + [int(line) for line in rest.split()]


@pytest.mark.timeout(120)
async def test_what_was_stored_before_kill_9_reaches_kafka_in_order(
    own_kafka: str, nowhere: str, read_all: Callable[..., list[Message]], tmp_path: Path
) -> None:
    path = tmp_path / "till-3.db"
    stored: list[int] = []
    for bootstrap in (own_kafka, nowhere, own_kafka):
        first = max(stored, default=-1) + 2  # one more may have been stored, and not said so
        stored += await asyncio.to_thread(killed, bootstrap, path, first)
    async with ChannelPublisher(
        bootstrap=own_kafka, channel="store", source="till-3", outbox=path
    ) as till_again:
        await till_again.flush()
        assert till_again.waiting == 0

    arrived: dict[str, list[int]] = {}
    ids: dict[str, int] = {}
    for message in read_all(own_kafka, "channel.store.events.v1"):
        event = CODEC.decode_event(message.value())
        assert isinstance(event, ProductViewed)
        number = int(event.sku)
        # A duplicate has the id of the first: the worker recognises it.
        if ids.setdefault(event.event_id, number) == number and number not in arrived.get(
            event.subject, []
        ):
            arrived.setdefault(event.subject, []).append(number)
    assert set(stored) <= set(ids.values())
    assert len(ids) == len(set(ids.values()))
    assert all(numbers == sorted(numbers) for numbers in arrived.values())
