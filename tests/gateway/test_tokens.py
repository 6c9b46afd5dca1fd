"""Tokens of an OpenID provider: which are taken, and what they let do."""

from __future__ import annotations

import base64
import hmac
import json
import ssl
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import jwt
import pytest

from ccstream.gateway.jwks import BYTES_MAX, STALE_S, UNKNOWN_S, KeySet, read_jwks
from ccstream.gateway.tokens import Tokens
from ccstream.ops.settings import GatewaySettings
from tests.gateway.certificates import certificate_files
from tests.gateway.issuer import AUDIENCE, ISSUER, Issuer

REFRESH_S = 600.0


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
def tokens(issuer: Issuer, clock: Clock) -> Tokens:
    settings = GatewaySettings(
        oidc_issuer=ISSUER, oidc_audience=AUDIENCE, oidc_jwks="https://id.example/keys"
    )
    return Tokens(settings, KeySet("x", REFRESH_S, issuer.read, clock))


async def test_a_customers_token_reaches_that_customer_only(tokens: Tokens, issuer: Issuer) -> None:
    identity = await tokens.identify(issuer.token("openid read:self publish:app:self", sub="42"))
    assert identity is not None
    assert identity.customer == "customer:42"
    assert identity.may("read", key="customer:42")
    assert not identity.may("read", key="customer:43")
    assert "customer" not in identity.id


async def test_a_services_token_has_its_scopes_and_no_self(tokens: Tokens, issuer: Issuer) -> None:
    identity = await tokens.identify(issuer.token(["publish:web", "profile"], sub="service-1"))
    assert identity is not None
    assert identity.customer is None
    assert identity.may("publish", channel="web", key="customer:1")
    assert not identity.may("read")


@pytest.mark.parametrize("scope", [None, "", 7, {"a": 1}, "openid profile"])
async def test_a_token_without_scopes_of_ours_may_nothing(
    tokens: Tokens, issuer: Issuer, scope: Any
) -> None:
    identity = await tokens.identify(issuer.token(scope))
    assert identity is not None
    assert identity.grants == ()


@pytest.mark.parametrize("sub", ["", "4 2", "x#y"])
async def test_a_customer_that_can_be_no_key_is_nobody(
    tokens: Tokens, issuer: Issuer, sub: str
) -> None:
    identity = await tokens.identify(issuer.token(sub=sub))
    assert identity is not None
    assert not identity.may("read")


NOW = int(time.time())


@pytest.mark.parametrize(
    "changed",
    [
        {"exp": NOW - 3_600},
        {"exp": None},
        {"nbf": NOW + 3_600},
        {"iss": "https://other.example"},
        {"iss": None},
        {"aud": "another"},
        {"aud": None},
        {"sub": None},
    ],
    ids=lambda changed: next(iter(changed)),
)
async def test_a_token_that_is_expired_early_or_for_others_is_refused(
    tokens: Tokens, issuer: Issuer, changed: dict[str, Any]
) -> None:
    assert await tokens.identify(issuer.token(**changed)) is None


async def test_a_token_that_somebody_else_signed_is_refused(tokens: Tokens) -> None:
    assert await tokens.identify(Issuer().token()) is None


async def test_a_token_whose_claims_were_changed_is_refused(tokens: Tokens, issuer: Issuer) -> None:
    head, claims, signature = issuer.token().split(".")
    padded = claims + "=" * (-len(claims) % 4)
    changed = json.loads(base64.urlsafe_b64decode(padded)) | {"sub": "43"}
    forged = base64.urlsafe_b64encode(json.dumps(changed).encode()).rstrip(b"=").decode()
    assert await tokens.identify(f"{head}.{forged}.{signature}") is None


async def test_a_token_without_a_signature_is_refused(tokens: Tokens, issuer: Issuer) -> None:
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "42", "exp": NOW + 300}
    unsigned = jwt.encode(claims, None, algorithm="none", headers={"kid": issuer.latest})
    assert await tokens.identify(unsigned) is None


async def test_a_public_key_is_never_taken_for_a_shared_secret(
    tokens: Tokens, issuer: Issuer
) -> None:
    def part(value: object) -> bytes:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")

    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "42", "exp": NOW + 300}
    message = part({"alg": "HS256", "kid": issuer.latest}) + b"." + part(claims)
    secret = json.dumps(issuer.shown[issuer.latest]).encode()
    signature = base64.urlsafe_b64encode(hmac.digest(secret, message, "sha256")).rstrip(b"=")
    assert await tokens.identify((message + b"." + signature).decode()) is None


BRACKETS = base64.urlsafe_b64encode(b"[" * 6_000).decode()


@pytest.mark.parametrize(
    "text", [f"{BRACKETS}.e30.x", "", "x", "a.b.c", "." * 2, "x" * 10_000, "\u00e9.\u00e9.\u00e9"]
)
async def test_what_is_no_token_is_refused(tokens: Tokens, text: str) -> None:
    assert await tokens.identify(text) is None


@pytest.mark.parametrize("algorithm", ["RS256", "PS256", "RS512"])
async def test_an_rsa_key_that_states_no_algorithm_takes_each_of_its_kind(
    tokens: Tokens, issuer: Issuer, algorithm: str
) -> None:
    issuer.rotate(algorithm)
    assert await tokens.identify(issuer.token()) is not None


async def test_a_key_that_states_its_algorithm_takes_no_other(
    tokens: Tokens, issuer: Issuer
) -> None:
    issuer.rotate("RS256")
    issuer.shown[issuer.latest]["alg"] = "RS512"
    assert await tokens.identify(issuer.token()) is None


async def test_a_new_key_is_taken_at_once(tokens: Tokens, issuer: Issuer, clock: Clock) -> None:
    assert await tokens.identify(issuer.token()) is not None
    issuer.rotate()
    clock.now += UNKNOWN_S
    assert await tokens.identify(issuer.token()) is not None
    assert issuer.reads == 2


async def test_a_withdrawn_key_is_refused_after_the_refresh(
    tokens: Tokens, issuer: Issuer, clock: Clock
) -> None:
    token = issuer.token(exp=NOW + 100_000)
    assert await tokens.identify(token) is not None
    old = issuer.latest
    issuer.rotate()
    issuer.withdraw(old)
    clock.now += REFRESH_S / 2
    assert await tokens.identify(token) is not None
    clock.now += REFRESH_S / 2
    assert await tokens.identify(token) is None


async def test_made_up_keys_do_not_make_it_ask_the_issuer_each_time(
    tokens: Tokens, issuer: Issuer, clock: Clock
) -> None:
    for _ in range(50):
        assert await tokens.identify(Issuer().token() + "x") is None
        stranger = Issuer()
        stranger.rotate()
        assert await tokens.identify(stranger.token()) is None
    assert issuer.reads == 1


async def test_the_last_keys_hold_through_a_nights_outage_and_no_longer(
    issuer: Issuer, clock: Clock
) -> None:
    broken = False

    def read(source: str) -> bytes:
        if broken:
            raise OSError("away")
        return issuer.read(source)

    keys = KeySet("x", REFRESH_S, read, clock)
    assert await keys.key(issuer.latest) is not None
    broken = True
    clock.now += REFRESH_S + UNKNOWN_S
    assert await keys.key(issuer.latest) is not None
    clock.now += STALE_S
    assert await keys.key(issuer.latest) is None


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b'{"keys": []}', b'{"keys": [{"kty": "oct", "k": "eA", "kid": "a"}]}', b"x" * 9],
)
async def test_what_is_no_key_set_lets_nobody_in(content: bytes, clock: Clock) -> None:
    assert await KeySet("x", REFRESH_S, lambda _: content, clock).key("a") is None


@pytest.fixture
def address(tmp_path: Path, issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Where the issuer shows its keys over TLS; ``/moved`` leads there."""

    class Shows(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/moved":
                self.send_response(302)
                self.send_header("Location", "/keys")
                self.end_headers()
                return
            self.send_response(200)
            self.end_headers()
            self.wfile.write(issuer.jwks())

        def log_message(self, *_: Any) -> None:
            pass

    certificate, key = certificate_files(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with ThreadingHTTPServer(("127.0.0.1", 0), Shows) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        yield f"https://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join(10)


async def test_keys_come_from_an_address_that_is_certified(address: str, issuer: Issuer) -> None:
    assert await KeySet(f"{address}/keys", REFRESH_S).key(issuer.latest) is not None


async def test_a_redirect_to_other_keys_is_not_followed(address: str, issuer: Issuer) -> None:
    assert await KeySet(f"{address}/moved", REFRESH_S).key(issuer.latest) is None


async def test_an_address_that_nobody_certifies_is_not_believed(
    address: str, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    assert await KeySet(f"{address}/keys", REFRESH_S).key(issuer.latest) is None


async def test_keys_come_from_a_file_too(tmp_path: Path, issuer: Issuer) -> None:
    path = tmp_path / "jwks.json"
    path.write_bytes(issuer.jwks())
    assert await KeySet(str(path), REFRESH_S).key(issuer.latest) is not None
    path.write_bytes(b" " * (BYTES_MAX + 100))
    assert len(read_jwks(str(path))) == BYTES_MAX + 1
