"""A TCP proxy in front of a broker that cuts, delays and throttles connections."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from typing import Self

from ccstream.devkit.ports import LOOPBACK

__all__ = ["Proxy"]

PIECE_BYTES = 32 * 1024

RESET = struct.pack("ii", 1, 0)
"""SO_LINGER of no time at all: the other side sees a reset, as if a cable had been pulled."""


class Proxy:
    """Forwards connections to ``target`` from the port ``port``, in a thread of its own.

    ``delay_s`` holds every piece back, ``bytes_per_second`` bounds each direction of each
    connection (0: no bound), and while ``refusing`` nobody is let in. They may be set at any time.
    """

    def __init__(self) -> None:
        self._listener = socket.create_server((LOOPBACK, 0))
        self.port: int = self._listener.getsockname()[1]
        self.target = 0
        self.delay_s = 0.0
        self.bytes_per_second = 0
        self.refusing = False
        self._loop = asyncio.new_event_loop()
        self._writers: set[asyncio.StreamWriter] = set()
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def bootstrap(self) -> str:
        return f"{LOOPBACK}:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    def cut(self) -> None:
        """Reset every connection there is."""
        self._loop.call_soon_threadsafe(self._cut)

    def heal(self) -> None:
        """No delay, no bound, nobody refused."""
        self.delay_s, self.bytes_per_second, self.refusing = 0.0, 0, False

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        serving = asyncio.start_server(self._serve, sock=self._listener)
        server = self._loop.run_until_complete(serving)
        self._loop.run_forever()
        server.close()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    def _cut(self) -> None:
        for writer in tuple(self._writers):
            _reset(writer)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.refusing:
            _reset(writer)
            return
        try:
            behind_reader, behind = await asyncio.open_connection(LOOPBACK, self.target)
        except OSError:
            _reset(writer)
            return
        both = {writer, behind}
        self._writers |= both
        try:
            await asyncio.gather(self._pump(reader, behind), self._pump(behind_reader, writer))
        finally:
            self._writers -= both
            for one in both:
                _reset(one)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while piece := await reader.read(PIECE_BYTES):
                if self.delay_s:
                    await asyncio.sleep(self.delay_s)
                if self.bytes_per_second:
                    await asyncio.sleep(len(piece) / self.bytes_per_second)
                writer.write(piece)
                await writer.drain()
        # The other direction ends with this one: Kafka's clients close both.
        _reset(writer)


def _reset(writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        raw = writer.get_extra_info("socket")
        if raw is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        writer.transport.abort()
