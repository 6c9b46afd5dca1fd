"""What each of several worker processes has of its own."""

from __future__ import annotations

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
