"""Prints docs/capacity.md: what `ccstream capacity` says of four sizes, by the newest results."""

from __future__ import annotations

import sys

from benchmarks.figures import figures
from ccstream.ops.capacity import UNMEASURED, Figures, Load, plan

__all__ = ["page"]

SIZES = (
    (1_000, 100_000),
    (10_000, 1_000_000),
    (100_000, 10_000_000),
    (1_000_000, 50_000_000),
)
"""Events a second at the peak, and customers."""

AVERAGE = 0.3
"""Of the peak, over a week: shops close at night."""

HEAD = """\
<!-- Made by `python -m benchmarks.capacity_page` from benchmarks/results. -->

# What a load takes

`ccstream capacity` reckons this from what was measured; [scaling.md](scaling.md) says how to get
there.

Measured on {measured}: {on}.

Peaks of so many events a second, {average:.0%} of it on average, carts of three lines, two readers
of everything, three copies, workers with 4 GiB, brokers with 8 cores and 300 MB/s, nothing busier
than 60 % at the peak.

"""


def page() -> str:
    """The page."""
    known = Figures(**figures())
    plans = [
        plan(
            Load(events_per_second=rate, customers=customers, average_per_second=rate * AVERAGE),
            known,
        )
        for rate, customers in SIZES
    ]
    head = HEAD.format(measured=known.measured, on=known.on, average=AVERAGE)
    titles = (f"{rate:,}/s, {customers:,} customers" for rate, customers in SIZES)
    rows = [f"| | {' | '.join(titles)} |", f"|---|{'---:|' * len(SIZES)}"]
    for line in plans[0].lines:
        cells = " | ".join(_number(one[line.name]) for one in plans)
        unit = f", {line.unit}" if line.unit else ""
        rows.append(f"| {line.name}{unit} | {cells} |")
    rows.append(f"| limited by | {' | '.join(one.limit for one in plans)} |")
    notes = "\n".join(f"- {sentence[0].upper()}{sentence[1:]}." for sentence in UNMEASURED)
    return f"{head}{chr(10).join(rows)}\n\n{notes}\n"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:.1f}"


if __name__ == "__main__":
    sys.stdout.write(page())
