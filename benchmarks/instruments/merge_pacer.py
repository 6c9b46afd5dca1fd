"""Publishes the load of merges at a steady rate. Prints what there was of each kind.

Arguments: bootstrap, topic, the run's name, events a second, seconds.
"""

from __future__ import annotations

import json
import sys

from benchmarks.instruments.merging import merging, plain
from benchmarks.instruments.pacer import pace
from ccstream.domain.events import Event, IdentifiersLinked


def main(bootstrap: str, topic: str, run: str, rate: int, seconds: float) -> None:
    made = merging(run, rate)
    counts = {"log_ins": 0, "plain": 0}

    def make(number: int, at_ns: int) -> Event:
        event = made(number, at_ns)
        counts["log_ins"] += isinstance(event, IdentifiersLinked)
        counts["plain"] += event.subject.startswith(f"{plain(run)}:")
        return event

    print(json.dumps(pace(bootstrap, topic, rate, seconds, make) | counts))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), float(sys.argv[5]))
