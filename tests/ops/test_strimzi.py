from __future__ import annotations

import re
from typing import Any

import hypothesis.strategies as st
import pytest
import yaml
from hypothesis import given

from ccstream.errors import SettingsError
from ccstream.ops.acls import ROLES, Right, rights
from ccstream.ops.settings import KafkaSettings, Settings
from ccstream.ops.strimzi import (
    as_strimzi_user,
    documents,
    resource_name,
    topic_resources,
    user_resources,
)
from ccstream.ops.topics import specs_of
from ccstream.wire.catalogue import CHANNELS

SETTINGS = Settings(
    app_id="shop",
    channels_extra=("kiosk_",),
    kafka=KafkaSettings(partitions=12, replication_factor=3),
)
OF_KUBERNETES = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")


def read(text: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(text))


def granted_by(user: dict[str, Any]) -> tuple[Right, ...]:
    kinds = {"topic": "topic", "group": "group", "transactionalId": "transactional_id"}
    return tuple(
        Right(
            resource=kinds[one["resource"]["type"]],  # type: ignore[arg-type]
            name=one["resource"]["name"],
            pattern=one["resource"]["patternType"],
            operations=tuple(one["operations"]),
        )
        for one in user["spec"]["authorization"]["acls"]
    )


def test_each_topic_of_the_catalogue_is_a_resource_with_its_settings() -> None:
    made = read(documents(topic_resources(SETTINGS, "blue")))
    specs = specs_of(SETTINGS)
    assert len(made) == len(specs)
    for spec, one in zip(specs, made, strict=True):
        assert (one["apiVersion"], one["kind"]) == ("kafka.strimzi.io/v1", "KafkaTopic")
        assert one["metadata"]["labels"] == {"strimzi.io/cluster": "blue"}
        assert one["spec"].get("topicName", one["metadata"]["name"]) == spec.name
        assert one["spec"]["partitions"] == spec.partition_count(12)
        assert one["spec"]["replicas"] == 3
        assert one["spec"]["config"] == spec.config(3)
        assert one["spec"]["config"]["message.timestamp.type"] == "LogAppendTime"


def test_a_topic_whose_name_kubernetes_does_not_take_has_another_beside_its_own() -> None:
    made = {
        one["spec"]["topicName"]: one["metadata"]["name"]
        for one in topic_resources(SETTINGS, "blue")
        if "topicName" in one["spec"]
    }
    assert set(made) == {"channel.call_centre.events.v1", "channel.kiosk_.events.v1"}
    assert all(OF_KUBERNETES.fullmatch(name) for name in made.values())


@given(st.lists(st.text(max_size=300), min_size=2, max_size=4, unique=True))
def test_no_two_names_become_one_and_each_is_a_name_of_kubernetes(names: list[str]) -> None:
    made = [resource_name(name) for name in names]
    assert len(set(made)) == len(names)
    assert all(OF_KUBERNETES.fullmatch(name) and len(name) <= 253 for name in made)


@pytest.mark.parametrize("role", ROLES)
def test_a_user_for_strimzi_has_the_same_rights(role: str) -> None:
    granted = rights(role, SETTINGS)
    (made,) = read(as_strimzi_user(granted, "ccstream-web", "blue"))
    assert made["kind"] == "KafkaUser"
    assert made["metadata"] == {
        "name": "ccstream-web",
        "labels": {"strimzi.io/cluster": "blue"},
    }
    assert made["spec"]["authentication"] == {"type": "scram-sha-512"}
    assert granted_by(made) == granted


def test_there_is_a_user_for_each_role_and_each_channel_alone() -> None:
    made = {
        one["metadata"]["name"]: one
        for one in read(documents(user_resources(SETTINGS, "blue", "tls")))
    }
    assert {"shop-worker", "shop-gateway", "shop-subscriber", "shop-channel-web"} < set(made)
    assert len(made) == 3 + len(CHANNELS) + 1
    assert granted_by(made["shop-channel-web"]) == rights("channel", SETTINGS, ["web"])
    assert granted_by(made["shop-worker"]) == rights("worker", SETTINGS)
    assert all(OF_KUBERNETES.fullmatch(name) for name in made)
    assert {one["spec"]["authentication"]["type"] for one in made.values()} == {"tls"}


def test_a_user_that_strimzi_would_not_make_is_refused_with_what_would_be_right() -> None:
    with pytest.raises(SettingsError, match="no user 'Web_Shop': use lower-case letters"):
        as_strimzi_user(rights("channel", SETTINGS), "Web_Shop", "blue")
