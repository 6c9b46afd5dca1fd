"""Links in messages: sealed, asked before they change anything, and one click is enough."""

from __future__ import annotations

import time
from base64 import urlsafe_b64decode
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

import orjson
import pytest

from ccstream.client.records import Cause, ConsentSynced
from ccstream.domain.consent import Consent, StatedContactChoice, StatedFlag
from ccstream.domain.events import (
    ConsentChanged,
    ConsentProof,
    ContactChoice,
    ContactPreferencesChanged,
)
from ccstream.gateway import preferences
from ccstream.gateway.app import make_app
from ccstream.gateway.preference_form import said, shown, withdrawal
from ccstream.gateway.preference_links import (
    PAGE_DAYS,
    Link,
    open_link,
    open_page_link,
    seal_link,
)
from ccstream.gateway.signing import Signer
from ccstream.ops.settings import Settings
from tests.gateway.calls import Answer, call, running
from tests.gateway.conftest import until_ready
from tests.support.topics import make_pushed_topics

NOW_S = 1_790_000_000.0
POINT = "5f" * 32
LINK = Link("customer:42", POINT, "email", "newsletter")
SIGNER = Signer("k" * 32)
FORM = "application/x-www-form-urlencoded"
DAY_S = 86_400


def consents(*statuses: str, **more: Any) -> ConsentSynced:
    kept = tuple(
        Consent(f"{n}f" * 32, "email", "newsletter", status, "consent", PROOF, None, 5, f"e{n}")
        for n, status in enumerate(statuses, 5)
    )
    cause = Cause("e", "ConsentChanged", "web", "w", 1, 1, "applied")
    return ConsentSynced("customer:42", 1, 0, cause, kept, more.pop("channels", ()), **more)


PROOF = ConsentProof("f", "web", 5)


# the links


def test_a_link_says_what_it_was_sealed_with_and_tells_no_key() -> None:
    token = seal_link(SIGNER, LINK, "unsubscribe", NOW_S)
    assert open_link(SIGNER, token) == LINK
    assert b"customer" not in urlsafe_b64decode(token + "=" * (-len(token) % 4))
    assert seal_link(SIGNER, LINK, "unsubscribe", NOW_S + DAY_S) == token


def test_a_link_of_another_gateway_purpose_or_hand_opens_nothing() -> None:
    token = seal_link(SIGNER, LINK, "unsubscribe", NOW_S)
    page = seal_link(SIGNER, LINK, "page", NOW_S)
    assert open_link(Signer("x" * 32), token) is None
    assert open_page_link(SIGNER, token, NOW_S) is None
    assert open_link(SIGNER, page) is None
    for wrong in (
        "",
        "x",
        "ä",
        token[:-2],
        "A" + token[1:] if token[0] != "A" else "B" + token[1:],
    ):
        assert open_link(SIGNER, wrong) is None, wrong


def test_the_page_ends_and_unsubscribing_does_not() -> None:
    page = seal_link(SIGNER, LINK, "page", NOW_S)
    assert open_page_link(SIGNER, page, NOW_S + (PAGE_DAYS - 1) * DAY_S) == LINK
    assert open_page_link(SIGNER, page, NOW_S + (PAGE_DAYS + 1) * DAY_S) is None


# the form


def test_the_page_asks_about_what_is_known_and_what_the_link_is_about() -> None:
    form = shown(LINK, None)
    assert [(one.label, one.yes) for one in form.consents] == [("Newsletter by e-mail", False)]
    assert all(one.yes for one in form.channels) and not form.objects
    optout = (StatedContactChoice("phone", opted_out=True, stated_at=1, event_id="e"),)
    flag = StatedFlag(value=True, stated_at=1, event_id="e")
    known = consents("granted", "withdrawn", channels=optout, objects_to_marketing=flag)
    form = shown(LINK, known)
    assert [one.yes for one in form.consents] == [True, False]
    assert form.consents[1].label == "Newsletter by e-mail (address 2)"
    assert [one.label for one in form.channels if not one.yes] == ["Telephone"]
    assert form.objects


def test_only_what_differs_from_what_was_shown_is_said() -> None:
    known = consents("granted")
    name = shown(LINK, known).consents[0].name
    same = {name: "yes", f"was.{name}": "yes", "channel.sms": "yes", "was.channel.sms": "yes"}
    assert said(LINK, known, same, 9) == []
    ((kind, fields),) = said(LINK, known, {**same, name: "no"}, 9)
    assert kind is ConsentChanged
    assert (fields["status"], fields["contact_point"]) == ("withdrawn", POINT)
    ((kind, fields),) = said(
        LINK, known, {**same, "channel.sms": "no", "objection": "yes", "was.objection": "no"}, 9
    )
    assert kind is ContactPreferencesChanged
    assert fields == {"channels": (ContactChoice("sms", True),), "objects_to_marketing": True}


def test_what_the_page_did_not_show_cannot_be_said() -> None:
    answers = {"consent.sms.offers.0000": "yes", "was.consent.sms.offers.0000": "no"}
    assert said(LINK, consents("granted"), answers, 9) == []
    assert said(LINK, None, {"objection": "maybe", "was.objection": "no"}, 9) == []
    assert said(LINK, None, {"objection": "yes"}, 9) == []


def test_a_consent_given_again_has_the_page_as_its_proof() -> None:
    name = shown(LINK, None).consents[0].name
    ((_, fields),) = said(LINK, None, {name: "yes", f"was.{name}": "no"}, 9)
    assert fields["status"] == "granted"
    assert fields["proof"] == ConsentProof("preference-page-1", "web", 9)
    assert withdrawal(LINK, 9)[1]["proof"].form_version == "one-click-1"


# over HTTP


@pytest.fixture
async def app(embedded_kafka: str) -> AsyncIterator[Any]:
    settings = Settings.load(kafka__bootstrap=embedded_kafka)
    make_pushed_topics(embedded_kafka)
    async with running(make_app(settings)) as one:
        await until_ready(one)
        yield one


async def links(app: Any, **fields: Any) -> Answer:
    asked = {
        "subject": "customer:42",
        "contact_point": POINT,
        "contact_channel": "email",
        "purpose": "newsletter",
        **fields,
    }
    headers = {"content-type": "application/json"}
    return await call(app, "POST", "/v1/preferences/links", orjson.dumps(asked), headers)


async def submit(app: Any, path: str, body: bytes, kind: str = FORM) -> Answer:
    return await call(app, "POST", path, body, {"content-type": kind})


async def test_opening_the_link_changes_nothing_and_one_click_takes_the_consent_back(
    app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored: list[Any] = []
    part = next(one for one in app.state.parts if isinstance(one, preferences.Preferences))
    store = part._intake.store

    async def noting(records: Any) -> Any:
        stored.extend(records)
        return await store(records)

    monkeypatch.setattr(part._intake, "store", noting)
    path = (await links(app)).json["unsubscribe"]
    for method in ("GET", "HEAD"):
        answer = await call(app, method, path)
        assert answer.status == 200
        assert "form-action 'self'" in answer.headers["content-security-policy"]
        assert answer.headers["referrer-policy"] == "no-referrer"
    assert not stored
    wrong = await submit(app, path, b"List-Unsubscribe=Later")
    assert (wrong.status, wrong.problem) == (400, "invalid-request")
    assert not stored

    done = await submit(app, path, b"List-Unsubscribe=One-Click")
    assert done.status == 200 and b"You are unsubscribed" in done.body
    multipart = (
        b'--b\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--b--'
    )
    assert (await submit(app, path, multipart, "multipart/form-data; boundary=b")).status == 200
    first, second = (part._intake.writer("web")._codec.decode_event(one.value) for one in stored)
    assert isinstance(first, ConsentChanged)
    assert (first.subject, first.status, first.purpose) == (
        "customer:42",
        "withdrawn",
        "newsletter",
    )
    assert first.event_id != second.event_id  # an old link works after a new consent


async def test_a_link_that_was_made_up_leads_nowhere(app: Any) -> None:
    for path in ("/preferences/unsubscribe/x", "/preferences/x"):
        for method in ("GET", "POST"):
            answer = await call(app, method, path, b"List-Unsubscribe=One-Click")
            assert answer.status == 404
            assert b"does not work" in answer.body


async def test_links_are_made_for_what_can_be_said_alone(app: Any) -> None:
    assert (await links(app)).status == 201
    for wrong in (
        {"contact_point": "ada@example.org"},
        {"contact_channel": "fax"},
        {"purpose": "News Letter"},
        {"subject": "ada@example.org"},
        {"subject": 42},
        {"more": "x"},
    ):
        answer = await links(app, **wrong)
        assert (answer.status, answer.problem) == (400, "invalid-request"), wrong
        assert "ada" not in answer.body.decode()


async def test_the_page_shows_and_a_form_that_is_none_is_refused(app: Any) -> None:
    path = (await links(app)).json["preferences"]
    answer = await call(app, "GET", path)
    assert answer.status == 200 and b"Newsletter by e-mail" in answer.body
    assert POINT.encode() not in answer.body and b"customer:42" not in answer.body
    assert (await submit(app, path, b"\xff\xfe")).status == 400
    assert (await submit(app, path, b"a")).status == 400
    unchanged = await submit(app, path, urlencode({"objection": "no"}).encode())
    assert unchanged.status == 200


async def test_who_clicks_and_clicks_is_slowed_down(app: Any) -> None:
    path = (await links(app, subject="customer:hasty")).json["unsubscribe"]
    begun = time.monotonic()
    statuses = [(await call(app, "GET", path)).status for _ in range(60)]
    assert 429 in statuses or time.monotonic() - begun > 1
