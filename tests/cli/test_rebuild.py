from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from ccstream.cli.diff import _verdict
from ccstream.devkit.embedded import EmbeddedKafka
from ccstream.evidence.differences import Comparison
from ccstream.ops.broker import Broker
from ccstream.ops.settings import Settings
from ccstream.wire.catalogue import changelog_topic
from tests.cli.conftest import Ended
from tests.support.produce import Sent, produce

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
    assert never.code == 2
    assert f"--of: there is no application '{unique}'" in never.err
    monkeypatch.setenv("CCSTREAM_APP_ID", unique)
    configured = ccstream("rebuild", "--as", new)
    assert configured.code == 4, "a setting says so, not an argument"
    assert f"application '{unique}' has never owned partition 0" in configured.err
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = ccstream("rebuild", "--as", new, "--of", unique, "--web-port", port)
    assert ended.code == 4
    assert f"port {port}" in ended.err

    there = Broker(Settings.load()).cluster().topics
    assert f"{unique}-carts-changelog" in there
    assert not [topic for topic in there if topic.startswith(new)]


def test_other_rules_whose_file_is_wrong_are_told_before_a_broker_is_asked(
    ccstream: Run, tmp_path: Path
) -> None:
    rules = tmp_path / "rules.toml"
    missing = tmp_path / "policies.toml"
    rules.write_text(f'profile.policies = "{missing}"')
    ended = ccstream("rebuild", "--as", "x", "--with", str(rules), "--bootstrap", "127.0.0.1:1")
    told = f"{rules}: setting profile.policies: {missing} cannot be read"
    assert (ended.code, told in ended.err) == (2, True)


def test_a_file_that_a_setting_names_is_not_the_fault_of_other_rules(
    ccstream: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules, policies = tmp_path / "rules.toml", tmp_path / "policies.toml"
    policies.write_text("format = 1")
    rules.write_text(f'profile.policies = "{policies}"')
    monkeypatch.setenv("CCSTREAM_IDENTITY__RULES", "nowhere.toml")
    ended = ccstream("rebuild", "--as", "x", "--with", str(rules), "--bootstrap", "127.0.0.1:1")
    assert (ended.code, "nowhere.toml" in ended.err, str(rules) in ended.err) == (4, True, False)


def test_so_are_those_of_a_worker(ccstream: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CCSTREAM_PROFILE__POLICIES", "nowhere.toml")
    ended = ccstream("worker", "--no-restart", "--web-port", "0", "--bootstrap", "127.0.0.1:1")
    assert (ended.code, "nowhere.toml cannot be read" in ended.err) == (4, True)


def test_an_application_that_there_is_not_is_a_wrong_argument(ccstream: Run, unique: str) -> None:
    with EmbeddedKafka() as broker:
        produce(broker.bootstrap, [Sent(changelog_topic(unique, "carts"), "k", b"v")])
        ended = ccstream("diff", f"{unique}-1", unique, "--bootstrap", broker.bootstrap)
        assert (ended.code, ended.out) == (2, "")
        assert f"there is no application '{unique}-1'" in ended.err
        half = ccstream("diff", unique, f"{unique}-1", "--bootstrap", broker.bootstrap)
        assert (half.code, half.out) == (4, ""), "it is there, and of an earlier version"
        assert f"application '{unique}' has no {unique}-" in half.err


def test_what_has_to_go_on_is_told_where_the_new_application_is_behind() -> None:
    found = Comparison(old="a", new="b", offsets={}, behind=7, tables={}, first=())
    told = _verdict(found)
    assert "b is 7 records behind" in told
    assert "`ccstream rebuild --as b` has to run meanwhile, without --until-caught-up" in told
    assert "equal" in _verdict(
        Comparison(old="a", new="b", offsets={}, behind=0, tables={}, first=())
    )
