"""What prometheus_client measures of the process by itself."""

from __future__ import annotations

from prometheus_client import GCCollector, PlatformCollector, ProcessCollector

from ccstream.ops.exposition import Registry

__all__ = ["registry_of_the_process"]


def registry_of_the_process() -> Registry:
    """A new registry, with the process's own figures."""
    registry = Registry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return registry
