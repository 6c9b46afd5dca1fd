"""What surrounds every request: headers, counts, the last word on errors."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
import structlog
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from ccstream.gateway.app import make_app
from ccstream.gateway.endpoints import Endpoint, Services
from ccstream.ops import logs
from ccstream.ops.settings import Settings
from tests.gateway.calls import call, post, running
from tests.gateway.events import cloud_event


class Odd:
    """A part whose handlers are bugs."""

    def __init__(self, _services: Services) -> None:
        pass

    def endpoints(self) -> Sequence[Endpoint]:
        return (
            Endpoint(method="GET", path="/bug/{key}", access="read", handler=self._bug),
            Endpoint(method="GET", path="/own", access="public", handler=self._own),
        )

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        yield

    def ready(self) -> str | None:
        return "never"

    async def _bug(self, request: Request) -> Response:
        raise ValueError(f"cannot think of {request.path_params['key']}")

    async def _own(self, _request: Request) -> Response:
        return PlainTextResponse("x", headers={"Content-Security-Policy": "default-src 'self'"})


@pytest.fixture
async def odd(settings: Settings) -> AsyncIterator[Any]:
    async with running(make_app(settings, makers=(Odd,))) as app:
        yield app


async def test_an_error_of_ours_is_a_problem_that_tells_nothing(odd: Any) -> None:
    out = io.StringIO()
    logs.configure(Settings.load(log__format="json", log__level="debug").log, out)
    try:
        answer = await call(odd, "GET", "/bug/customer:zoe")
    finally:
        structlog.reset_defaults()
    assert (answer.status, answer.problem) == (500, "failed")
    assert b"zoe" not in answer.body
    assert "ValueError" in out.getvalue()
    assert "/bug/{key}" in out.getvalue()
    assert "zoe" not in out.getvalue()


async def test_no_line_of_the_log_has_a_personal_value(app: Any) -> None:
    out = io.StringIO()
    logs.configure(Settings.load(log__format="json", log__level="debug").log, out)
    try:
        for changed in ({}, {"data__quantity": "zoe"}, {"type": "zoe"}, {"source": "/zoe/zoe"}):
            await post(app, cloud_event(subject="customer:zoe", **changed))
        await call(app, "GET", "/v1/zoe?zoe=zoe")
    finally:
        structlog.reset_defaults()
    assert "request answered" in out.getvalue()
    assert "zoe" not in out.getvalue()


async def test_every_answer_has_the_security_headers(app: Any) -> None:
    for target in ("/livez", "/openapi.json", "/nothing", "/metrics"):
        headers = (await call(app, "GET", target)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert headers["cache-control"] == "no-store"
        assert headers["referrer-policy"] == "no-referrer"
        assert "server" not in headers


async def test_a_page_has_a_policy_of_its_own(odd: Any) -> None:
    answer = await call(odd, "GET", "/own")
    assert answer.headers["content-security-policy"] == "default-src 'self'"


async def test_requests_are_counted_by_template_and_never_by_path(odd: Any) -> None:
    await call(odd, "GET", "/bug/customer:zoe")
    await call(odd, "GET", "/customer:zoe")
    await call(odd, "ZOE", "/livez")
    page = (await call(odd, "GET", "/metrics")).body.decode()
    assert (
        'ccstream_gateway_requests_total{method="GET",route="/bug/{key}",status="500"} 1.0' in page
    )
    assert 'ccstream_gateway_requests_total{method="GET",route="other",status="404"} 1.0' in page
    assert "ccstream_gateway_request_duration_seconds_bucket" in page
    assert "ccstream_gateway_requests_in_flight 1.0" in page  # this one
    assert "zoe" not in page.lower()


async def test_a_part_that_cannot_work_makes_the_gateway_not_ready(odd: Any) -> None:
    answer = await call(odd, "GET", "/readyz")
    assert answer.status == 503
    assert answer.json["reasons"] == ["never"]


async def test_a_gateway_that_is_told_to_stop_is_not_ready(app: Any) -> None:
    assert (await call(app, "GET", "/readyz")).status == 200
    app.state.services.closing.set()
    assert (await call(app, "GET", "/readyz")).json["reasons"] == ["told to stop"]
    assert (await call(app, "GET", "/livez")).status == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8080", "", "127.0.0.1.evil.example"]
)
async def test_without_authentication_only_names_of_this_machine_are_answered(
    app: Any, host: str
) -> None:
    answer = await call(app, "GET", "/livez", headers={"host": host})
    assert (answer.status, answer.problem) == (421, "misdirected")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8080", "[::1]:8080", "LOCALHOST:1"])
async def test_the_names_of_this_machine_are_answered(app: Any, host: str) -> None:
    assert (await call(app, "GET", "/livez", headers={"host": host})).status == 200


ASKED = {
    "origin": "https://shop.example",
    "access-control-request-method": "POST",
    "access-control-request-headers": "content-type,ce-id,idempotency-key",
}


async def test_pages_of_configured_origins_may_call(settings: Settings) -> None:
    gateway = settings.gateway.model_copy(update={"cors_origins": "https://shop.example"})
    app = make_app(settings.model_copy(update={"gateway": gateway}), makers=())
    answer = await call(app, "OPTIONS", "/v1/events", headers=ASKED)
    assert answer.status == 200
    assert answer.headers["access-control-allow-origin"] == "https://shop.example"
    assert "access-control-allow-credentials" not in answer.headers
    foreign = await call(
        app, "OPTIONS", "/v1/events", headers=ASKED | {"origin": "https://evil.example"}
    )
    assert foreign.status == 400
    assert "access-control-allow-origin" not in foreign.headers


async def test_pages_of_others_may_not(app: Any) -> None:
    answer = await call(app, "OPTIONS", "/v1/events", headers=ASKED)
    assert "access-control-allow-origin" not in answer.headers
