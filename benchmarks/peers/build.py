"""Peers that have to be built: Kafka Streams with Maven, Quix Streams in an environment of its own.

Each is built into ``build/peers`` when it is first asked for, and again when what it is made
from has changed. Nothing is fetched where it is up to date.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path

from benchmarks.records import BenchmarkError

__all__ = ["kafka_streams_classpath", "tools_python"]

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
BUILD = ROOT / "build" / "peers"

BUILD_S_MAX = 900.0
"""Some 100 MB from a registry the first time; beyond a quarter of an hour one should be told."""


def kafka_streams_classpath() -> str:
    """The classpath of the Kafka Streams peer, whose class is ``Carts``."""
    source, target = HERE / "kafka_streams", BUILD / "kafka_streams"
    files = [source / "pom.xml", *sorted((source / "src").glob("*.java"))]
    maven = shutil.which("mvn")
    if not _is_current(target, files):
        if maven is None:
            raise BenchmarkError("Kafka Streams is built with Maven, and there is no `mvn`")
        shutil.rmtree(target, ignore_errors=True)
        quiet = ("--batch-mode", "--quiet", "--no-transfer-progress")
        _run([maven, *quiet, "-f", str(source / "pom.xml"), "package"])
        _made(target, files)
    return f"{target}/*:{target}/jars/*"


def tools_python() -> Path:
    """The Python of the environment with Quix Streams and py-spy."""
    locked = HERE / "quix_streams" / "requirements.txt"
    target = BUILD / "quix_streams"
    python = target / "bin" / "python"
    if not _is_current(target, [locked]):
        uv = str(Path(sys.executable).with_name("uv"))
        shutil.rmtree(target, ignore_errors=True)
        _run([uv, "venv", "--quiet", "--python", sys.executable, str(target)])
        install = [uv, "pip", "install", "--quiet", "--python", str(python)]
        _run([*install, "--require-hashes", "-r", str(locked)])
        _made(target, [locked])
    return python


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=BUILD_S_MAX, check=False
    )
    if done.returncode:
        words = (done.stderr.strip() or done.stdout.strip()).splitlines()[:3]
        raise BenchmarkError(f"a peer could not be built: {' '.join(words)}")


def _state(files: Sequence[Path]) -> str:
    digest = blake2b(sys.version.encode())
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _is_current(target: Path, files: Sequence[Path]) -> bool:
    stamp = target / ".state"
    return stamp.exists() and stamp.read_text(encoding="utf-8") == _state(files)


def _made(target: Path, files: Sequence[Path]) -> None:
    (target / ".state").write_text(_state(files), encoding="utf-8")
