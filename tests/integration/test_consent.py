"""Consents through a worker: from what channels publish to what may be done with it."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from ccstream.cli import main
from ccstream.domain.events import (
    ConsentChanged,
    ConsentProof,
    ContactPreferencesChanged,
    Event,
)
from ccstream.wire.catalogue import REJECTED_TOPIC, SYNC_TOPICS, input_topic
from tests.integration.harness import codec
from tests.integration.pipeline import Pipeline, decoded, new_subject, of_event, of_key
from tests.support.produce import Sent
from tests.support.waiting import eventually

pytestmark = [
    pytest.mark.timeout(180),
    pytest.mark.parametrize(
        "pipeline",
        ["embedded", pytest.param("real", marks=pytest.mark.long)],
        indirect=True,
        scope="module",
    ),
]

NOW = int(time.time() * 1000)
HOUR = 3_600_000
CONSENTS = SYNC_TOPICS["consents"]


def sent(event: Event) -> Sent:
    return Sent(input_topic(event.channel), event.subject, codec.encode_event(event))


def said(subject: str, name: str, at: int, channel: str = "web") -> dict[str, Any]:
    return {
        "event_id": f"{subject}-{name}",
        "occurred_at": at,
        "channel": channel,
        "source": f"{channel}-1",
        "subject": subject,
    }


def consent(
    subject: str, status: str, at: int, captured_at: int | None = None, **more: Any
) -> ConsentChanged:
    proof = ConsentProof("form-1", "store", at if captured_at is None else captured_at)
    about = {"contact_point": "5f" * 32, "contact_channel": "email", "purpose": "newsletter"}
    return ConsentChanged(
        **{**said(subject, f"{status}-{at}", at), **about, "status": status, "proof": proof, **more}
    )


def after(pipeline: Pipeline, subject: str, *events: Event) -> dict[str, Any]:
    """What is published once the last of these events has been folded."""
    tail = pipeline.tail(CONSENTS)
    known = len([record for record in tail.records if of_key(subject)(record)])
    pipeline.put(*map(sent, events))
    return decoded(tail.first(known + len(events), of_key(subject))[-1])


def may_contact(
    pipeline: Pipeline, subject: str, capsys: pytest.CaptureFixture[str], reason: str
) -> dict[str, Any]:
    """What the command line decides from the committed row, which follows what was published."""
    return eventually(
        lambda: asked_whether(pipeline, subject, capsys), lambda found: found["reason"] == reason
    )


def asked_whether(
    pipeline: Pipeline, subject: str, capsys: pytest.CaptureFixture[str]
) -> dict[str, Any]:
    capsys.readouterr()
    settings = pipeline.settings
    where = ("--bootstrap", settings.kafka.bootstrap, "--app-id", settings.app_id)
    asked = ("--channel", "email", "--purpose", "newsletter", "--country", "FR", "--json")
    code = main(("consent", "check", subject, *where, *asked))
    told = capsys.readouterr().out
    if not told:
        return {"reason": "nothing is known yet"}
    decision: dict[str, Any] = json.loads(told)
    assert code == (0 if decision["verdict"] == "allow" else 1)
    return decision


def test_a_withdrawal_holds_against_a_grant_that_comes_later_and_is_older(
    pipeline: Pipeline, capsys: pytest.CaptureFixture[str]
) -> None:
    subject = new_subject()
    granted = after(pipeline, subject, consent(subject, "granted", NOW - 9 * HOUR))
    assert granted["consents"][0]["status"] == "granted"
    allowed = may_contact(pipeline, subject, capsys, "consent")
    assert (allowed["reason"], allowed["evidence"]) == (
        "consent",
        f"{subject}-granted-{NOW - 9 * HOUR}",
    )
    withdrawn = consent(subject, "withdrawn", NOW - 5 * HOUR)
    typed_in = consent(subject, "granted", NOW - HOUR, captured_at=NOW - 7 * HOUR)
    synced = after(pipeline, subject, withdrawn, typed_in)
    (only,) = synced["consents"]
    assert (only["status"], only["event_id"]) == ("withdrawn", withdrawn.event_id)
    assert synced["cause"]["event_id"] == typed_in.event_id
    denied = may_contact(pipeline, subject, capsys, "withdrawn")
    assert (denied["reason"], denied["evidence"]) == ("withdrawn", withdrawn.event_id)


def test_consents_and_preferences_outlive_the_worker(
    pipeline: Pipeline, capsys: pytest.CaptureFixture[str]
) -> None:
    subject = new_subject()
    objection = ContactPreferencesChanged(
        **said(subject, "objection", NOW - 4 * HOUR, "app"), objects_to_marketing=True
    )
    after(pipeline, subject, consent(subject, "granted", NOW - 5 * HOUR), objection)
    pipeline.restart()
    language = ContactPreferencesChanged(
        **said(subject, "language", NOW - 3 * HOUR, "app"), language="fr"
    )
    synced = after(pipeline, subject, language)
    assert synced["consents"][0]["status"] == "granted"
    assert synced["objects_to_marketing"]["value"] is True
    assert synced["language"]["language"] == "fr"
    denied = may_contact(pipeline, subject, capsys, "objected")
    assert (denied["reason"], denied["evidence"]) == ("objected", objection.event_id)


def test_an_address_in_place_of_its_hash_is_rejected_and_never_kept(pipeline: Pipeline) -> None:
    subject = new_subject()
    raw = consent(subject, "granted", NOW - HOUR, contact_point="ada@example.org")
    pipeline.put(sent(raw))
    letter = decoded(pipeline.tail(REJECTED_TOPIC).until(of_event(raw.event_id)))
    assert letter["reason"] == "invalid_consent"
    assert "ada" not in letter["detail"]
    shown = pipeline.tail(CONSENTS).until(of_key(subject))
    assert shown.value() is None, "a tombstone: nothing is known"
