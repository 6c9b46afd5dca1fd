"""Threads of a worker share one heap."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc's heaps are meant")

THREADS = 4

PROGRAM = f"""
import ctypes, sys, threading
libc = ctypes.CDLL(None)
if sys.argv[1] == "shared":
    from ccstream.engine.allocator import share_one_heap
    share_one_heap()
libc.malloc.restype = ctypes.c_void_p
barrier = threading.Barrier({THREADS})
def allocate():
    barrier.wait(10)
    libc.malloc(5000)
    barrier.wait(10)
threads = [threading.Thread(target=allocate) for _ in range({THREADS})]
for one in threads: one.start()
for one in threads: one.join()
libc.malloc_info(0, ctypes.c_void_p.in_dll(libc, "stdout"))
libc.fflush(None)
"""


def heaps(how: str, **environment: str) -> int:
    env = {name: value for name, value in os.environ.items() if name != "MALLOC_ARENA_MAX"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, how],
        env=env | environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    return len(re.findall("<heap nr", done.stdout))


def test_without_it_threads_have_heaps_of_their_own() -> None:
    assert heaps("own") > 1


def test_with_it_there_is_one() -> None:
    assert heaps("shared") == 1


def test_an_operator_who_has_set_it_is_obeyed() -> None:
    assert heaps("shared", MALLOC_ARENA_MAX="8") > 1
