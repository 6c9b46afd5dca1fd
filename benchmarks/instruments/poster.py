"""Posts events over some connections for a while, each request as soon as the last is answered.

Prints how many were accepted in the counted time and how many at all, the seconds, and p50 and p99
of the requests.
Arguments: port, events a request, connections, seconds of warm-up, seconds.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from itertools import count

CUSTOMERS = 20_000


EVENT = (
    '{"specversion":"1.0","id":"%d-%d","type":"ccstream.cart.v1.CartItemAdded",'
    '"source":"/web/bench","subject":"customer:%d","time":"2026-01-31T12:00:00Z",'
    '"data":{"sku":"sku%d","quantity":1,"unit_price":{"amount_minor":990,"currency":"EUR"}}}'
)


def bodies(events: int) -> Iterator[bytes]:
    """Requests' bodies: one event, or a batch of them, ids that nobody has had."""
    started = time.time_ns()
    for first in count(0, events):
        stated = ",".join(
            EVENT % (started, number, number * 7_919 % CUSTOMERS, number % 50)
            for number in range(first, first + events)
        )
        yield (f"[{stated}]" if events > 1 else stated).encode()


class Poster:
    """Counts what is accepted between two moments."""

    def __init__(self, port: int, events: int, begin: float, end: float) -> None:
        self._port = port
        self._events = events
        self._begin = begin
        self._end = end
        self._bodies = bodies(events)
        kind = "cloudevents-batch" if events > 1 else "cloudevents"
        self._head = (
            "POST /v1/events HTTP/1.1\r\nhost: localhost\r\n"
            f"content-type: application/{kind}+json\r\n"
        )
        self.accepted = 0
        self.posted = 0
        self.refused = 0
        self.milliseconds: list[float] = []

    async def post(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        while (sent := time.monotonic()) < self._end:
            body = next(self._bodies)
            writer.write(f"{self._head}content-length: {len(body)}\r\n\r\n".encode() + body)
            head = await reader.readuntil(b"\r\n\r\n")
            length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
            await reader.readexactly(int(length))
            now = time.monotonic()
            if b" 202 " not in head[:20]:
                self.refused += 1
                continue
            self.posted += self._events
            if sent >= self._begin and now <= self._end:
                self.accepted += self._events
                self.milliseconds.append((now - sent) * 1000)
        writer.close()


async def main(port: int, events: int, connections: int, warm_up_s: float, seconds: float) -> None:
    print("ready", flush=True)
    begin = time.monotonic() + warm_up_s
    poster = Poster(port, events, begin, begin + seconds)
    await asyncio.gather(*(poster.post() for _ in range(connections)))
    ordered = sorted(poster.milliseconds) or [0.0]
    print(
        json.dumps(
            {
                "accepted": poster.accepted,
                "posted": poster.posted,
                "refused": poster.refused,
                "seconds": seconds,
                "p50_ms": ordered[len(ordered) // 2],
                "p99_ms": ordered[int(len(ordered) * 0.99)],
            }
        )
    )


if __name__ == "__main__":
    asyncio.run(main(*map(int, sys.argv[1:4]), *map(float, sys.argv[4:6])))
