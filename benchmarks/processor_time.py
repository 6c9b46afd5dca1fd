"""The processor time of a process and all that it started, as Linux tells it."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["processor_seconds"]

PROC = Path("/proc")


def processor_seconds(pid: int) -> float | None:
    """User and system time so far, all threads, with living and dead children.

    None where the system does not tell, or the process is gone.
    """
    ticks = 0
    children: dict[int, list[int]] = {}
    times: dict[int, int] = {}
    for stat in PROC.glob("[0-9]*/stat"):
        try:
            # The name, in brackets, may have blanks and brackets of its own.
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # ended meanwhile
        number = int(stat.parent.name)
        children.setdefault(int(fields[1]), []).append(number)
        times[number] = sum(map(int, fields[11:15]))
    if pid not in times:
        return None
    found = [pid]
    while found:
        one = found.pop()
        ticks += times[one]
        found += children.get(one, ())
    return ticks / os.sysconf("SC_CLK_TCK")
