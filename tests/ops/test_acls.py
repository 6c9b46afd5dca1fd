from __future__ import annotations

import shlex

import pytest

from ccstream.errors import SettingsError
from ccstream.ops.acls import ROLES, Right, as_commands, rights
from ccstream.ops.settings import Settings
from ccstream.ops.topics import specs_of
from ccstream.wire.catalogue import FACT_TOPICS, MAIL_TOPIC, OWNERS_TOPIC, SYNC_TOPICS

SETTINGS = Settings(app_id="shop", channels_extra=("kiosk",))


def topics_with(operation: str, role: str, *channels: str) -> set[str]:
    return {
        right.name
        for right in rights(role, SETTINGS, channels)
        if right.resource == "topic" and operation in right.operations
    }


def test_a_channel_may_write_to_its_own_topic_and_do_nothing_else() -> None:
    assert rights("channel", SETTINGS, ["web"]) == (
        Right(resource="topic", name="channel.web.events.v1", operations=("Write",)),
    )


def test_without_a_channel_named_it_is_all_of_them_those_of_the_configuration_too() -> None:
    inputs = {spec.name for spec in specs_of(SETTINGS) if spec.kind == "input"}
    assert topics_with("Write", "channel") == inputs
    assert "channel.kiosk.events.v1" in inputs


def test_a_subscriber_reads_sync_topics_and_facts_and_writes_nothing() -> None:
    assert topics_with("Read", "subscriber") == {*SYNC_TOPICS.values(), *FACT_TOPICS.values()}
    assert not topics_with("Write", "subscriber")


def test_a_worker_writes_every_topic_but_the_inputs_and_reads_all() -> None:
    specs = specs_of(SETTINGS)
    inputs = {spec.name for spec in specs if spec.kind == "input"}
    specs = tuple(spec for spec in specs if spec.kind != "audit")  # the gateways' own
    assert topics_with("Read", "worker") == {spec.name for spec in specs}
    assert topics_with("Write", "worker") == {spec.name for spec in specs} - inputs


def test_a_worker_has_its_own_applications_group_and_transactions_only() -> None:
    others = [right for right in rights("worker", SETTINGS) if right.resource != "topic"]
    assert [(one.resource, one.name, one.pattern) for one in others] == [
        ("group", "shop", "literal"),
        ("transactional_id", "shop.", "prefix"),
    ]


def test_who_rebuilds_writes_under_its_own_name_and_reads_letters_without_sending_any() -> None:
    granted = {
        (one.resource, one.name): one.operations
        for one in rights("worker", SETTINGS, rebuilt_as="shop-2")
    }
    writes = {name for (_, name), operations in granted.items() if "Write" in operations}
    assert {name for name in writes if not name.startswith("shop-2")} == {OWNERS_TOPIC}
    assert "shop-2.sync.carts.v1" in writes
    assert granted["topic", MAIL_TOPIC] == ("Read",)
    assert granted["group", "shop"] == ("Describe",)
    assert granted["group", "shop-2"] == ("Read",)
    with pytest.raises(SettingsError, match="only a worker rebuilds"):
        rights("gateway", SETTINGS, rebuilt_as="shop-2")


def test_a_gateway_is_every_channel_and_a_subscriber_and_follows_aliases_and_owners() -> None:
    both = {*rights("channel", SETTINGS), *rights("subscriber", SETTINGS)}
    aliases = set(rights("gateway", SETTINGS)) - both
    assert both < set(rights("gateway", SETTINGS))
    assert [(one.name, one.operations) for one in sorted(aliases)] == [
        ("ccstream.audit.v1", ("Write",)),
        ("ccstream.owners.v1", ("Read",)),
        ("shop-aliases-changelog", ("Read",)),
    ]


@pytest.mark.parametrize("role", ROLES)
def test_nobody_may_alter_delete_or_create(role: str) -> None:
    operations = {one for right in rights(role, SETTINGS) for one in right.operations}
    assert operations <= {"Read", "Write", "Describe", "DescribeConfigs"}


def test_another_role_or_channel_is_told_with_those_there_are() -> None:
    with pytest.raises(SettingsError, match="no role 'boss'; there are channel, worker"):
        rights("boss", SETTINGS)
    with pytest.raises(SettingsError, match="no channel 'wbe'; there are web, app"):
        rights("channel", SETTINGS, ["wbe"])
    with pytest.raises(SettingsError, match="channels are for the role channel only"):
        rights("worker", SETTINGS, ["web"])


def test_the_commands_name_user_operation_resource_and_pattern() -> None:
    commands = as_commands(rights("worker", SETTINGS), "w 1", "kafka:9092")
    last = shlex.split(commands[-1])
    assert last[:3] == ["kafka-acls.sh", "--bootstrap-server", "kafka:9092"]
    assert last[5:] == [
        *("--add", "--allow-principal", "User:w 1"),
        *("--operation", "Write", "--operation", "Describe"),
        *("--transactional-id", "shop.", "--resource-pattern-type", "prefixed"),
    ]
    assert all("prefixed" not in one for one in commands[:-1])
