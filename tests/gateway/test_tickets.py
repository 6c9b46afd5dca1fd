"""A ticket opens streams for a minute, and nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from ccstream.gateway import tickets
from ccstream.gateway.app import make_app
from ccstream.gateway.endpoints import Endpoint, Services
from ccstream.gateway.keys import KeyFile, new_key
from ccstream.gateway.tickets import LIFETIME_S, Tickets
from ccstream.ops.settings import Settings
from tests.gateway.calls import call
from tests.gateway.issuer import AUDIENCE, ISSUER, Issuer


class Reads:
    """A part with a stream, and a route that is none."""

    def __init__(self, _services: Services) -> None:
        pass

    def endpoints(self) -> Sequence[Endpoint]:
        return tuple(
            Endpoint(
                method="GET", path=f"/{name}/{{key}}", access="read", handler=_read, streams=streams
            )
            for name, streams in (("stream", True), ("once", False))
        )

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        yield

    def ready(self) -> str | None:
        return None


async def _read(_request: Request) -> Response:
    return PlainTextResponse("read")


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
def app(tmp_path: Path, issuer: Issuer) -> Any:
    (tmp_path / "jwks.json").write_bytes(issuer.jwks())
    settings = Settings.load(
        gateway={
            "auth": "required",
            "oidc_issuer": ISSUER,
            "oidc_audience": AUDIENCE,
            "oidc_jwks": str(tmp_path / "jwks.json"),
            "signing_key": "k" * 32,
        }
    )
    return make_app(settings, makers=(Tickets, Reads))


async def ticket_of(app: Any, token: str) -> str:
    answer = await call(app, "POST", "/v1/tickets", headers={"authorization": f"Bearer {token}"})
    assert answer.status == 201, answer
    assert answer.json["expires_in"] == LIFETIME_S
    text: str = answer.json["ticket"]
    return text


async def test_it_opens_ones_own_stream_and_no_other(app: Any, issuer: Issuer) -> None:
    ticket = await ticket_of(app, issuer.token("read:self", sub="42"))
    assert (await call(app, "GET", f"/stream/customer:42?ticket={ticket}")).status == 200
    assert (await call(app, "GET", f"/stream/customer:43?ticket={ticket}")).problem == "forbidden"


async def test_it_is_good_for_streams_only(app: Any, issuer: Issuer) -> None:
    ticket = await ticket_of(app, issuer.token("read publish:web", sub="service"))
    assert (await call(app, "GET", f"/stream/customer:7?ticket={ticket}")).status == 200
    assert (await call(app, "GET", f"/once/customer:7?ticket={ticket}")).status == 401
    assert (await call(app, "POST", f"/v1/tickets?ticket={ticket}")).status == 401


async def test_it_is_over_after_a_minute(
    app: Any, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tickets, "LIFETIME_S", 0)
    token = issuer.token("read:self", sub="42")
    answer = await call(app, "POST", "/v1/tickets", headers={"authorization": f"Bearer {token}"})
    ticket = answer.json["ticket"]
    assert (await call(app, "GET", f"/stream/customer:42?ticket={ticket}")).status == 401


async def test_one_that_was_made_up_or_is_for_something_else_opens_nothing(
    app: Any, issuer: Issuer
) -> None:
    ticket = await ticket_of(app, issuer.token("read:self", sub="42"))
    cursor = app.state.services.signer.sign("cursor", b"{}")
    for text in ("", "x", ticket[:-1], ticket + "A", cursor, issuer.token("read")):
        answer = await call(app, "GET", f"/stream/customer:42?ticket={text}")
        assert answer.problem == "unauthenticated", text


async def test_who_may_read_nothing_gets_none(app: Any, issuer: Issuer) -> None:
    token = issuer.token("publish:web")
    answer = await call(app, "POST", "/v1/tickets", headers={"authorization": f"Bearer {token}"})
    assert answer.problem == "forbidden"


async def test_a_key_gets_one_too(tmp_path: Path) -> None:
    key, stored = new_key(("read",), now=datetime.now(UTC))
    KeyFile((stored,)).write(tmp_path / "keys.json")
    settings = Settings.load(
        gateway={
            "auth": "required",
            "keys_file": tmp_path / "keys.json",
            "signing_key": "k" * 32,
        }
    )
    app = make_app(settings, makers=(Tickets, Reads))
    ticket = await ticket_of(app, key)
    assert (await call(app, "GET", f"/stream/customer:7?ticket={ticket}")).status == 200
