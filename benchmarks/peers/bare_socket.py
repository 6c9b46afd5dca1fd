"""A WebSocket server that sends on what one page says to all others, and does nothing else.

As much of RFC 6455 as a browser needs for short texts. Argument: port.
"""

from __future__ import annotations

import asyncio
import sys
from base64 import b64encode
from hashlib import sha1

ACCEPTED = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"""What the RFC has the server add to a client's key."""

TEXT = 0x81
SHORT_MAX = 125

pages: set[asyncio.StreamWriter] = set()


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        fields = dict(line.split(b": ", 1) for line in head.split(b"\r\n") if b": " in line)
        key = {name.lower(): value for name, value in fields.items()}[b"sec-websocket-key"]
        accept = b64encode(sha1(key + ACCEPTED, usedforsecurity=False).digest())
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: %b\r\n\r\n" % accept
        )
        pages.add(writer)
        while True:
            kind, size = await reader.readexactly(2)
            size &= 0x7F
            if kind != TEXT or size > SHORT_MAX:
                return  # a page that closes, or says what it should not
            mask = await reader.readexactly(4)
            masked = await reader.readexactly(size)
            text = bytes(byte ^ mask[place % 4] for place, byte in enumerate(masked))
            for page in pages - {writer}:
                page.write(bytes((TEXT, size)) + text)
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        pages.discard(writer)
        writer.close()


async def main(port: int) -> None:
    server = await asyncio.start_server(serve, "127.0.0.1", port)
    print("ready", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
