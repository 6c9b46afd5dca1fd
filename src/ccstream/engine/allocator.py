"""One heap for all threads of a worker, where the C library is glibc.

It would give each thread one of its own. Records are allocated by the threads that fetch them and
freed by the one that folds them, so that each heap keeps what it needed once, at the height of
a catch-up. Threads seldom allocate at the same time.
"""

from __future__ import annotations

import ctypes
import os
import platform
from typing import Final

__all__ = ["share_one_heap"]

_M_ARENA_MAX: Final = -8
"""From glibc's ``malloc.h``."""


def share_one_heap() -> None:
    """Before there are threads; who has set ``MALLOC_ARENA_MAX`` knows better."""
    if platform.libc_ver()[0] == "glibc" and "MALLOC_ARENA_MAX" not in os.environ:
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)
