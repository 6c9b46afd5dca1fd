"""A worker as a process of its own, for as long as a ``with`` block."""

from __future__ import annotations

from collections.abc import Mapping

from ccstream.devkit.service_process import ServiceProcess

__all__ = ["WorkerProcess"]


class WorkerProcess(ServiceProcess):
    """``ccstream worker`` with settings of its own; ready when the block begins.

    ``settings``: by the names of their environment variables without ``CCSTREAM_``.
    """

    def __init__(self, settings: Mapping[str, str]) -> None:
        super().__init__(["worker", "--no-restart"], settings, "WEB__PORT")
