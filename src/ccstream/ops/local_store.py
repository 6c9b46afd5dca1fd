"""Whether the folder of the local store can be used, for `ccstream doctor`."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Final

from ccstream.errors import StoreError
from ccstream.ops.settings import StateSettings

__all__ = ["FREE_BYTES_SAFE", "free_bytes"]

FREE_BYTES_SAFE: Final = 1 << 30
"""Less than this is soon used up: files are written anew before the old ones go."""


def free_bytes(state: StateSettings) -> int:
    """How much room there is; the folder itself is not made.

    Raises:
        StoreError: no file can be written there.
    """
    folder = Path(os.path.abspath(state.directory))  # noqa: PTH100 - resolve() would follow links
    there = next(path for path in (folder, *folder.parents) if path.exists())
    try:
        with tempfile.TemporaryFile(dir=there) as file:
            file.write(b"ccstream")
            file.flush()
        return shutil.disk_usage(there).free
    except OSError as error:
        raise StoreError(
            f"nothing can be written to {there}, where state.directory {state.directory} is or "
            f"would be: {error.strerror}"
        ) from error
