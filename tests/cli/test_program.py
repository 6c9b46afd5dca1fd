from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import pytest

from ccstream import errors
from ccstream.cli import program
from ccstream.cli.exits import MEANINGS, ExitCode, code_of
from ccstream.cli.program import COMMANDS
from tests.cli.conftest import Ended

HEAVY = ("aiokafka", "confluent_kafka", "faust", "fastavro", "pydantic", "polars", "structlog")

Run = Callable[..., Ended]

CHECK = ("--channel", "email", "--purpose", "newsletter")


def is_one_sentence(text: str) -> bool:
    return len(text.splitlines()) == 1 and "Traceback" not in text


def test_help_is_there_at_once_for_it_imports_nothing_heavy() -> None:
    code = (
        "import sys; from ccstream.cli import main; main(['--help'])\n"
        f"print('loaded:', [m for m in {HEAVY!r} if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True
    )
    assert "Usage: ccstream" in done.stdout
    assert "loaded: []" in done.stdout


def test_no_arguments_show_the_help(ccstream: Run) -> None:
    assert "worker" in ccstream().out


def commands() -> Iterator[tuple[str, ...]]:
    """Every command there is, with those of the groups."""
    for name, command in COMMANDS.items():
        if find_spec(command.module) is None:
            continue
        if not command.group:
            yield (name,)
            continue
        for info in import_module(command.module).app.registered_commands:
            assert info.callback is not None
            yield name, info.name or info.callback.__name__


@pytest.mark.parametrize("path", list(commands()), ids=" ".join)
def test_each_command_teaches_with_an_example(ccstream: Run, path: tuple[str, ...]) -> None:
    ended = ccstream(*path, "--help")
    assert ended.code == 0
    assert f"ccstream {' '.join(path)}" in ended.out.replace("Usage: ccstream", "")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nope"], "No such command 'nope'"),
        (["--nope"], "No such option: --nope"),
        (["worker", "--nope"], "No such option: --nope"),
        (["worker", "surplus"], "surplus"),
        (["worker", "--web-port", "many"], "--web-port"),
    ],
)
def test_a_wrong_command_line_is_one_sentence_and_exit_code_2(
    ccstream: Run, arguments: list[str], said: str
) -> None:
    ended = ccstream(*arguments)
    assert ended.code == 2
    assert is_one_sentence(ended.err)
    assert said in ended.err
    assert "--help" in ended.err
    assert ended.out == ""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["worker", "--bootstrap", "nowhere"], "no host:port"),
        (["worker", "--web-port", "70000"], "web.port"),
        (["worker", "--delivery", "maybe"], "transactional"),
        (["tail", "x", "--bootstrap", "nowhere"], "no host:port"),
        (["topics", "acls", "--role", "channel", "--channel", "nowhere"], "no channel 'nowhere'"),
        (["topics", "acls", "--role", "gateway", "--channel", "web"], "for the role channel only"),
        (["rebuild", "--as", "No Name"], "app_id"),
        (["rebuild", "--as", "ccstream"], "cannot rebuild itself"),
        (["rebuild", "--as", "new", "--with", "nowhere.toml"], "nowhere.toml cannot be read"),
        (["rebuild", "--as", "new", "--with", "garbage"], "garbage is no TOML"),
        (["rebuild", "--as", "new", "--with", "wrong.toml"], "(in wrong.toml): should be"),
        (["gateway-keys", "list", "--file", "garbage"], "garbage is no file of keys"),
        (["gateway-keys", "new", "--scope", "read", "--file", "garbage"], "is no file of keys"),
        (["gateway-keys", "revoke", "9f", "--file", "garbage"], "garbage is no file of keys"),
        (["import", "customers", "garbage", "--map", "nowhere.toml"], "cannot be read"),
        (["import", "customers", "garbage", "--map", "garbage"], "is not TOML"),
        (["consent", "check", "customer:1", *CHECK, "--rules", "nowhere"], "nowhere is no folder"),
        (["schemas", "check", "--folder", "nowhere"], "does not exist"),
        (["publish", "nowhere.jsonl"], "does not exist"),
    ],
)
def test_what_an_option_or_argument_gives_or_names_is_one_sentence_and_exit_code_2(
    ccstream: Run, bare_surroundings: Path, arguments: list[str], said: str
) -> None:
    (bare_surroundings / "garbage").write_bytes(b"\xff\x00 = [")
    (bare_surroundings / "wrong.toml").write_text('[touch]\nlookback_days = "many"')
    ended = ccstream(*arguments)
    assert ended.code == 2
    assert is_one_sentence(ended.err)
    assert said in ended.err


@pytest.mark.parametrize(
    ("arguments", "variables", "said"),
    [
        (["--config", "nowhere.toml", "worker"], {}, "nowhere.toml cannot be read"),
        (["--config", "garbage", "worker"], {}, "garbage is no TOML"),
        (["--config", "wrong.toml", "worker"], {}, "touch.lookback_days (in wrong.toml)"),
        (["worker"], {"KAFKA__BOOTSTRAP": "nowhere"}, "variable CCSTREAM_KAFKA__BOOTSTRAP"),
        (["gateway-keys", "list"], {"GATEWAY__KEYS_FILE": "garbage"}, "is no file of keys"),
    ],
)
def test_a_wrong_setting_is_one_sentence_and_exit_code_4(
    ccstream: Run,
    bare_surroundings: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    variables: dict[str, str],
    said: str,
) -> None:
    (bare_surroundings / "garbage").write_bytes(b"\xff\x00 = [")
    (bare_surroundings / "wrong.toml").write_text('[touch]\nlookback_days = "many"')
    for name, value in variables.items():
        monkeypatch.setenv(f"CCSTREAM_{name}", value)
    ended = ccstream(*arguments)
    assert ended.code == 4
    assert is_one_sentence(ended.err)
    assert said in ended.err


def test_a_mistyped_variable_is_told_with_the_nearest_name(
    ccstream: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CCSTREAM_KAFKA__BOOTSTRA", "x:1")
    ended = ccstream("worker")
    assert ended.code == 4
    assert "did you mean CCSTREAM_KAFKA__BOOTSTRAP" in ended.err


def test_the_settings_file_is_named_before_the_command(ccstream: Run, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('app_id = "No Name"')
    ended = ccstream("--config", str(tmp_path / "mine.toml"), "worker")
    assert "mine.toml" in ended.err
    assert "app_id" in ended.err


def test_the_version_is_shown(ccstream: Run) -> None:
    assert ccstream("--version").out.strip().count(".") == 2


def all_errors(base: type[errors.CcstreamError]) -> list[type[errors.CcstreamError]]:
    return [base, *(error for child in base.__subclasses__() for error in all_errors(child))]


def test_each_error_has_a_code_that_says_neither_yes_nor_no() -> None:
    for error in all_errors(errors.CcstreamError):
        code = code_of(error.__new__(error))
        assert code not in (ExitCode.OK, ExitCode.NEGATIVE, ExitCode.BUG)


def test_the_worker_and_the_command_line_mean_the_same_by_a_code() -> None:
    from ccstream.engine.worker import ExitStatus

    same = {"STOPPED": "OK", "FAILED": "BUG"}
    for status in ExitStatus:
        assert ExitCode[same.get(status.name, status.name)] == status


def test_each_code_is_explained() -> None:
    assert set(MEANINGS) == set(ExitCode)


def put_in_place_of_the_worker(
    monkeypatch: pytest.MonkeyPatch, run: Callable[[object], int]
) -> None:
    module = ModuleType("ccstream.engine.worker")
    module.run = run  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "ccstream.engine.worker", module)


@pytest.mark.parametrize(
    ("problem", "code", "said"),
    [
        (errors.BrokerUnavailableError("no broker at x:1"), 3, "no broker at x:1"),
        (errors.StateError("state of 8 partitions"), 4, "state of 8 partitions"),
        (ZeroDivisionError("division by zero"), 70, "ZeroDivisionError"),
    ],
)
def test_an_error_inside_a_command_is_one_sentence(
    ccstream: Run, monkeypatch: pytest.MonkeyPatch, problem: Exception, code: int, said: str
) -> None:
    def fail(*_: object) -> int:
        raise problem

    put_in_place_of_the_worker(monkeypatch, fail)
    ended = ccstream("worker", "--no-restart")
    assert ended.code == code
    assert is_one_sentence(ended.err)
    assert said in ended.err
    assert "Traceback" in ccstream("--traceback", "worker", "--no-restart").err


def test_ctrl_c_is_quiet(ccstream: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> int:
        raise KeyboardInterrupt

    put_in_place_of_the_worker(monkeypatch, interrupted)
    assert ccstream("worker", "--no-restart") == Ended(130, "", "")


def test_the_code_of_the_worker_is_the_code_of_the_command(
    ccstream: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_in_place_of_the_worker(monkeypatch, lambda *_: 6)
    assert ccstream("worker", "--no-restart").code == 6


def test_an_optional_part_that_is_not_installed_is_one_sentence(
    ccstream: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "needy.py").write_text("import no_such_library")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(COMMANDS, "worker", COMMANDS["worker"]._replace(module="needy"))
    ended = ccstream("worker", "--no-restart")
    assert ended.code == 7
    assert is_one_sentence(ended.err)
    assert "needs no_such_library" in ended.err


def test_the_script_ends_with_the_code(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ccstream", "nope"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 2
    assert "No such command" in done.stderr


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "ccstream", "--help"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout is not None
    process.stdout.close()
    _, complaint = process.communicate(timeout=30)
    assert complaint == b""
    assert process.returncode != -signal.SIGPIPE


def test_ctrl_c_that_a_library_loses_is_ctrl_c(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_arguments: object, **_options: object) -> None:
        raise SystemError("<method 'consume'> returned NULL without setting an exception")

    monkeypatch.setattr(program, "build", lambda _called: interrupted)
    assert program.run(["tail"]) == ExitCode.INTERRUPTED
