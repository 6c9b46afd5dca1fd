"""A worker's start imports what it uses, and takes nothing from whoever imports later."""

from __future__ import annotations

import subprocess
import sys

LIGHT_STARTUP = """
import gc, sys
from ccstream.ops import startup
with startup.imports():
    from ccstream.ops import logs, settings
with startup.engine_imports():
    import ccstream.engine.worker
assert gc.isenabled() and gc.get_freeze_count() > 1_000
"""


def run(program: str) -> str:
    """What a Python of its own prints: modules are imported once in a process."""
    done = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, text=True, timeout=50
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_worker_starts_without_what_its_libraries_offer_and_it_does_not_use() -> None:
    heavy = ["aiohttp", "pygments", "rich", "yaml"]
    told = run(f"{LIGHT_STARTUP}\nprint([name for name in {heavy} if name in sys.modules])")
    assert told.strip() == "[]"


def test_what_was_left_out_is_there_for_whoever_wants_it() -> None:
    run(
        f"""{LIGHT_STARTUP}
import aiohttp.client, rich.console, yaml
assert aiohttp.client.ClientSession.get and yaml.safe_load("a: 1") == {{"a": 1}}
"""
    )


def test_what_is_imported_already_is_left_alone() -> None:
    run(
        """
import sys
import aiohttp.client, rich, yaml
before = {name: sys.modules[name] for name in ("aiohttp", "aiohttp.client", "rich", "yaml")}
from ccstream.ops import startup
with startup.engine_imports():
    import ccstream.engine.worker
assert all(sys.modules[name] is module for name, module in before.items())
"""
    )
