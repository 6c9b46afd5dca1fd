from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.algorithms import OKPAlgorithm

from ccstream.gateway.doctor import gateway_keys
from ccstream.gateway.keys import KeyFile, new_key
from ccstream.ops.finding import Finding
from ccstream.ops.settings import Settings

NOW = datetime(2026, 1, 31, tzinfo=UTC)


def look(path: Path) -> Finding:
    (found,) = gateway_keys(Settings.load(gateway__keys_file=path), NOW)
    return found


def with_keys(path: Path, *days: int | None) -> list[str]:
    """Writes keys that end after so many days; the text of each."""
    made = [
        new_key(("read",), now=NOW, expires=None if one is None else NOW + timedelta(days=one))
        for one in days
    ]
    KeyFile(tuple(stored for _, stored in made)).write(path)
    return [text for text, _ in made]


def test_where_nothing_is_configured_nothing_is_said() -> None:
    assert list(gateway_keys(Settings.load())) == []


def test_keys_are_counted_without_those_that_have_ended(tmp_path: Path) -> None:
    with_keys(tmp_path / "keys", None, 300, -1)
    assert look(tmp_path / "keys") == Finding("keys", "ok", "gateway.keys_file has 2 key(s)")


def test_one_that_ends_soon_is_named_by_its_id_and_not_by_its_secret(tmp_path: Path) -> None:
    (text,) = with_keys(tmp_path / "keys", 3)
    found = look(tmp_path / "keys")
    assert found.state == "warn"
    _, key_id, secret = text.split("_", 2)
    assert key_id in found.found
    assert secret not in found.found + found.advice


def test_a_file_without_a_good_key_lets_nobody_in(tmp_path: Path) -> None:
    with_keys(tmp_path / "keys", -1)
    assert look(tmp_path / "keys").state == "warn"
    assert look(tmp_path / "none").advice == "make one: `ccstream gateway-keys new`"


def test_a_file_that_is_none_of_keys_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("[]")
    found = look(tmp_path / "keys")
    assert found.state == "fail"
    assert "is no file of keys" in found.found


def test_an_issuer_whose_keys_cannot_be_had_is_a_failure(tmp_path: Path) -> None:
    def asked(path: Path) -> Finding:
        settings = Settings.load(
            gateway__oidc_issuer="https://login.example",
            gateway__oidc_audience="ccstream",
            gateway__oidc_jwks=str(path),
        )
        (found,) = gateway_keys(settings, NOW)
        return found

    assert asked(tmp_path / "none").state == "fail"
    (tmp_path / "jwks").write_text('{"keys": []}')
    assert asked(tmp_path / "jwks").state == "fail"
    public = Ed25519PrivateKey.generate().public_key()
    key = {**OKPAlgorithm.to_jwk(public, as_dict=True), "kid": "1"}
    (tmp_path / "jwks").write_text(json.dumps({"keys": [key]}))
    found = asked(tmp_path / "jwks")
    assert found == Finding("keys", "ok", "gateway.oidc_jwks has 1 key(s) for tokens")
