from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from ccstream.errors import AccessDeniedError, SettingsError
from ccstream.ops.kafka_config import admin_config, aiokafka_config, faust_credentials
from ccstream.ops.oauth import ClientTokens, TokenSource, token_source
from ccstream.ops.settings import Settings
from tests.support.secured import PASSWORD, TokenEndpoint

SASL = {"kafka__security_protocol": "SASL_SSL", "kafka__sasl_mechanism": "OAUTHBEARER"}


@pytest.fixture
def endpoint() -> Iterator[TokenEndpoint]:
    with TokenEndpoint(lifetime_s=100).open() as opened:
        yield opened


def by_endpoint(endpoint: TokenEndpoint, secret: str = PASSWORD) -> Settings:
    return Settings.load(
        **SASL,
        kafka__oauth_endpoint=endpoint.url,
        kafka__oauth_client_id="web",
        kafka__oauth_client_secret=secret,
    )


def jwt(end: float) -> str:
    claims = base64.urlsafe_b64encode(json.dumps({"exp": end}).encode()).decode().rstrip("=")
    return f"head.{claims}.signature"


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def test_a_token_is_asked_for_once_and_again_when_most_of_its_time_is_over(
    endpoint: TokenEndpoint,
) -> None:
    clock = Clock()
    source = TokenSource(by_endpoint(endpoint).kafka, clock)
    first = source.token()
    assert first.expires_at == clock.now + 100
    clock.now += 79
    assert source.token() is first
    clock.now += 2
    assert source.token() is not first
    assert endpoint.given == 2


def test_all_clients_of_a_process_share_one_source(endpoint: TokenEndpoint) -> None:
    settings = by_endpoint(endpoint)
    assert token_source(settings.kafka) is token_source(by_endpoint(endpoint).kafka)
    callback = admin_config(settings)["oauth_cb"]
    assert callback("")[0] == token_source(settings.kafka).token().value
    assert endpoint.given == 1


async def test_aiokafka_and_faust_get_the_same_token(endpoint: TokenEndpoint) -> None:
    settings = by_endpoint(endpoint)
    expected = token_source(settings.kafka).token().value
    provider = aiokafka_config(settings)["sasl_oauth_token_provider"]
    assert isinstance(provider, ClientTokens)
    assert await provider.token() == expected
    faust = faust_credentials(settings)
    assert faust is not None
    assert faust.protocol.value == "SASL_SSL"
    assert await faust.oauth_cb.token() == expected


def test_a_file_is_read_again_when_the_token_in_it_nears_its_end(tmp_path: Path) -> None:
    clock = Clock()
    file = tmp_path / "token"
    file.write_text(jwt(clock.now + 100) + "\n")
    source = TokenSource(Settings.load(**SASL, kafka__oauth_token_file=str(file)).kafka, clock)
    assert source.token().expires_at == clock.now + 100
    file.write_text(jwt(clock.now + 500))
    assert source.token().expires_at == clock.now + 100
    clock.now += 81
    assert source.token().expires_at == clock.now + 419


def test_a_token_that_nobody_renews_is_told_as_ended(tmp_path: Path) -> None:
    clock = Clock()
    file = tmp_path / "token"
    file.write_text(jwt(clock.now - 60))
    source = TokenSource(Settings.load(**SASL, kafka__oauth_token_file=str(file)).kafka, clock)
    with pytest.raises(AccessDeniedError, match="has ended 60 s ago; is somebody still renewing"):
        source.token()


def test_a_wrong_secret_is_told_without_the_secret(endpoint: TokenEndpoint) -> None:
    source = TokenSource(by_endpoint(endpoint, "swordfish").kafka)
    with pytest.raises(AccessDeniedError, match="it answers 401") as no:
        source.token()
    assert "swordfish" not in str(no.value)


def test_an_endpoint_that_is_away_is_told_by_its_address(endpoint: TokenEndpoint) -> None:
    settings = Settings.load(
        **SASL,
        kafka__oauth_endpoint="http://127.0.0.1:9/token",
        kafka__oauth_client_id="web",
        kafka__oauth_client_secret="s",
    )
    with pytest.raises(AccessDeniedError, match=r"no token from http://127\.0\.0\.1:9/token"):
        TokenSource(settings.kafka).token()


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({}, "needs oauth_token_file, or oauth_endpoint"),
        ({"kafka__oauth_endpoint": "https://a/t"}, "needs oauth_token_file, or oauth_endpoint"),
        ({"kafka__oauth_endpoint": "http://a/t"}, "must begin with https://"),
        ({"kafka__oauth_endpoint": "ftp://localhost/t"}, "must begin with https://"),
        ({"kafka__oauth_token_file": "/nowhere"}, "/nowhere is no file"),
    ],
)
def test_settings_that_bring_no_token_are_refused(given: dict[str, str], sentence: str) -> None:
    with pytest.raises(SettingsError, match=sentence):
        Settings.load(**SASL, **given)


def test_the_secret_of_a_client_can_be_read_from_a_file(
    endpoint: TokenEndpoint, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text(PASSWORD + "\n")
    settings = Settings.load(
        **SASL,
        kafka__oauth_endpoint=endpoint.url,
        kafka__oauth_client_id="web",
        kafka__oauth_client_secret_file=str(tmp_path / "secret"),
    )
    assert TokenSource(settings.kafka).token().value
