from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient

import ccstream
from ccstream.errors import SettingsError
from ccstream.ops.kafka_clients import make_client
from ccstream.ops.kafka_config import admin_config, consumer_config, producer_config
from ccstream.ops.settings import Settings
from tests.support.certificates import Authority

KINDS: dict[str, tuple[Any, Callable[[Settings], dict[str, Any]]]] = {
    "admin": (AdminClient, admin_config),
    "consumer": (Consumer, lambda settings: consumer_config(settings, isolation="read_committed")),
    "producer": (Producer, producer_config),
}

UNTRANSLATED = {
    "devkit/embedded.py",  # a cluster inside the process, which has no certificates
    "devkit/kafka.py",  # asks a node on this machine that it has just started
    "engine/assignment.py",  # asks librdkafka how it assigns, without any broker
}


def refusal(kind: str, **files: Path | str) -> str:
    given = {f"kafka__{name}": str(value) for name, value in files.items()}
    settings = Settings.load(
        kafka__bootstrap="127.0.0.1:1", kafka__security_protocol="SSL", **given
    )
    make, config = KINDS[kind]
    with pytest.raises(SettingsError) as caught:
        make_client(make, config(settings))
    return str(caught.value)


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_is_no_certificate_is_named_with_its_setting(kind: str, tmp_path: Path) -> None:
    garbage = tmp_path / "garbage.pem"
    garbage.write_text("no certificate")
    good = Authority(tmp_path).sign("app")
    said = refusal(kind, ssl_ca_file=garbage)
    assert f"kafka.ssl_ca_file, {garbage}, cannot be used" in said
    assert "as PEM" in said
    said = refusal(kind, ssl_certificate_file=garbage, ssl_key_file=good.key)
    assert f"kafka.ssl_certificate_file, {garbage}, cannot be used" in said
    said = refusal(kind, ssl_certificate_file=good.certificate, ssl_key_file=garbage)
    assert f"kafka.ssl_key_file, {garbage}, cannot be used" in said


def test_a_key_that_is_another_certificates_is_told_as_that(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    own, other = authority.sign("own"), authority.sign("other")
    said = refusal("admin", ssl_certificate_file=own.certificate, ssl_key_file=other.key)
    assert said == (
        f"kafka.ssl_key_file, {other.key}, is not the key of the certificate in "
        f"kafka.ssl_certificate_file, {own.certificate}"
    )


def test_a_wrong_password_of_a_key_is_told_without_it(tmp_path: Path) -> None:
    locked = Authority(tmp_path).sign("own", password="right")
    said = refusal(
        "admin",
        ssl_certificate_file=locked.certificate,
        ssl_key_file=locked.key,
        ssl_key_password="wrong-guess",
    )
    assert "kafka.ssl_key_password" in said
    assert "wrong-guess" not in said


def test_what_names_no_file_is_told_as_librdkafka_says_it() -> None:
    with pytest.raises(SettingsError, match=r"refuses its settings: .*no_such_thing"):
        make_client(AdminClient, {"no_such_thing": 1})


def test_no_client_is_made_in_another_way() -> None:
    package = Path(ccstream.__file__).parent
    found = set()
    for path in package.rglob("*.py"):
        text = path.read_text("utf-8")
        if "confluent_kafka" not in text:
            continue
        calls = (node.func for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call))
        names = {called.id for called in calls if isinstance(called, ast.Name)}
        if names & {"AdminClient", "Consumer", "Producer"}:
            found.add(path.relative_to(package).as_posix())
    assert found == UNTRANSLATED
