from __future__ import annotations

import socket
from collections.abc import Callable

import pytest

from ccstream.ops.broker import Broker
from ccstream.ops.settings import Settings
from tests.cli.conftest import Ended

Run = Callable[..., Ended]


@pytest.mark.realkafka
@pytest.mark.timeout(90)
def test_what_cannot_be_rebuilt_is_told_before_a_topic_is_made(
    ccstream: Run, kafka: str, unique: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CCSTREAM_KAFKA__BOOTSTRAP", kafka)
    if ccstream("topics", "plan").code == 4:  # another test has made the inputs with 4 partitions
        monkeypatch.setenv("CCSTREAM_KAFKA__PARTITIONS", "4")
    assert ccstream("topics", "apply", "--app-id", unique).code == 0
    new = f"{unique}-2"

    never = ccstream("rebuild", "--as", new, "--of", unique)
    assert never.code == 4
    assert f"application '{unique}' has never owned partition 0" in never.err
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = ccstream("rebuild", "--as", new, "--of", unique, "--web-port", port)
    assert ended.code == 4
    assert f"port {port}" in ended.err

    there = Broker(Settings.load()).cluster().topics
    assert f"{unique}-carts-changelog" in there
    assert not [topic for topic in there if topic.startswith(new)]
