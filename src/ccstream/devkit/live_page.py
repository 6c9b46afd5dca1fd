"""The live page, with all that is behind it: a broker, a worker and a gateway."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

from ccstream.devkit.demo_session import DemoSession
from ccstream.devkit.gateway_process import GatewayProcess
from ccstream.devkit.ports import LOOPBACK

__all__ = ["LivePage"]


class LivePage:
    """Serves ``/demo`` for as long as an ``async with`` block.

    Args:
        bootstrap: a real cluster to run on; an embedded broker where it is None.
        port: of the gateway; a free one if None.
    """

    def __init__(self, bootstrap: str | None, port: int | None = None) -> None:
        self._session = DemoSession(bootstrap, channels=())
        self._port = port
        self._gateway: GatewayProcess | None = None

    async def __aenter__(self) -> Self:
        await self._session.__aenter__()
        try:
            await self.start_gateway()
        except BaseException:
            await self.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop_gateway()
        await self._session.__aexit__(kind, error, trace)

    @property
    def address(self) -> str:
        """Where a browser finds the page."""
        return f"http://{LOOPBACK}:{self._port}/demo"

    async def start_gateway(self) -> None:
        """Start the gateway, after a stop on the same port."""
        environment = {
            **self._session.environment,
            "GATEWAY__AUTH": "none",
            "GATEWAY__HOST": LOOPBACK,
        }
        gateway = self._gateway = GatewayProcess(environment, self._port)
        await asyncio.to_thread(gateway.__enter__)
        self._port = gateway.port

    def stop_gateway(self) -> None:
        """End the gateway; the page waits for another one."""
        if self._gateway is not None:
            self._gateway.stop()

    def check(self) -> None:
        """Raise DevkitError if the gateway has ended by itself."""
        if self._gateway is not None:
            self._gateway.check()
