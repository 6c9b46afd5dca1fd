"""Where the workers of a run keep their state: a file system that can be filled or damaged."""

from __future__ import annotations

import contextlib
import functools
import random
import shutil
import subprocess
import tempfile
from pathlib import Path

__all__ = ["Disk", "why_no_small_disk"]

SIZE = "64m"
ROOM_BYTES = 30_000
"""What a full disk has left: a worker starts and stops with that, and does not write rows for long.
"""

DAMAGED_SHARE = 0.4
"""Of the files, each with a chance of this; one at least."""

DAMAGED_BYTES = 64


class Disk:
    """A folder for a run; a file system of its own where ``small``."""

    def __init__(self, path: Path, *, small: bool) -> None:
        self.path = path
        self._small = small
        self._filler = path / "filler"
        path.mkdir()
        if small:
            _mount(path)

    def fill(self) -> None:
        """Take all room but a little."""
        assert self._small, "the machine's own disk is not to be filled"
        free = shutil.disk_usage(self.path).free
        with contextlib.suppress(OSError):  # a worker has written meanwhile: then it is quite full
            self._filler.write_bytes(bytes(max(0, free - ROOM_BYTES)))

    def free(self) -> None:
        self._filler.unlink(missing_ok=True)

    def damage(self, owner: str, dice: random.Random) -> None:
        """Overwrite some bytes in some files of a worker that does not run."""
        files = sorted(
            path
            for path in (self.path / owner).rglob("*")
            if path.is_file() and path.stat().st_size and not path.name.startswith(("LOG", "lock"))
        )
        some = [path for path in files if dice.random() < DAMAGED_SHARE]
        for path in some or files[:1]:
            with path.open("r+b") as file:
                file.seek(dice.randrange(path.stat().st_size))
                file.write(dice.randbytes(DAMAGED_BYTES))

    def close(self) -> None:
        if self._small:
            subprocess.run(["umount", "-l", str(self.path)], check=True)


@functools.cache
def why_no_small_disk() -> str | None:
    """Why there can be none here, or None."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            _mount(Path(folder))
        except (OSError, subprocess.CalledProcessError):
            return "a small file system can only be mounted by root on Linux"
        subprocess.run(["umount", "-l", folder], check=True)
    return None


def _mount(path: Path) -> None:
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(path)]
    subprocess.run(mount, check=True, capture_output=True)
