from __future__ import annotations

import json
from collections.abc import Callable

import pytest
import yaml

from ccstream.wire import catalogue
from tests.cli.conftest import Ended

Run = Callable[..., Ended]


def test_on_the_embedded_broker_there_is_nothing_to_do(ccstream: Run, embedded_kafka: str) -> None:
    ended = ccstream("topics", "plan", "--bootstrap", embedded_kafka, "--partitions", "4", "--json")
    assert ended.code == 0
    steps = [json.loads(line) for line in ended.out.splitlines()]
    assert {step["topic"] for step in steps} == {spec.name for spec in catalogue.topics("ccstream")}
    assert {step["action"] for step in steps} == {"keep"}


def test_a_mismatch_of_partition_counts_is_one_sentence(ccstream: Run, embedded_kafka: str) -> None:
    ended = ccstream("topics", "apply", "--bootstrap", embedded_kafka, "--partitions", "8")
    assert ended.code == 4
    assert ended.out == ""
    assert len(ended.err.splitlines()) == 1
    assert "set kafka.partitions to 4 instead of 8" in ended.err


def test_no_broker_is_one_sentence_and_exit_code_3(
    ccstream: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CCSTREAM_KAFKA__CONNECT_TIMEOUT_MS", "500")
    ended = ccstream("topics", "plan", "--bootstrap", "127.0.0.1:1")
    assert ended.code == 3
    assert len(ended.err.splitlines()) == 1
    assert "127.0.0.1:1" in ended.err


def test_topics_and_users_for_strimzi_are_printed_without_a_cluster(ccstream: Run) -> None:
    ended = ccstream("topics", "strimzi", "--cluster", "blue", "--partitions", "6")
    assert ended.code == 0
    made = list(yaml.safe_load_all(ended.out))
    topics = [one for one in made if one["kind"] == "KafkaTopic"]
    assert len(topics) == len(catalogue.topics("ccstream"))
    assert {one["spec"]["partitions"] for one in topics} == {1, 6}
    users = ccstream("topics", "strimzi", "--only", "users", "--authentication", "tls")
    assert {one["kind"] for one in yaml.safe_load_all(users.out)} == {"KafkaUser"}
    assert len(topics) + users.out.count("kind: KafkaUser") == len(made)


@pytest.mark.realkafka
@pytest.mark.timeout(90)
def test_plan_shows_what_apply_does_and_says_by_its_code_whether_there_is_any(
    ccstream: Run, kafka: str, unique: str
) -> None:
    def run(*arguments: str) -> Ended:
        return ccstream("topics", *arguments, "--bootstrap", kafka, "--app-id", unique, *count)

    count: tuple[str, ...] = ()
    shared = run("plan", "--json")
    if shared.code == 4:  # another test has made the inputs with 4 partitions
        count = ("--partitions", "4")
    ours = f"{unique}-carts-changelog"

    def action(ended: Ended) -> str:
        (step,) = (one for one in map(json.loads, ended.out.splitlines()) if one["topic"] == ours)
        return str(step["action"])

    planned = run("plan", "--json")
    assert (planned.code, action(planned)) == (1, "create")
    applied = run("apply")
    assert applied.code == 0
    assert f"created {ours}" in applied.err
    assert ours in applied.out
    again = run("apply", "--json")
    assert (again.code, action(again)) == (0, "keep")
    assert "created" not in again.err


@pytest.mark.parametrize(
    "given",
    [
        ("acls", "--role", "worker", "--user", ""),
        ("acls", "--role", "worker", "--user", "User:shop"),
        ("acls", "--role", "worker", "--format", "strimzi", "--cluster", "Blue Moon"),
        ("strimzi", "--cluster", "Blue Moon"),
    ],
)
def test_what_cannot_be_a_name_is_refused(ccstream: Run, given: tuple[str, ...]) -> None:
    ended = ccstream("topics", *given)
    assert (ended.code, ended.out) == (2, "")
    assert "is no name" in ended.err
