"""Follows many customers over HTTP, a connection each, and times what is pushed.

A record that is to be timed has the nanosecond of its making as its cause's ``event_id``. Says
``ready`` when every stream has been opened, takes one line that says how many changes there were,
and when they are there, or late, prints how many came, and the p50 and p99 of their age. Arguments:
port, connections.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time

MARK = b'"event_id":"'
OPENING_MAX = 200
"""Connections that are opened at a time: clients do not all come in one millisecond."""

FILES_BESIDE = 64

LATE_S_MAX = 30.0
"""After all was written: what comes late counts as late, what comes later than this, as lost."""
LOOK_S = 0.1


class Follower(asyncio.Protocol):
    """One stream; written against bare sockets, so that ten thousand cost this process little."""

    def __init__(self, key: str, opened: asyncio.Future[None], ages_ms: list[float]) -> None:
        self._key = key
        self._opened = opened
        self._ages_ms = ages_ms
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        path = f"/v1/profiles/{self._key}/stream?aggregates=cart"
        transport.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())

    def data_received(self, data: bytes) -> None:
        arrived = time.time_ns()
        self._rest += data
        while b"\n\n" in self._rest:
            event, _, self._rest = self._rest.partition(b"\n\n")
            if b"event: snapshot" in event and not self._opened.done():
                self._opened.set_result(None)
            elif b"event: change" in event:
                made = int(event.partition(MARK)[2].partition(b'"')[0])
                self._ages_ms.append((arrived - made) / 1e6)

    def connection_lost(self, error: Exception | None) -> None:
        if not self._opened.done():
            self._opened.set_exception(ConnectionError("refused"))


def make_room(connections: int) -> None:
    """Raise the limit of open files, or end with a sentence."""
    wanted = connections + FILES_BESIDE
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        if hard not in {resource.RLIM_INFINITY} and hard < wanted:
            sys.exit(f"{connections} connections need {wanted} open files; ulimit -Hn is {hard}")
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


async def main(port: int, connections: int) -> None:
    make_room(connections)
    loop = asyncio.get_running_loop()
    ages_ms: list[float] = []
    gate = asyncio.Semaphore(OPENING_MAX)

    async def follow(number: int) -> None:
        async with gate:
            opened = loop.create_future()
            await loop.create_connection(
                lambda: Follower(f"customer:{number}", opened, ages_ms), "127.0.0.1", port
            )
            await opened

    await asyncio.gather(*(follow(number) for number in range(connections)))
    print("ready", flush=True)
    count = int(await asyncio.to_thread(sys.stdin.readline))
    deadline = loop.time() + LATE_S_MAX
    while len(ages_ms) < count and loop.time() < deadline:  # noqa: ASYNC110 - changes by the thousand
        await asyncio.sleep(LOOK_S)
    ordered = sorted(ages_ms) or [0.0]
    print(
        json.dumps(
            {
                "deliveries": len(ages_ms),
                "p50_ms": ordered[len(ordered) // 2],
                "p99_ms": ordered[int(len(ordered) * 0.99)],
            }
        )
    )


if __name__ == "__main__":
    asyncio.run(main(*map(int, sys.argv[1:3])))
