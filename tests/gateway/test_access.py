"""Who may do what: every route and role of the table in docs/security.md, tried."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ccstream.gateway.app import make_app
from ccstream.gateway.asking import Asker
from ccstream.gateway.keys import KeyFile, new_key
from ccstream.ops.settings import Settings
from ccstream.wire import query
from tests.gateway.calls import Answer, call, post, running
from tests.gateway.conftest import until_ready
from tests.gateway.events import BATCH, cloud_event
from tests.gateway.issuer import AUDIENCE, ISSUER, Issuer
from tests.support.source import ROOT
from tests.support.topics import make_pushed_topics

CELL = re.compile(r"`([^`]+)`")


class Rule(NamedTuple):
    """A row of the table: a route, and which roles it lets in."""

    method: str
    path: str
    lets_in: dict[str, bool]


def rules() -> list[Rule]:
    page = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    table = page.partition("## Who may do what")[2].partition("\n## ")[0]
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in table.splitlines()
        if line.startswith("|")
    ]
    head, _, *body = rows
    found = []
    for row in body:
        match = CELL.search(row[0])
        assert match is not None, row
        method, path = match[1].split()
        lets_in = dict(zip(head[1:], (cell == "yes" for cell in row[1:]), strict=True))
        assert all(cell in {"yes", "no"} for cell in row[1:]), row
        found.append(Rule(method, path, lets_in))
    return found


class Gateway:
    """A gateway with authentication, and a caller of each role."""

    def __init__(self, app: Any, issuer: Issuer, keys: dict[str, str]) -> None:
        self.app = app
        self.issuer = issuer
        self._credentials: dict[str, str | None] = {
            "nobody": None,
            "a key of web": keys["web"],
            "a key of store": keys["store"],
            "a reader": keys["reader"],
            "an agent": keys["agent"],
            "an operator": keys["operator"],
            "the customer": issuer.token("read:self publish:web:self", sub="42"),
            "another customer": issuer.token("read:self publish:web:self", sub="43"),
        }
        self.roles = list(self._credentials)

    async def ask(self, role: str, method: str, path: str) -> Answer:
        """Do with a route what it is for: about customer 42, on the web."""
        path = path.replace("{key}", "customer:42")
        if path == "/v1/events":
            return await post(self.app, cloud_event(), **self.headers(role))
        if path == "/v1/preferences/links":
            link = {"subject": "customer:42", "contact_point": "5f" * 32}
            about = {"contact_channel": "email", "purpose": "newsletter"}
            body = json.dumps(link | about).encode()
            return await call(self.app, method, path, body, self.headers(role))
        if path == "/v1/agents/search":
            return await call(self.app, method, path, b'{"text": "42"}', self.headers(role))
        if path.endswith(("/stream", "/changes")):
            method = "HEAD"  # which ends
        return await call(self.app, method, path, headers=self.headers(role))

    def headers(self, role: str) -> dict[str, str]:
        credential = self._credentials[role]
        return {} if credential is None else {"authorization": f"Bearer {credential}"}


async def _nothing(_asker: Asker, question: query.Question, _until: float) -> query.Answer:
    """What a worker says of a key that nothing is known of; there is none in these tests."""
    rows: dict[str, list[bytes]] = {table: [] for table in question.tables}
    return query.Answer(partition=0, epoch=1, read_at=0, as_of={}, rows=rows)


@pytest.fixture
async def gateway(
    embedded_kafka: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Gateway]:
    monkeypatch.setattr(Asker, "ask", _nothing)
    issuer = Issuer()
    (tmp_path / "jwks.json").write_bytes(issuer.jwks())
    scopes = {
        "web": "publish:web",
        "store": "publish:store",
        "reader": "read",
        "agent": "agent",
        "operator": "operate",
    }
    made = {name: new_key((scope,), now=datetime.now(UTC)) for name, scope in scopes.items()}
    KeyFile(tuple(stored for _, stored in made.values())).write(tmp_path / "keys.json")
    settings = Settings.load(
        kafka__bootstrap=embedded_kafka,
        gateway={
            "auth": "required",
            "host": "0.0.0.0",
            "keys_file": tmp_path / "keys.json",
            "oidc_issuer": ISSUER,
            "oidc_audience": AUDIENCE,
            "oidc_jwks": str(tmp_path / "jwks.json"),
            "signing_key": "k" * 32,
        },
    )
    keys = {name: text for name, (text, _) in made.items()}
    make_pushed_topics(embedded_kafka)
    async with running(make_app(settings)) as app:
        await until_ready(app)
        yield Gateway(app, issuer, keys)


def let_in(answer: Answer) -> bool:
    if answer.status in {401, 403}:
        assert answer.problem in {"unauthenticated", "forbidden"}
        return False
    assert answer.status < 500, answer
    return True


async def test_each_route_lets_in_whom_the_table_says_and_nobody_else(gateway: Gateway) -> None:
    for rule in rules():
        for role in gateway.roles:
            answer = await gateway.ask(role, rule.method, rule.path)
            assert let_in(answer) == rule.lets_in[role], (rule.method, rule.path, role, answer)


async def test_the_table_has_every_route_and_every_role(gateway: Gateway) -> None:
    routes = {
        (endpoint.method, endpoint.path)
        for part in gateway.app.state.parts
        for endpoint in part.endpoints()
    }
    assert {(rule.method, rule.path) for rule in rules()} == routes
    assert {role for rule in rules() for role in rule.lets_in} == set(gateway.roles)


async def test_who_shows_nothing_is_told_how_to(gateway: Gateway) -> None:
    answer = await gateway.ask("nobody", "POST", "/v1/events")
    assert (answer.status, answer.problem) == (401, "unauthenticated")
    assert answer.headers["www-authenticate"].startswith("Bearer")


def wrong_credentials(issuer: Issuer) -> Iterator[str]:
    yield "Bearer x"
    yield "Bearer ccs_00000000_x"
    yield "Basic eDp4"
    yield "Bearer"
    yield f"Bearer {issuer.token(exp=1_000_000_000)}"
    yield f"Bearer {issuer.token(aud='another')}"
    yield f"Bearer {Issuer().token()}"


async def test_a_wrong_expired_or_foreign_credential_is_nobodys(gateway: Gateway) -> None:
    for text in wrong_credentials(gateway.issuer):
        answer = await call(gateway.app, "POST", "/v1/events", b"", {"authorization": text})
        assert (answer.status, answer.problem) == (401, "unauthenticated"), text


async def test_who_guesses_is_slowed_down(gateway: Gateway) -> None:
    headers = {"authorization": "Bearer ccs_00000000_x"}
    answers = [
        await call(gateway.app, "POST", "/v1/events", b"", headers, ("192.0.2.7", 1))
        for _ in range(30)
    ]
    assert [answer.problem for answer in answers[-5:]] == ["rate-limited"] * 5
    assert "retry-after" in answers[-1].headers
    elsewhere = await call(gateway.app, "POST", "/v1/events", b"", headers, ("192.0.2.8", 1))
    assert elsewhere.problem == "unauthenticated"


async def test_a_key_of_another_channel_is_told_which_scope_is_missing(gateway: Gateway) -> None:
    answer = await post(
        gateway.app, cloud_event(source="/web/shop-1"), **gateway.headers("a key of store")
    )
    assert (answer.status, answer.problem) == (403, "forbidden")
    assert "publish:web" in answer.json["detail"]


async def test_a_batch_tells_of_each_event_that_is_another_channels(gateway: Gateway) -> None:
    batch = [cloud_event(source="/web/x"), cloud_event(source="/store/x")]
    answer = await post(
        gateway.app,
        batch,
        "application/cloudevents-batch+json",
        **gateway.headers("a key of store"),
    )
    assert answer.status == 207
    assert [one["status"] for one in answer.json["events"]] == [403, 202]


async def test_a_customer_cannot_speak_for_another(gateway: Gateway) -> None:
    answer = await post(
        gateway.app, cloud_event(subject="customer:43"), **gateway.headers("the customer")
    )
    assert (answer.status, answer.problem) == (403, "forbidden")
    assert "43" not in answer.json["detail"]


async def test_nor_in_a_batch_behind_events_of_its_own_from_the_same_source(
    gateway: Gateway,
) -> None:
    batch = [cloud_event(), cloud_event(subject="customer:43"), cloud_event()]
    answer = await post(gateway.app, batch, BATCH, **gateway.headers("the customer"))
    assert answer.status == 207
    assert [one["status"] for one in answer.json["events"]] == [202, 403, 202]


async def test_a_customer_in_a_hurry_is_sent_away_for_a_while(gateway: Gateway) -> None:
    statuses = [
        (await post(gateway.app, cloud_event(), **gateway.headers("the customer"))).status
        for _ in range(60)
    ]
    assert statuses[0] == 202
    assert 429 in statuses
    shop = await post(gateway.app, cloud_event(), **gateway.headers("a key of web"))
    assert shop.status == 202


async def test_the_same_idempotency_key_of_two_callers_makes_different_ids(
    gateway: Gateway,
) -> None:
    event = cloud_event(id=None)
    ids = {
        (await post(gateway.app, event, idempotency_key="k", **gateway.headers(role))).json["id"]
        for role in ("the customer", "a key of web")
    }
    assert len(ids) == 2
