"""Topics and users as resources of Strimzi's operators, from the catalogue and the roles' rights.

On Kubernetes Strimzi's topic operator makes the topics and its user operator the users, each with
a Secret of its credentials; nobody runs ``ccstream topics apply`` there. ``python -m
ccstream.ops.strimzi deploy/strimzi`` writes the files under ``deploy/``.

Strimzi's operators refuse what is not a name of Kubernetes; a topic has its own name beside it,
a user has not.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, Literal

from ccstream.errors import SettingsError
from ccstream.ops.acls import Right, rights
from ccstream.ops.settings import KafkaSettings, Settings
from ccstream.ops.topics import specs_of
from ccstream.ops.yaml_text import yaml_text
from ccstream.wire.catalogue import channel_of
from ccstream.wire.topics import TopicSpec

__all__ = [
    "Authentication",
    "as_strimzi_user",
    "documents",
    "is_kubernetes_name",
    "resource_name",
    "topic_resources",
    "user_resources",
]

API: Final = "kafka.strimzi.io/v1"

Authentication = Literal["scram-sha-512", "tls"]
"""By a password or by a certificate, which the user operator makes either way."""

_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
"""A name of Kubernetes: a DNS subdomain."""

_NAME_CHARS_MAX: Final = 253

_DIGEST_CHARS: Final = 8
"""Keeps two names apart that differ only in what Kubernetes does not take."""

EXAMPLE: Final = KafkaSettings(partitions=48, replication_factor=3)
"""What the files under ``deploy/`` are made for: three brokers, as the chart's values are."""

HEAD: Final = """\
# Generated from the catalogue of topics by `python -m ccstream.ops.strimzi deploy/strimzi`.
# {what}
# `ccstream topics strimzi` prints the same for other names, channels and numbers.
"""


def is_kubernetes_name(name: str) -> bool:
    """Whether a resource of Kubernetes may be called so."""
    return len(name) <= _NAME_CHARS_MAX and _NAME.fullmatch(name) is not None


def resource_name(name: str) -> str:
    """The name itself where Kubernetes takes it, else one like it that no other has."""
    if is_kubernetes_name(name):
        return name
    digest = sha256(name.encode()).hexdigest()[:_DIGEST_CHARS]
    like = re.sub(r"[^a-z0-9]+", "-", name.lower())[: _NAME_CHARS_MAX - _DIGEST_CHARS - 1]
    return f"{like}-{digest}".lstrip("-")


def topic_resources(settings: Settings, cluster: str) -> Iterator[dict[str, Any]]:
    """A ``KafkaTopic`` for each topic of the catalogue.

    Args:
        settings: the application, its channels, partitions and copies.
        cluster: the name of the ``Kafka`` resource.
    """
    for spec in specs_of(settings):
        yield _topic(spec, settings.kafka, cluster)


def _topic(spec: TopicSpec, kafka: KafkaSettings, cluster: str) -> dict[str, Any]:
    name = resource_name(spec.name)
    return {
        "apiVersion": API,
        "kind": "KafkaTopic",
        "metadata": _metadata(name, cluster),
        "spec": {
            **({} if name == spec.name else {"topicName": spec.name}),
            "partitions": spec.partition_count(kafka.partitions),
            "replicas": kafka.replication_factor,
            "config": spec.config(kafka.replication_factor),
        },
    }


def user_resources(
    settings: Settings, cluster: str, authentication: Authentication = "scram-sha-512"
) -> Iterator[dict[str, Any]]:
    """A ``KafkaUser`` for worker, gateway and subscribers, and one for each channel."""
    named = [
        (f"{settings.app_id}-{role}", rights(role, settings))
        for role in ("worker", "gateway", "subscriber")
    ]
    for spec in specs_of(settings):
        channel = channel_of(spec.name)
        if channel is not None:
            name = f"{settings.app_id}-channel-{channel}"
            named.append((name, rights("channel", settings, [channel])))
    for name, granted in named:
        yield _user(granted, resource_name(name), cluster, authentication)


def as_strimzi_user(
    granted: Iterable[Right],
    user: str,
    cluster: str,
    authentication: Authentication = "scram-sha-512",
) -> str:
    """A ``KafkaUser``, which makes the user with a password or certificate as well.

    Raises:
        SettingsError: the user's name is none that Kubernetes takes.
    """
    if not is_kubernetes_name(user):
        raise SettingsError(
            f"Strimzi makes no user {user!r}: use lower-case letters, digits, - and ., a letter "
            "or digit first and last"
        )
    return yaml_text(_user(granted, user, cluster, authentication))


def _user(
    granted: Iterable[Right], user: str, cluster: str, authentication: Authentication
) -> dict[str, Any]:
    return {
        "apiVersion": API,
        "kind": "KafkaUser",
        "metadata": _metadata(user, cluster),
        "spec": {
            "authentication": {"type": authentication},
            "authorization": {"type": "simple", "acls": [_acl(right) for right in granted]},
        },
    }


def _acl(right: Right) -> dict[str, Any]:
    kind = {"topic": "topic", "group": "group", "transactional_id": "transactionalId"}
    return {
        "resource": {
            "type": kind[right.resource],
            "name": right.name,
            "patternType": right.pattern,
        },
        "operations": list(right.operations),
    }


def _metadata(name: str, cluster: str) -> dict[str, Any]:
    return {"name": name, "labels": {"strimzi.io/cluster": cluster}}


def documents(resources: Iterable[dict[str, Any]]) -> str:
    """The resources as one file of YAML."""
    return "---\n".join(map(yaml_text, resources))


def write(folder: Path) -> None:
    """The files under ``deploy/strimzi``: topics and users of an installation by the defaults."""
    settings = Settings(app_id="ccstream", channels_extra=(), kafka=EXAMPLE)
    folder.mkdir(parents=True, exist_ok=True)
    for name, what, resources in (
        (
            "topics.yaml",
            f"Every topic, with {EXAMPLE.partitions} partitions, which is for good, and "
            f"{EXAMPLE.replication_factor} copies.",
            topic_resources(settings, "kafka"),
        ),
        (
            "users.yaml",
            "Users with the least that each role needs; the operator makes a Secret for each.",
            user_resources(settings, "kafka"),
        ),
    ):
        text = HEAD.format(what=what) + documents(resources)
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
