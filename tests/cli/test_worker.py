"""What each of several worker processes has of its own."""

from __future__ import annotations

from typing import Any

import pytest
import typer

from ccstream.cli.program import build
from ccstream.cli.worker import _of_process
from ccstream.ops.settings import Settings


def test_no_two_processes_share_a_client_id_an_instance_id_or_a_folder() -> None:
    common = Settings(group={"instance_id": "till-side"})  # type: ignore[arg-type]
    first, second = (_of_process(common, number) for number in (0, 1))
    for own in (
        lambda settings: settings.kafka.client_id,
        lambda settings: settings.group.instance_id,
        lambda settings: settings.state.directory,
    ):
        assert len({own(common), own(first), own(second)}) == 3
    assert first.state.directory == common.state.directory / "0"
    assert first.app_id == second.app_id == common.app_id


def test_processes_without_a_static_membership_stay_without() -> None:
    assert _of_process(Settings(), 1).group.instance_id is None


@pytest.mark.parametrize("command", ["worker", "rebuild"])
def test_a_command_that_is_supervised_takes_what_its_supervisor_adds(
    command: str,
) -> None:
    command_line: Any = typer.main.get_command(build(None, load_all=True))
    options = {option for one in command_line.commands[command].params for option in one.opts}
    assert {"--restarts", "--parent"} <= options
