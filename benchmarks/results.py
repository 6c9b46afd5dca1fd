"""The result file: what was measured, on what, in the one format that the report reads."""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ccstream.devkit.kafka_jars import KAFKA_VERSION

__all__ = [
    "FOLDER",
    "Result",
    "describe_machine",
    "document",
    "median_of",
    "newest",
    "renewed",
    "write",
]

FOLDER = Path(__file__).parent / "results"

LIBRARIES = ("aiokafka", "ccstream", "confluent-kafka", "fastavro", "faust-streaming", "msgspec")


@dataclass(frozen=True)
class Result:
    """One figure. ``value`` is the median of ``runs`` unless the question says otherwise."""

    question: str
    subject: str
    metric: str
    value: float
    unit: str
    runs: list[float] = field(default_factory=list)


def median_of(
    question: str, subject: str, metric: str, unit: str, runs: Sequence[float], digits: int = 1
) -> Result:
    """The median of several runs as a result, rounded to what the noise allows."""
    rounded = [round(run, digits) for run in runs]
    middle = round(statistics.median(runs), digits)
    return Result(question, subject, metric, middle, unit, rounded)


def describe_machine() -> dict[str, Any]:
    """What the figures depend on; nothing that names the machine or its owner."""
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "memory_gib": _memory_gib(),
        "python": platform.python_version(),
        "kafka": _kafka(),
        "libraries": {name: version(name) for name in LIBRARIES},
    }


def document(results: Sequence[Result]) -> dict[str, Any]:
    """The result file's content, dated today."""
    return {
        "machine": describe_machine(),
        "date": datetime.now(UTC).date().isoformat(),
        "results": [asdict(result) for result in results],
    }


def write(content: dict[str, Any], folder: Path = FOLDER) -> Path:
    """Write ``<date>.json`` and return its path; a second run of a day replaces the first."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{content['date']}.json"
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    return path


def renewed(content: dict[str, Any], folder: Path = FOLDER) -> dict[str, Any]:
    """The newest file's content with these results in place of its own of the same questions.

    Raises:
        ValueError: there is no file, or it is of another machine.
    """
    path = newest(folder)
    before = json.loads(path.read_text(encoding="utf-8")) if path is not None else {}
    if before.get("machine") != content["machine"]:
        raise ValueError("there is no result file of this machine, as it is now, to renew")
    asked = {one["question"] for one in content["results"]}
    kept = [one for one in before["results"] if one["question"] not in asked]
    order = list(dict.fromkeys(one["question"] for one in before["results"]))
    both = [*kept, *content["results"]]
    both.sort(
        key=lambda one: order.index(one["question"]) if one["question"] in order else len(order)
    )
    return {**content, "results": both}


def newest(folder: Path = FOLDER) -> Path | None:
    """The newest result file, None if there is none."""
    return max(folder.glob("????-??-??.json"), default=None)


def _kafka() -> str:
    if os.environ.get("CCSTREAM_BENCH_BOOTSTRAP"):
        return "the cluster given"
    return f"Apache Kafka {KAFKA_VERSION}, one node on the same machine"


def _processor() -> str:
    """The model as the system states it; its architecture where it does not."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _memory_gib() -> int | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30)
    except (ValueError, OSError):
        return None
