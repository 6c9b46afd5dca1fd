"""Two files through the command, Kafka and a worker, killed half-way, compared with what is true.

``python -m tests.imports.two_files 200000`` makes files of so many rows together (by seed 1, or
the second argument) and says how long each part took and how much memory the command.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import SecretStr

from ccstream.client.contact_points import ContactPoints
from ccstream.devkit.kafka import LocalKafka
from ccstream.ops.settings import Settings
from ccstream.wire.catalogue import changelog_topic, input_topic
from tests.imports.overlap import Expected, expected, write_files
from tests.integration.harness import Worker, codec, make_topics, read, settings_for, worker

__all__ = ["Taken", "run"]

KEY = "k" * 32
TOPICS = (input_topic("call_centre"), input_topic("store"))
TABLES = ("profiles", "aliases", "consents")
SETTLED_S = 4.0
"""Without anything to fold for so long, all letters have been read."""

Tables = dict[str, dict[str, dict[str, Any]]]


class Taken(NamedTuple):
    """What a part took: seconds, and the command's largest resident set."""

    part: str
    seconds: float
    mib: float


def run(
    bootstrap: str,
    app_id: str,
    folder: Path,
    rows: int,
    *,
    seed: int = 1,
    settle_s_max: float = 120.0,
    say: Callable[[str], None] = print,
) -> list[Taken]:
    """Import both files, each killed once on its way, and both again; assert what comes of it.

    A file of half the rows is killed when a quarter of it is noted, which of five thousand is the
    first of three batches: with one left alone it might be over before the signal is there.
    """
    settings = settings_for(bootstrap, app_id)
    make_topics(settings)
    identity = settings.identity.model_copy(update={"contact_key": SecretStr(KEY)})
    points = ContactPoints(settings.model_copy(update={"identity": identity}))
    files = write_files(folder, rows, seed)
    wanted = expected(files, points)
    taken: list[Taken] = []

    def note(part: str, began: float, mib: float = 0.0) -> None:
        taken.append(Taken(part, time.monotonic() - began, mib))
        say(f"{part}: {taken[-1].seconds:.0f} s" + (f", {mib:.0f} MiB" if mib else ""))

    with worker(settings) as one:
        rejected = 0
        for name, path in (("crm", files.crm), ("loyalty", files.loyalty)):
            began = time.monotonic()
            _imported(settings, path, kill_at=rows // 8)
            report, mib = _imported(settings, path)
            assert 0 < report["published"] < sum(report["events"].values()), report
            assert report["conflicts"]["too_many_accounts"] == report["crowded"] == 0, report
            rejected += sum(report["rejected"].values())
            note(f"{name} imported", began, mib)
            began = time.monotonic()
            _settle(one, settle_s_max)
            note(f"{name} folded", began)
        assert rejected == wanted.rejected
        began = time.monotonic()
        first = _tables(settings)
        agree(first, wanted)
        note(f"compared: {len(first['profiles']):,} profiles", began)
        for name, path in (("crm", files.crm), ("loyalty", files.loyalty)):
            began = time.monotonic()
            report, mib = _imported(settings, path)
            assert report["published"] == 0, "all of it was there"
            path.with_name(f"{path.name}.import.json").unlink()
            report, mib = _imported(settings, path)
            assert report["published"] == sum(report["events"].values()), report
            _settle(one, settle_s_max)
            note(f"{name} imported again and folded", began, mib)
        again = _tables(settings)
        for table in TABLES:
            assert _without_versions(again[table]) == _without_versions(first[table]), table
    assert not read(bootstrap, "ccstream.rejected.v1")
    return taken


def _imported(settings: Settings, path: Path, kill_at: int = 0) -> tuple[dict[str, Any], float]:
    """Run the command, and kill it when so many rows are noted; its report, and its MiB."""
    command = [sys.executable, "-m", "ccstream", "import", "customers", str(path)]
    environment = {
        "CCSTREAM_APP_ID": settings.app_id,
        "CCSTREAM_KAFKA__BOOTSTRAP": settings.kafka.bootstrap,
        "CCSTREAM_KAFKA__PARTITIONS": str(settings.kafka.partitions),
        "CCSTREAM_KAFKA__CONNECT_TIMEOUT_MS": str(settings.kafka.connect_timeout_ms),
        "CCSTREAM_IDENTITY__CONTACT_KEY": KEY,
    }
    state = path.with_name(f"{path.name}.import.json")
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            [*command, "--map", str(path.with_suffix(".toml")), "--json"],
            env=os.environ | environment,
            stdout=said,
            stderr=subprocess.DEVNULL if kill_at else None,
        )
        try:
            while kill_at and process.poll() is None:
                if state.exists() and json.loads(state.read_bytes())["rows"] >= kill_at:
                    process.send_signal(signal.SIGKILL)
                    break
                time.sleep(0.002)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        finally:
            if process.returncode is None:
                process.kill()
                process.wait(10)
        if kill_at:
            assert process.returncode == -signal.SIGKILL, "it was over before it was killed"
            return {}, usage.ru_maxrss / 1024
        assert process.returncode in {0, 1}, process.returncode
        said.seek(0)
        report: dict[str, Any] = json.load(said)
        return report, usage.ru_maxrss / 1024


def _settle(one: Worker, seconds_max: float) -> None:
    """Wait until all events are folded and all letters read; the mail's log ends in markers."""
    deadline = time.monotonic() + seconds_max
    seen, since = -1.0, time.monotonic()
    while time.monotonic() - since < SETTLED_S:
        assert one.process.poll() is None, one.log[-3000:]
        assert time.monotonic() < deadline, f"not all is folded after {seconds_max:.0f} s"
        try:
            consumed = one.metric("ccstream_events_consumed_total")
            waiting = sum(one.metric("ccstream_lag_records", topic=topic) for topic in TOPICS)
        except OSError:  # a machine with much else to do; or it has ended, which is seen above
            time.sleep(1.0)
            continue
        if waiting or consumed != seen:
            seen, since = consumed, time.monotonic()
        time.sleep(0.2)


def _tables(settings: Settings) -> Tables:
    """The rows of the committed changelogs."""
    found: Tables = {}
    for table in TABLES:
        values = {
            message.key().decode(): message.value()
            for message in read(settings.kafka.bootstrap, changelog_topic(settings.app_id, table))
        }
        found[table] = {key: codec.decode(v)[1] for key, v in values.items() if v is not None}
    return found


def agree(found: Tables, wanted: Expected) -> None:
    """Assert that the tables say what is true, of every key, and nothing else."""
    _same("root", {key: row["root"] for key, row in found["aliases"].items()}, wanted.roots)
    traits = {
        key: {one["name"]: one["statements"][-1]["value"] for one in row["traits"]}
        for key, row in found["profiles"].items()
    }
    _same("traits", traits, wanted.traits)
    consents = {
        key: {one["contact_point"]: one["status"] for one in row["consents"]}
        for key, row in found["consents"].items()
    }
    _same("consents", consents, wanted.consents)


def _same(what: str, found: dict[str, Any], wanted: dict[str, Any]) -> None:
    wrong = {
        key: (found.get(key), wanted.get(key))
        for key in found.keys() | wanted.keys()
        if found.get(key) != wanted.get(key)
    }
    some = dict(sorted(wrong.items())[:5])
    assert not wrong, f"{len(wrong)} of {len(wanted)} have another {what}, (found, wanted): {some}"


def _without_versions(rows: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {key: {**row, "version": 0} for key, row in rows.items()}


def main(rows: int, seed: int) -> None:
    with tempfile.TemporaryDirectory(prefix="ccstream-two-files-") as folder:
        with LocalKafka(brief=False) as kafka:
            run(kafka.bootstrap, "two-files", Path(folder), rows, seed=seed, settle_s_max=3_600.0)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1)
