"""The command `ccstream devkit kafka`, run as a process of its own, as a person would."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient

from ccstream.cli.exits import ExitCode
from tests.cli.conftest import Ended
from tests.support.brokers import why_no_local_kafka

COMMAND = [str(Path(sys.executable).with_name("ccstream")), "devkit", "kafka"]

needs_java = pytest.mark.skipif(
    why_no_local_kafka() is not None, reason=why_no_local_kafka() or "Java and Maven are here"
)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        COMMAND, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        yield process, process.stdout.readline().strip()
        process.kill()


@needs_java
@pytest.mark.timeout(120)
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_it_names_its_address_serves_and_ends_cleanly(
    served: tuple[subprocess.Popen[str], str], how: signal.Signals, tmp_path: Path
) -> None:
    process, address = served
    assert AdminClient({"bootstrap.servers": address}).list_topics(timeout=10).brokers
    assert list(tmp_path.iterdir())
    process.send_signal(how)
    rest, talk = process.communicate(timeout=30)
    assert process.returncode == 0
    assert rest == ""
    assert talk.splitlines()[-1] == "Kafka has been stopped."
    assert not list(tmp_path.iterdir())


@needs_java
@pytest.mark.timeout(120)
def test_a_command_runs_beside_it_and_gives_the_exit_code() -> None:
    beside = ["sh", "-c", 'echo "$CCSTREAM_KAFKA__BOOTSTRAP"; exit 7']
    done = subprocess.run(
        [*COMMAND, "--", *beside], capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 7
    assert done.stdout.startswith("127.0.0.1:")


def test_a_command_that_is_no_program_is_named_before_anything_is_started(
    ccstream: Callable[..., Ended],
) -> None:
    ended = ccstream("devkit", "kafka", "--", "no-such-program")
    assert ended.code == ExitCode.MISSING_PART
    assert ended.err == (
        "ccstream devkit: no-such-program cannot be run beside Kafka: there is no such program.\n"
    )


@pytest.mark.parametrize("options", [["--port", "70000"], ["--port", "web"], ["--keep", __file__]])
def test_a_wrong_option_is_refused_in_one_sentence(
    ccstream: Callable[..., Ended], options: list[str]
) -> None:
    ended = ccstream("devkit", "kafka", *options)
    assert ended.code == ExitCode.USAGE
    assert len(ended.err.splitlines()) == 1
    assert options[0] in ended.err
