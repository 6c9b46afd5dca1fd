"""docs/extending.md, done to the letter in a copy of the tree; and what comes of it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ccstream.devkit.embedded import EMBEDDED_PARTITIONS, EmbeddedKafka
from tests.docs.page_steps import NewFile, apply, program, steps
from tests.support.source import tracked

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]

IN_THE_PAGE = "localhost:9092"
COPIED = ("src", "schemas", "tests", "docs", "pyproject.toml", "asyncapi.yaml")

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def page(root: Path) -> str:
    return (root / "docs" / "extending.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def tree(root: Path, page: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the tree in which the page was followed."""
    copy = tmp_path_factory.mktemp("extended")
    for path in tracked():
        name = path.relative_to(root)
        if name.parts[0] in COPIED and path.suffix != ".so":
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, copy / name)
    for step in steps(page):
        apply(step, copy)
    return copy


@pytest.fixture(scope="module")
def run(tree: Path) -> Run:
    """Runs Python on the copy rather than on what is installed."""

    def run(*words: str, timeout: float = 200, **env: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, *words],
            cwd=tree,
            env=os.environ | {"PYTHONPATH": str(tree / "src")} | env,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]
        return done

    return run


@pytest.fixture(scope="module")
def generated(tree: Path, run: Run) -> None:
    """What `make generate` would write: readers and writers of events, and what depends on them."""
    for what in ("reader", "writer"):
        made = run("-m", f"ccstream.wire.{what}_module").stdout
        (tree / f"src/ccstream/wire/event_{what}s.py").write_text(made)
    (tree / "asyncapi.yaml").write_text(run("-m", "ccstream.wire.asyncapi").stdout)
    assert "LoyaltySynced" in (tree / "asyncapi.yaml").read_text()


def test_it_touches_each_place_once_and_adds_the_files_it_says(page: str, root: Path) -> None:
    written = [step.path for step in steps(page) if isinstance(step, NewFile)]
    assert len(written) == len(set(written)) == 6
    assert not [path for path in written if (root / path).exists()]


def test_the_schemas_are_good(run: Run, generated: None) -> None:
    run("-m", "ccstream", "schemas", "check")


def test_what_it_adds_is_formatted_and_clean(tree: Path, run: Run, page: str) -> None:
    touched = sorted({step.path for step in steps(page) if step.path.endswith(".py")})
    run("-m", "ruff", "check", "--no-cache", *touched)
    run("-m", "ruff", "format", "--check", "--no-cache", *touched)
    domain = "src/ccstream/domain/loyalty.py"
    run("-m", "mypy", "--strict", "--cache-dir", str(tree / ".mypy"), domain, MYPYPATH="src")


def test_the_trees_own_tests_hold_with_it(run: Run, generated: None) -> None:
    done = run(
        *("-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not long"),
        *("tests/domain/test_loyalty.py", "tests/wire/test_catalogue.py"),
        *("tests/wire/test_typed_records.py", "tests/wire/test_validate.py"),
        *(
            "tests/wire/test_rows.py",
            "tests/wire/test_sync.py",
            "tests/client/test_sync_decoder.py",
        ),
    )
    assert "passed" in done.stdout


def test_a_worker_folds_the_new_event_and_publishes_the_new_sync_event(
    run: Run, generated: None, page: str, tree: Path
) -> None:
    with EmbeddedKafka() as kafka:
        where = {
            "CCSTREAM_KAFKA__BOOTSTRAP": kafka.bootstrap,
            "CCSTREAM_KAFKA__PARTITIONS": str(EMBEDDED_PARTITIONS),
        }
        (tree / "said.py").write_text(program(page).replace(IN_THE_PAGE, kafka.bootstrap))
        (tree / "both.py").write_text(BESIDE_A_WORKER)
        said = run("both.py", **where).stdout.splitlines()
    assert said == [
        "120 points, by LoyaltyPointsEarned in store",
        "20 points, by LoyaltyPointsSpent in store",
    ]
    together = " ".join(page.split())
    assert all(f"`{line}`" in together for line in said)


BESIDE_A_WORKER = """
import os, runpy, pathlib
import ccstream
from ccstream.devkit.worker_process import WorkerProcess

assert pathlib.Path(ccstream.__file__).is_relative_to(pathlib.Path.cwd()), ccstream.__file__
names = ("KAFKA__BOOTSTRAP", "KAFKA__PARTITIONS")
with WorkerProcess({name: os.environ[f"CCSTREAM_{name}"] for name in names}):
    runpy.run_path("said.py", run_name="__main__")
"""
