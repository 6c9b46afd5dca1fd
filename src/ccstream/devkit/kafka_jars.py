"""Apache Kafka as plain jars, fetched once with Maven into a cache folder.

The jars come from whatever repository Maven is configured for (a mirror in
``~/.m2/settings.xml`` included) and are kept under ``CCSTREAM_CACHE``, else
``$XDG_CACHE_HOME/ccstream``, else ``~/.cache/ccstream``. Once a version is there, nothing
is fetched again and no network is needed.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from ccstream.errors import DevkitError

__all__ = ["KAFKA_VERSION", "cache_root", "fetch_jars", "find_java"]

KAFKA_VERSION: Final = "4.1.1"
"""The version that everything here was measured and tested with."""

JAVA_VERSION_MIN: Final = 17
"""What a Kafka 4 broker was compiled for; an older Java ends with a class file error."""

FETCH_S_MAX: Final = 900.0
"""43 MB; a quarter of an hour is a link of half a megabit, beyond that one should be told."""

TOOL_S_MAX: Final = 30.0
"""``java -version`` takes a tenth of a second; this bounds a machine that is starved."""

POM: Final = """\
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>ccstream.devkit</groupId>
  <artifactId>local-kafka</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka_2.13</artifactId>
      <version>{version}</version>
    </dependency>
    <!-- Kafka logs through slf4j and brings no binding; without one its errors are lost. -->
    <dependency>
      <groupId>org.slf4j</groupId>
      <artifactId>slf4j-simple</artifactId>
      <version>1.7.36</version>
    </dependency>
  </dependencies>
</project>
"""


def cache_root() -> Path:
    """The folder for what is fetched once and can be thrown away at any time."""
    own = os.environ.get("CCSTREAM_CACHE")
    if own:
        return Path(own).expanduser()
    shared = os.environ.get("XDG_CACHE_HOME")
    return (Path(shared) if shared else Path.home() / ".cache") / "ccstream"


def find_java() -> str:
    """The path of a Java that can run Kafka 4: ``$JAVA_HOME``'s, else the one on the path.

    Raises ``DevkitError`` where there is none, or only one that is too old.
    """
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home) / "bin" / "java") if home else shutil.which("java")
    if java is None or shutil.which(java) is None:
        raise DevkitError(
            f"Kafka needs Java {JAVA_VERSION_MIN} or newer, and there is no `java` on the path "
            "(on Debian: apt-get install default-jre-headless)."
        )
    try:
        said = subprocess.run(
            [java, "-version"], capture_output=True, text=True, timeout=TOOL_S_MAX, check=True
        ).stderr
    except (OSError, subprocess.SubprocessError) as error:
        raise DevkitError(f"`{java} -version` does not work: {error}") from error
    found = re.search(r'version "(\d+)', said)
    if found and int(found[1]) < JAVA_VERSION_MIN:
        raise DevkitError(
            f"Kafka needs Java {JAVA_VERSION_MIN} or newer, and {java} is Java {found[1]}."
        )
    return java


def fetch_jars(version: str, report: Callable[[str], None]) -> Path:
    """The folder with all jars of ``version``, fetched if they are not there yet.

    ``report`` is told before anything slow happens. Raises ``DevkitError`` where Maven is
    missing or cannot fetch.
    """
    if not re.fullmatch(r"\d+\.\d+\.\d+", version):
        raise DevkitError(f"{version!r} is no Apache Kafka version such as {KAFKA_VERSION}.")
    jars = cache_root() / f"kafka-{version}"
    if jars.is_dir():
        return jars
    maven = shutil.which("mvn")
    if maven is None:
        raise DevkitError(
            f"The jars of Apache Kafka {version} are not in {jars.parent} yet, and there is no "
            "`mvn` on the path to fetch them (on Debian: apt-get install maven)."
        )
    try:
        jars.parent.mkdir(parents=True, exist_ok=True)
        with _lock(jars.with_name(f"{jars.name}.lock")):
            if not jars.is_dir():
                report(f"Fetching Apache Kafka {version} with Maven into {jars} (about 43 MB).")
                _fetch(maven, version, jars)
    except OSError as error:
        raise DevkitError(
            f"The cache folder {jars.parent} cannot be used ({error.strerror}); "
            "name another in CCSTREAM_CACHE."
        ) from error
    return jars


def _fetch(maven: str, version: str, jars: Path) -> None:
    # Into a folder beside it, renamed when complete: an interrupted download leaves no
    # half-filled folder that would be taken for the whole.
    with tempfile.TemporaryDirectory(dir=jars.parent, prefix=f"{jars.name}.") as scratch:
        Path(scratch, "pom.xml").write_text(POM.format(version=version), encoding="utf-8")
        command = [
            *(maven, "--batch-mode", "--quiet", "--no-transfer-progress"),
            "dependency:copy-dependencies",
            *("-DincludeScope=runtime", "-DoutputDirectory=jars"),
        ]
        try:
            done = subprocess.run(
                command,
                cwd=scratch,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=FETCH_S_MAX,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise DevkitError(
                f"Maven did not fetch Apache Kafka {version} within {FETCH_S_MAX:.0f} s."
            ) from error
        if done.returncode != 0:
            raise DevkitError(
                f"Maven could not fetch Apache Kafka {version}: {_first_error(done.stdout)}"
            )
        Path(scratch, "jars").rename(jars)


def _first_error(said: str) -> str:
    plain = re.sub(r"\x1b\[[0-9;]*m", "", said)
    errors = [line.removeprefix("[ERROR]").strip() for line in plain.splitlines()]
    return next((line for line in errors if line), "it gave no reason")


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    """One fetch at a time, also between processes; the kernel frees it with its holder."""
    with path.open("w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
