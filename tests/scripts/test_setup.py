"""The scripts: POSIX, one a target, and one clear sentence where something is missing.

They run in a copy of the tree with Pythons that only pretend, so nothing is installed here.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.source import ROOT, modules

SCRIPTS = sorted(path for path in (ROOT / "scripts").iterdir() if path.is_file())
RUN = [path for path in SCRIPTS if path.suffix != ".sh"]
SHELL = shutil.which("dash") or shutil.which("sh") or "sh"
TOOLS = (
    "cat cc chmod cksum cmp cp cut dirname find grep mkdir mktemp printf rm sed sh sort tail touch "
    "xargs"
)

PYTHON = """\
#!/bin/sh
# Pretends to be Python {version}; makes a virtual environment of programs that pretend.
case "$*" in
--version) echo "Python {version}" ;;
*version_info*) exit {too_old} ;;
*platform*) echo {version} ;;
*ensurepip*) exit {no_venv} ;;
"-m venv "*)
    mkdir -p "$3/bin"
    cat "$0" >"$3/bin/python"
    printf '#!%s\\n' "$3/bin/python" >"$3/bin/pip"
    for program in ccstream mypy ruff lint-imports; do
        printf '#!/bin/sh\\necho %s "$@"\\n' "$program" >"$3/bin/$program"
    done
    chmod +x "$3/bin"/*
    ;;
"-m pip config"*) exit 1 ;;
"-m pip install"*)
    echo pip >>"$LOG"
    [ -z "${{OFFLINE:-}}" ] || {{ echo "ERROR: No route to the index" >&2; exit 1; }}
    cat >"${{0%/*}}/uv" <<'UV'
#!/bin/sh
[ "$1" != --version ] || {{ echo uv {uv}; exit; }}
echo "uv $*" >>"$LOG"
[ -z "$NO_PACKAGES" ] || {{ echo "no wheel" >&2; exit 2; }}
UV
    chmod +x "${{0%/*}}/uv"
    ;;
*"-m ccstream."*) echo "made by $*" ;;
*) echo "python $*" ;;
esac
"""


class Ended(NamedTuple):
    code: int
    out: str
    err: str


class Tree:
    """A copy of the project's set-up, on a machine that has just what is put into ``bin``."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "a tree"
        self.bin = folder / "bin"
        self.log = folder / "log"
        self.bin.mkdir()
        self.log.touch()
        shutil.copytree(ROOT / "scripts", self.root / "scripts")
        for name in ("docs", "src", "schemas"):
            (self.root / name).mkdir()
        for name in ("pyproject.toml", "uv.lock", "Makefile", "README.md", "LICENSE"):
            shutil.copy(ROOT / name, self.root)
        shutil.copy(ROOT / "docs/architecture.md", self.root / "docs")
        for tool in TOOLS.split():
            found = shutil.which(tool)
            if found:
                (self.bin / tool).symlink_to(found)

    def python(self, name: str = "python3", version: str = "3.12.1", *, venv: bool = True) -> Path:
        (pinned,) = re.findall(r"uv_version=(\S+)", (ROOT / "scripts/common.sh").read_text())
        old = tuple(map(int, version.split(".")[:2])) < (3, 11)
        text = PYTHON.format(version=version, too_old=int(old), no_venv=int(not venv), uv=pinned)
        path = self.bin / name
        path.write_text(text)
        path.chmod(0o755)
        return path

    def run(self, script: str, *arguments: str, **environment: str) -> Ended:
        done = subprocess.run(
            [SHELL, f"scripts/{script}", *arguments],
            cwd=self.root,
            env={"PATH": str(self.bin), "LOG": str(self.log), "NO_PACKAGES": "", **environment},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        return Ended(done.returncode, done.stdout, done.stderr)

    def installed(self) -> list[str]:
        """What pip and uv were asked for so far."""
        return self.log.read_text().splitlines()


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


def last(text: str) -> str:
    return text.strip().splitlines()[-1]


def test_a_fresh_tree_is_set_up_and_says_what_it_does(tree: Tree) -> None:
    tree.python()
    ended = tree.run("setup")
    assert ended.code == 0, ended.err
    assert ended.out == ""
    assert [line.split(" ")[0] for line in ended.err.splitlines()] == [
        "Making",
        "Installing",
        "Installing",
        "Set",
        "Ready:",
    ]
    assert tree.installed() == ["pip", "uv sync --quiet --locked --inexact --group=dev"]


def test_a_tree_that_is_set_up_fetches_nothing_again(tree: Tree) -> None:
    tree.python()
    tree.run("setup")
    before = tree.installed()
    ended = tree.run("setup", OFFLINE="1", NO_PACKAGES="1")
    assert ended == Ended(0, "", "Ready: .venv/bin/ccstream --help\n")
    assert tree.installed() == before


def test_a_changed_lock_is_installed_into_the_environment_there_is(tree: Tree) -> None:
    tree.python()
    tree.run("setup")
    with (tree.root / "uv.lock").open("a") as lock:
        lock.write("# changed\n")
    ended = tree.run("setup")
    assert ended.code == 0
    assert "Making" not in ended.err
    assert tree.installed()[2:] == ["uv sync --quiet --locked --inexact --group=dev"]


def test_a_tree_that_was_moved_gets_an_environment_of_its_own(tree: Tree) -> None:
    tree.python()
    tree.run("setup")
    tree.root = tree.root.rename(tree.root.with_name("moved"))
    ended = tree.run("setup")
    assert ended.code == 0, ended.err
    assert "Making a virtual environment" in ended.err


def test_what_has_the_data_set_keeps_it(tree: Tree) -> None:
    tree.python()
    tree.run("setup", "all")
    (tree.root / "pyproject.toml").write_text("# changed\n")
    tree.run("setup")
    assert set(tree.installed()) == {"pip", "uv sync --quiet --locked --inexact --all-groups"}


def test_no_python_is_one_sentence(tree: Tree) -> None:
    ended = tree.run("setup")
    assert ended.code == 1
    assert ended.err == (
        "ccstream: Python 3.11 or newer is needed, and there is no python3 on the path.\n"
    )


def test_a_python_that_is_too_old_is_named(tree: Tree) -> None:
    tree.python(version="3.9.18")
    ended = tree.run("setup")
    assert ended.code == 1
    assert ended.err.startswith("ccstream: Python 3.11 or newer is needed, and python3 is 3.9.18;")
    assert len(ended.err.splitlines()) == 1


def test_a_newer_python_under_its_own_name_is_found(tree: Tree) -> None:
    tree.python(version="3.9.18")
    tree.python("python3.12", version="3.12.1")
    ended = tree.run("setup")
    assert ended.code == 0, ended.err
    assert "with Python 3.12.1" in ended.err


def test_a_named_python_that_is_too_old_is_refused(tree: Tree) -> None:
    tree.python()
    old = tree.python("old", version="3.10.2")
    ended = tree.run("setup", PYTHON=str(old))
    assert ended == Ended(1, "", f"ccstream: PYTHON={old} is no Python 3.11 or newer.\n")


def test_a_python_without_venv_is_one_sentence(tree: Tree) -> None:
    tree.python(venv=False)
    ended = tree.run("setup")
    assert ended.code == 1
    assert "python3 has no venv module" in ended.err
    assert len(ended.err.splitlines()) == 1


def test_an_index_out_of_reach_ends_in_one_sentence(tree: Tree) -> None:
    tree.python()
    ended = tree.run("setup", OFFLINE="1")
    assert ended.code == 1
    assert last(ended.err) == (
        "ccstream: pip could not install uv (is the package index in reach?): "
        "ERROR: No route to the index"
    )


def test_packages_that_cannot_be_had_end_in_one_sentence_and_the_next_run_tries_again(
    tree: Tree,
) -> None:
    tree.python()
    ended = tree.run("setup", NO_PACKAGES="1")
    assert ended.code == 1
    assert last(ended.err).startswith("ccstream: the packages of uv.lock could not be installed")
    assert "no wheel" in ended.err
    assert tree.run("setup").code == 0
    assert tree.installed().count("pip") == 1


def test_a_mirror_gets_the_same_versions_by_their_hashes(tree: Tree) -> None:
    tree.python()
    ended = tree.run("setup", UV_DEFAULT_INDEX="https://mirror.example/simple")
    assert ended.code == 0, ended.err
    commands = tree.installed()[1:]
    assert commands[0].startswith("uv export --quiet --frozen")
    assert "--index-url https://mirror.example/simple --require-hashes" in commands[1]
    assert commands[2].endswith("--no-deps --editable .")


def test_a_wrong_argument_is_refused(tree: Tree) -> None:
    ended = tree.run("setup", "everything")
    assert ended.code == 1
    assert "not `everything`" in ended.err


@pytest.mark.parametrize(
    ("script", "arguments", "runs"),
    [
        ("demo", ("--check",), "ccstream demo --check"),
        ("test", ("-k", "cart"), "dist loadfile -m not long -k cart"),
        ("bench", ("latency",), "python -m benchmarks latency"),
        ("bench-full", ("soak",), "python -m benchmarks.full soak"),
        ("play", ("--speed", "10"), "ccstream devkit kafka -- "),
    ],
)
def test_a_script_sets_up_and_hands_its_arguments_on(
    tree: Tree, script: str, arguments: tuple[str, ...], runs: str
) -> None:
    tree.python()
    ended = tree.run(script, *arguments)
    assert ended.code == 0, ended.err
    assert "Set up in .venv." in ended.err
    assert runs in ended.out
    assert ended.out.strip().endswith(" ".join(arguments))


def test_all_tests_are_the_quick_ones_and_then_the_long(tree: Tree) -> None:
    tree.python()
    kinds = re.compile(r"pytest .*-m (not long tests/domain|not long|long)")
    compiled = "not long tests/domain"
    assert kinds.findall(tree.run("test-all").out) == ["not long", compiled, "long"]
    assert kinds.findall(tree.run("test-all", "--added").out) == [compiled, "long"]


def test_without_a_c_compiler_nothing_is_compiled_and_the_long_tests_run_all_the_same(
    tree: Tree,
) -> None:
    tree.python()
    (tree.bin / "cc").unlink()
    ended = tree.run("test-all", "--added")
    assert ended.code == 0, ended.err
    assert "a C compiler is needed" in ended.err
    assert re.findall(r"pytest .*-m (not long|long)", ended.out) == ["long"]


def test_compiling_takes_no_arguments(tree: Tree) -> None:
    tree.python()
    ended = tree.run("compile", "everything")
    assert ended.code == 1
    assert "not `everything`" in ended.err


def test_what_is_compiled_is_compiled_again_only_when_it_has_changed(tree: Tree) -> None:
    tree.python()
    builds = [tree.run("compile").err.count("Compiling") for _ in range(2)]
    (tree.root / "src/new.py").write_text("new = 1\n")
    builds.append(tree.run("compile").err.count("Compiling"))
    assert builds == [1, 0, 1]


def test_a_check_that_fails_does_not_hide_the_others(tree: Tree) -> None:
    tree.python()
    tree.run("setup")
    tree.run("generate")
    for program in ("mypy", "lint-imports"):
        (tree.root / ".venv/bin" / program).write_text("#!/bin/sh\nexit 1\n")
    ended = tree.run("check")
    assert ended.code == 1
    assert last(ended.err) == "ccstream: these checks failed: types, layers."
    assert ended.err.count("Checking") >= 6


def test_a_stale_file_is_named_and_written_again(tree: Tree) -> None:
    tree.python()
    tree.run("setup")
    tree.run("generate")
    (tree.root / "asyncapi.yaml").write_text("of yesterday\n")
    stale = tree.run("generate", "--check")
    assert stale.code == 1
    assert last(stale.err) == "ccstream: stale: asyncapi.yaml; `make generate` writes them again."
    assert (tree.root / "asyncapi.yaml").read_text() == "of yesterday\n"
    assert last(tree.run("generate").err) == "Written: asyncapi.yaml."
    assert (tree.root / "asyncapi.yaml").read_text() == "made by -m ccstream.wire.asyncapi\n"
    assert tree.run("generate", "--check").code == 0


def test_every_module_that_makes_a_file_is_asked_for_it() -> None:
    makers = {
        ".".join(path.relative_to(ROOT / "src").with_suffix("").parts)
        for path in modules()
        if path.stem != "__main__" and '__name__ == "__main__"' in path.read_text(encoding="utf-8")
    }
    asked = re.findall(
        r"^\S+ (ccstream\.\S+)$", (ROOT / "scripts/generate").read_text(), re.MULTILINE
    )
    assert set(asked) == makers


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_a_script_is_plain_posix_shell(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    subprocess.run([SHELL, "-n", path], check=True, timeout=10)
    for word in (r"\[\[", r"\blocal\b", r"\bfunction\b", r"\bsource\b", r"<<<", r"&>", r"\$'"):
        code = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
        assert not re.search(word, code), word


@pytest.mark.parametrize("path", RUN, ids=lambda path: path.name)
def test_a_script_can_be_run_and_says_what_it_is_for(path: Path) -> None:
    first, second, *_ = path.read_text(encoding="utf-8").splitlines()
    assert first == "#!/bin/sh"
    assert second.startswith("# ")
    assert os.access(path, os.X_OK)


def test_every_make_target_is_the_script_of_its_name() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    rules: list[tuple[str, str]] = re.findall(
        r"^([a-z-]+):.*\n\t@scripts/([a-z-]+) .*\$\(ARGS\)$", text, re.MULTILINE
    )
    assert {target for target, _ in rules} == {path.name for path in RUN}
    assert all(target == script for target, script in rules)


def test_continuous_integration_runs_the_targets_in_order() -> None:
    text = (ROOT / ".ci/run").read_text(encoding="utf-8")
    calls: Callable[[str], int] = text.index
    assert calls('run "make check" make check') < calls('run "make test" make test')
    assert calls('run "make test" make test') < calls("scripts/test-all --added")
    assert "CCSTREAM_REQUIRE_REAL_KAFKA=1" in text
    assert os.access(ROOT / ".ci/run", os.X_OK)
