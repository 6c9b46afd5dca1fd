"""A gateway as a process of its own, for as long as a ``with`` block."""

from __future__ import annotations

from collections.abc import Mapping

from ccstream.devkit.service_process import ServiceProcess

__all__ = ["GatewayProcess"]


class GatewayProcess(ServiceProcess):
    """``ccstream gateway`` with settings of its own; ready when the block begins.

    Args:
        settings: by the names of their environment variables without ``CCSTREAM_``.
        port: where it listens; a free one if None.
    """

    def __init__(self, settings: Mapping[str, str], port: int | None = None) -> None:
        super().__init__(["gateway"], settings, "GATEWAY__PORT", port)
