"""An import that ended early goes on where it was, and every event says that it may be late."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ccstream.errors import CustomerFileError
from ccstream.imports import sending
from ccstream.imports.progress_file import ProgressFile
from ccstream.imports.sending import publish_rows
from ccstream.ops.settings import Settings
from ccstream.wire.catalogue import input_topic
from ccstream.wire.headers import BY_HAND
from tests.imports.conftest import Stage, Staged
from tests.imports.customer_files import CRM_MAP
from tests.integration.harness import codec, read
from tests.support.topics import make_topic

ROWS = 7


class EndedError(Exception):
    """As if the process ended."""


@pytest.fixture
def settings(embedded_kafka: str, unique: str) -> Settings:
    made = Settings.load(kafka__bootstrap=embedded_kafka, channels_extra=unique)
    make_topic(embedded_kafka, input_topic(unique))
    return made


@pytest.fixture
def staged(stage: Stage, settings: Settings) -> Staged:
    (channel,) = settings.channels_extra
    mapping = CRM_MAP.replace('"call_centre"', f'"{channel}"')
    rows = "".join(f"c{n},{n + 1},,,Lyon,,2020-05-{n + 1:02}\n" for n in reversed(range(ROWS)))
    return stage(f"id,number,mail,tel,city,optin,updated\n{rows}", mapping)


async def send(settings: Settings, staged: Staged, progress: ProgressFile, until: int) -> int:
    """Publish until so many rows are done; how many events it was."""
    (channel,) = settings.channels_extra
    done = progress.rows()

    def stored(more: int) -> None:
        nonlocal done
        done += more
        progress.note(done, {0: 5})
        if done >= until:
            raise EndedError

    rows: Iterator[Any] = staged.plan.rows(done)
    return await publish_rows(settings, "crm", channel, rows, stored)


async def test_what_ended_early_goes_on_and_nothing_is_missing(
    settings: Settings, staged: Staged, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "BATCH_ROWS", 2)
    path = tmp_path / "progress.json"
    with pytest.raises(EndedError):
        await send(settings, staged, ProgressFile(path, "file", "map"), until=4)
    assert ProgressFile(path, "file", "map").rows() == 4
    assert ProgressFile(path, "file", "map").known_to() == {0: 5}
    assert ProgressFile(path, "another", "map").rows() == 0
    assert ProgressFile(path, "another", "map").known_to() == {}
    assert ProgressFile(path, "file", "another").rows() == 0
    assert await send(settings, staged, ProgressFile(path, "file", "map"), until=99) == 3
    assert await send(settings, staged, ProgressFile(path, "file", "map"), until=99) == 0

    (channel,) = settings.channels_extra
    found = read(settings.kafka.bootstrap, input_topic(channel))
    events = [codec.decode_event(message.value()) for message in found]
    expected = [event for _, some in staged.plan.rows() for event in some]
    assert sorted(event.event_id for event in events) == sorted(e.event_id for e in expected)
    assert [event.occurred_at for event in expected] == sorted(e.occurred_at for e in expected)
    assert all((BY_HAND, b"") in message.headers() for message in found)


def test_a_file_that_is_no_progress_is_not_written_over(tmp_path: Path) -> None:
    path = tmp_path / "progress.json"
    path.write_text("{}")
    with pytest.raises(CustomerFileError, match="no file of progress"):
        ProgressFile(path, "file", "map").rows()
    with pytest.raises(CustomerFileError, match="cannot be written"):
        ProgressFile(tmp_path / "nowhere" / "x.json", "file", "map").note(1, {})
