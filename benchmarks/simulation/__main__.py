"""``python -m benchmarks.simulation``: the tables of docs/scaling.md; ``--check`` compares them."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from benchmarks.simulation.model import Incident, Outcome, Setup, Simulation
from benchmarks.simulation.skew import weights

PAGE = Path(__file__).parents[2] / "docs" / "scaling.md"
MARKED = re.compile(r"(<!-- simulation:begin[^>]*-->\n).*?(<!-- simulation:end -->)", re.DOTALL)

CUSTOMERS = 1_000_000
WORKERS = 12
SECONDS, AT_S = 60.0, 5.0
"""How long a run is, and when something happens in it."""
CRASH = Incident(AT_S, "crash", 0)
BUSY = 0.6
"""Of each worker on average, as `ccstream capacity` plans."""


def setup(partitions: int, exponent: float = 0.0, **more: object) -> Setup:
    """The common case, with what is asked about set otherwise."""
    chosen: dict[str, object] = {
        "weights": weights(partitions, CUSTOMERS, exponent),
        "workers": WORKERS,
        "rate": WORKERS * BUSY / Setup.event_s,
        "seconds": SECONDS,
        "take_over_s": 0.3,
        **more,
    }
    return Setup(**chosen)  # type: ignore[arg-type]


def tables() -> str:
    """Both, as Markdown."""
    lines = [
        "| partitions | busiest worker | a few customers do more | one does 7 % | after a crash |",
        "|---:|---:|---:|---:|---:|",
    ]
    for partitions in (12, 16, 24, 48, 96):
        cells = [
            f"{Simulation(setup(partitions, exponent, seconds=5.0)).run().imbalance:.2f}"
            for exponent in (0.0, 0.8, 1.0)
        ]
        found = Simulation(setup(partitions, 0.0, incidents=(CRASH,))).run()
        lines.append(f"| {partitions} | {' | '.join(cells)} | {_behind(found)} |")
    lines += [
        "",
        "| what happens | longest wait | behind for | partitions that waited over 1 s |",
        "|---|---:|---:|---:|",
    ]
    for name, incident, more in (
        ("nothing", None, {}),
        ("a restart of 3 s, static", Incident(AT_S, "restart", 0, 3.0), {}),
        ("a crash, restored in 8 s", CRASH, {"take_over_s": 8.0}),
        ("a crash, with standbys", CRASH, {}),
        (
            "a crash, with standbys, session of 6 s",
            CRASH,
            {"session_s": 6.0},
        ),
        (
            "a crash, with standbys, at 0.85 busy",
            CRASH,
            {"rate": WORKERS * 0.85 / Setup.event_s},
        ),
    ):
        incidents = () if incident is None else (incident,)
        found = Simulation(setup(48, incidents=incidents, **more)).run()
        late = sum(one > 1 for one in found.worst.values())
        longest = max(found.worst.values())
        lines.append(f"| {name} | {longest:.1f} s | {_behind(found)} | {late} of 48 |")
    return "\n".join(lines) + "\n"


def _behind(found: Outcome) -> str:
    """How long after an incident somebody still waits for more than a second."""
    if found.behind_until_s > SECONDS:
        return "never done"
    return f"{max(0.0, found.behind_until_s - AT_S):.0f} s"


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.simulation", description=__doc__)
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--write", action="store_true", help="put them into docs/scaling.md")
    choice.add_argument("--check", action="store_true", help="are they in docs/scaling.md?")
    arguments = parser.parse_args()
    found = tables()
    if not (arguments.write or arguments.check):
        print(found, end="")
        return 0
    text = PAGE.read_text(encoding="utf-8")
    wanted = MARKED.sub(lambda marks: marks[1] + found + marks[2], text)
    if arguments.write:
        PAGE.write_text(wanted, encoding="utf-8")
    return int(not arguments.write and wanted != text)


if __name__ == "__main__":
    sys.exit(main())
