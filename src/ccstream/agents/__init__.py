"""Agents of your own: a Faust app beside the pipeline, which reads what it publishes.

See ``docs/agents.md``.
"""

from __future__ import annotations

from ccstream.agents.app import SyncApp

__all__ = ["SyncApp"]
