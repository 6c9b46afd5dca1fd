"""Apache Kafka in a container, where a Docker engine answers.

testcontainers' own ``KafkaContainer`` starts Confluent's image by a script that the
``apache/kafka`` image does not have, hence a generic container. Clients are told one
address to come back to, so the port outside has to be known before the start.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from docker.errors import DockerException
from testcontainers.core.container import DockerContainer

from ccstream.devkit.kafka_jars import KAFKA_VERSION
from ccstream.devkit.kafka_settings import QUICK
from ccstream.devkit.ports import LOOPBACK, free_port
from ccstream.errors import DevkitError

__all__ = ["container_environment", "container_kafka", "why_no_docker"]

ENGINE_S_MAX = 3.0
START_S_MAX = 120.0


def why_no_docker() -> str | None:
    """Why no container can be started here, or ``None``."""
    # Not by the docker package: where nothing answers it leaves a socket open.
    address = urlsplit(os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock")
    unix = address.scheme == "unix"
    with socket.socket(socket.AF_UNIX if unix else socket.AF_INET) as probe:
        probe.settimeout(ENGINE_S_MAX)
        try:
            probe.connect(address.path if unix else (address.hostname, address.port))
        except (OSError, TypeError, ValueError):
            return "no Docker engine answers"
    return None


def container_environment(port: int) -> dict[str, str]:
    """What the image is told: a setting ``a.b`` is the variable ``KAFKA_A_B``."""
    settings = {
        **QUICK,
        "node.id": "1",
        "process.roles": "broker,controller",
        "listeners": f"PLAINTEXT://:{port},CONTROLLER://:9093",
        "advertised.listeners": f"PLAINTEXT://{LOOPBACK}:{port}",
        "controller.listener.names": "CONTROLLER",
        "controller.quorum.voters": "1@localhost:9093",
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
    }
    return {f"KAFKA_{name.replace('.', '_').upper()}": value for name, value in settings.items()}


@contextmanager
def container_kafka() -> Iterator[str]:
    port = free_port()
    container = DockerContainer(f"apache/kafka:{KAFKA_VERSION}").with_bind_ports(port, port)
    for name, value in container_environment(port).items():
        container = container.with_env(name, value)
    try:
        container.start()
    except (DockerException, OSError) as error:
        raise DevkitError(f"the container did not start: {error}") from error
    try:
        bootstrap = f"{LOOPBACK}:{port}"
        _await_answer(bootstrap)
        yield bootstrap
    finally:
        container.stop()


def _await_answer(bootstrap: str) -> None:
    client = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    deadline = time.monotonic() + START_S_MAX
    while time.monotonic() < deadline:
        try:
            if client.list_topics(timeout=1).brokers:
                return
        except KafkaException:
            time.sleep(0.2)
    raise DevkitError(f"the container did not answer within {START_S_MAX:.0f} s")
