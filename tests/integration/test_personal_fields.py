"""Personal fields through SDK, gateway, worker and readers: in plain at the ends alone."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ccstream.cli import main
from ccstream.client import (
    ChannelPublisher,
    PersonalReader,
    ProfileUpdated,
    SyncReader,
    Trait,
)
from ccstream.domain import reasons
from ccstream.errors import PersonalKeyError, SettingsError
from ccstream.gateway.intake import Intake
from ccstream.ops.settings import Settings
from ccstream.wire.catalogue import REJECTED_TOPIC, SYNC_TOPICS, changelog_topic, input_topic
from ccstream.wire.personal import is_ciphertext
from ccstream.wire.rejected import decode_rejected
from tests.gateway.calls import call
from tests.gateway.serving import serving
from tests.integration.harness import codec
from tests.integration.pipeline import Pipeline, decoded, new_subject, of_event, of_key
from tests.support.produce import Sent
from tests.support.waiting import eventually

PROFILES = SYNC_TOPICS["profiles"]
MASTER, NEXT_MASTER = "m" * 40, "n" * 40

pytestmark = [
    pytest.mark.timeout(180),
    pytest.mark.parametrize(
        "pipeline",
        ["embedded", pytest.param("real", marks=pytest.mark.long)],
        indirect=True,
        scope="module",
    ),
]


@pytest.fixture(scope="module", autouse=True)
def ciphertext_only() -> Iterator[None]:
    """For the worker, too, whose process is started with this environment."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CCSTREAM_PRIVACY__PERSONAL_FIELDS", "ciphertext")
        yield


def settings_of(pipeline: Pipeline, master: str | None = MASTER, **more: Any) -> Settings:
    kafka = pipeline.settings.kafka
    return Settings.load(
        app_id=pipeline.settings.app_id,
        kafka__bootstrap=kafka.bootstrap,
        privacy__master_key=master,
        **more,
    )


def publish(settings: Settings, subject: str, *values: str, name: str = "name") -> list[str]:
    """State a trait by the SDK, each value by an event; their ids."""

    async def run() -> list[str]:
        async with ChannelPublisher(channel="web", source="shop", settings=settings) as shop:
            events = [
                shop.event(ProfileUpdated, subject, traits=(Trait(name, value),))
                for value in values
            ]
            for event in events:
                await shop.publish(event)
            await shop.flush()
            return [event.event_id for event in events]

    return asyncio.run(run())


def value_in(message: Any) -> str:
    return str(decoded(message)["traits"][0]["values"][0]["value"])


def test_a_trait_leaves_as_ciphertext_and_is_read_by_who_has_the_master_key(
    pipeline: Pipeline,
) -> None:
    settings, ada = settings_of(pipeline), new_subject()
    _, second = publish(settings, ada, "Ada Lovelace", "Ada King")
    record = pipeline.tail(PROFILES).until(of_event(second))
    assert is_ciphertext(value_in(record))

    async def opened() -> Any:
        async with PersonalReader(settings) as personal:
            with SyncReader(["profiles"], settings=settings, start="beginning") as reader:
                for change in reader:
                    if (
                        getattr(change, "key", None) == ada
                        and change.record.cause.event_id == second
                    ):  # type: ignore[union-attr]
                        return await asyncio.to_thread(
                            eventually,
                            lambda: personal.open(ada, change.record),  # type: ignore[union-attr]  # noqa: B023
                            lambda one: not is_ciphertext(one.traits[0].values[0].value),
                        )

    assert asyncio.run(opened()).traits[0].values[0].value == "Ada King"
    for topic in (input_topic("web"), PROFILES, changelog_topic("app", "profiles")):
        pipeline.tail(topic).until(of_key(ada))
        assert not any(
            b"Ada" in record.value() for record in pipeline.tail(topic).records if record.value()
        )


def test_publishers_that_come_later_use_the_key_that_is_there(pipeline: Pipeline) -> None:
    settings, ada = settings_of(pipeline), new_subject()
    for number in range(3):
        (event_id,) = publish(settings, ada, "Lyon", name=f"trait{number}")
        pipeline.tail(PROFILES).until(of_event(event_id))
    (keys,) = pipeline.tail(changelog_topic("app", "keys")).first(1, of_key(ada))
    assert len(decoded(keys)["keys"]) == 1
    last = decoded(pipeline.tail(PROFILES).until(of_event(event_id)))
    assert len({trait["values"][0]["value"] for trait in last["traits"]}) == 1


def test_the_gateway_encrypts_as_the_sdk_does(pipeline: Pipeline) -> None:
    ada, settings = new_subject(), settings_of(pipeline)

    async def post() -> str:
        intake = Intake(settings)
        await intake.open()
        try:
            await asyncio.to_thread(eventually, lambda: intake.away, lambda away: away is None)
            writer = intake.writer("app")
            event = writer.event(ProfileUpdated, ada, {"traits": (Trait("name", "Ada Byron"),)})
            record = writer.write(event)
            keys = writer.take_keys()
            assert len(keys) == 1
            assert None not in await intake.store([*keys, record])
            return event.event_id
        finally:
            await intake.close()

    record = pipeline.tail(PROFILES).until(of_event(asyncio.run(post())))
    assert is_ciphertext(value_in(record))


def test_a_plain_value_from_elsewhere_is_rejected_without_being_repeated(
    pipeline: Pipeline,
) -> None:
    ada = new_subject()
    event = ProfileUpdated(
        event_id=f"{ada}-plain",
        occurred_at=int(time.time() * 1000),
        channel="web",
        source="legacy",
        subject=ada,
        traits=(Trait("name", "Ada Lovelace"),),
    )
    pipeline.put(Sent(input_topic("web"), ada, codec.encode_event(event)))
    letter = decode_rejected(
        pipeline.tail(REJECTED_TOPIC)
        .until(lambda record: decode_rejected(record.value()).event_id == event.event_id)
        .value()
    )
    assert letter.reason == reasons.PLAIN_PERSONAL_VALUE
    assert letter.value is None and letter.value_bytes


@pytest.fixture
def ask(
    pipeline: Pipeline, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[int, str, str]]:
    settings = pipeline.settings
    monkeypatch.setenv("CCSTREAM_KAFKA__BOOTSTRAP", settings.kafka.bootstrap)
    monkeypatch.setenv("CCSTREAM_KAFKA__CONNECT_TIMEOUT_MS", str(settings.kafka.connect_timeout_ms))
    monkeypatch.setenv("CCSTREAM_APP_ID", settings.app_id)

    def run(*arguments: str, master: str | None = MASTER, previous: str = "") -> Any:
        monkeypatch.setenv("CCSTREAM_PRIVACY__MASTER_KEY", master or "")
        monkeypatch.setenv("CCSTREAM_PRIVACY__PREVIOUS_MASTER_KEY", previous)
        capsys.readouterr()
        code = main(arguments)
        written = capsys.readouterr()
        return code, written.out, written.err

    return run


def test_access_shows_values_in_plain_to_who_has_the_master_key(
    pipeline: Pipeline, ask: Callable[..., tuple[int, str, str]]
) -> None:
    ada = new_subject()
    publish(settings_of(pipeline), ada, "Ada Lovelace")
    pipeline.tail(changelog_topic("app", "profiles")).until(of_key(ada))
    code, out, _ = ask("privacy", "access", ada)
    held = json.loads(out)
    assert code == 0
    assert held["rows"]["profiles"][0]["traits"][0]["statements"][0]["value"] == "Ada Lovelace"
    assert held["unreadable"] == 0
    assert any(
        one["type"] == "ProfileUpdated" and one["traits"][0]["value"] == "Ada Lovelace"
        for one in held["events"]
    )
    for master in (None, NEXT_MASTER):
        code, out, err = ask("privacy", "access", ada, master=master)
        assert code == 0 and "Lovelace" not in out
        assert "2 personal values are ciphertext" in err


def test_a_contact_is_decided_by_where_somebody_lives_though_that_is_stored_encrypted(
    pipeline: Pipeline, ask: Callable[..., tuple[int, str, str]]
) -> None:
    ada = new_subject()
    publish(settings_of(pipeline), ada, "FR", name="country")
    pipeline.tail(changelog_topic("app", "profiles")).until(of_key(ada))
    check = ("consent", "check", ada, "--channel", "email", "--purpose", "news")
    assert ask(*check)[1].startswith("deny: no_consent")
    for master, why in ((None, "privacy.master_key is not set"), (NEXT_MASTER, "not set here")):
        code, out, err = ask(*check, master=master)
        assert (code, out.split()[:2]) == (1, ["deny:", "unreadable"])
        assert "the traits country are ciphertext" in err and why in err
        assert "ccx1" not in out + err
        code, out, err = ask(*check, "--country", "FR", master=master)
        assert out.startswith("deny: no_consent") and "ciphertext" not in err


async def test_the_service_desk_reads_what_is_stored_encrypted(pipeline: Pipeline) -> None:
    settings, ada = settings_of(pipeline), new_subject()
    await asyncio.to_thread(publish, settings, ada, "FR", name="country")
    await asyncio.to_thread(pipeline.tail(changelog_topic("app", "profiles")).until, of_key(ada))
    async with serving(settings) as desk, asyncio.timeout(60):
        while True:
            answer = await call(desk.app, "GET", f"/v1/agents/profiles/{ada}")
            if answer.status == 200 and answer.json["traits"][0]["values"][0]["readable"]:
                break
            await asyncio.sleep(0.1)
    assert answer.json["traits"][0]["values"][0]["value"] == "FR"
    reasons_by_mail = {
        one["reason"] for one in answer.json["may_contact"] if one["channel"] == "email"
    }
    assert reasons_by_mail == {"service", "no_consent"}


def test_a_missing_or_another_master_key_refuses_to_publish(pipeline: Pipeline) -> None:
    ada = new_subject()
    publish(settings_of(pipeline), ada, "Ada")
    pipeline.tail(changelog_topic("app", "keys")).until(of_key(ada))
    with pytest.raises(SettingsError, match="master_key is not set"):
        publish(settings_of(pipeline, None), ada, "Ada")
    with pytest.raises(PersonalKeyError, match="is not set here"):
        publish(settings_of(pipeline, NEXT_MASTER), ada, "Ada")


def test_after_a_rotation_the_old_master_key_is_not_needed(
    pipeline: Pipeline, ask: Callable[..., tuple[int, str, str]]
) -> None:
    ada = new_subject()
    publish(settings_of(pipeline), ada, "Ada Lovelace")
    pipeline.tail(changelog_topic("app", "keys")).until(of_key(ada))
    code, _, err = ask("privacy", "rotate", master=NEXT_MASTER)
    assert code == 1 and "cannot be unwrapped" in err
    code, _, err = ask("privacy", "rotate", master=NEXT_MASTER, previous=MASTER)
    assert code == 0, err

    def left() -> str:
        return str(ask("privacy", "rotate", master=NEXT_MASTER, previous=MASTER)[2])

    eventually(left, lambda err: " 0 were wrapped anew" in err)
    assert "Ada Lovelace" in ask("privacy", "access", ada, master=NEXT_MASTER)[1]
    assert "Ada Lovelace" not in ask("privacy", "access", ada, master=MASTER)[1]
    publish(settings_of(pipeline, NEXT_MASTER), ada, "Ada King")
