from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient

from ccstream.domain.consent import Consents, StatedFlag, StatedQuietHours
from ccstream.domain.events import ProfileUpdated, QuietHours, Trait
from ccstream.domain.interactions import Interaction, Interactions
from ccstream.domain.profile import Profile, Statement
from ccstream.errors import SettingsError
from ccstream.evidence.explanation import Wanted, explain
from ccstream.evidence.masking import Mask
from ccstream.evidence.views import origins, view
from ccstream.ops.codecs import codec_of
from ccstream.ops.settings import Settings
from ccstream.wire.catalogue import OWNERS_TOPIC, TABLES, changelog_topic, topic_numbers
from tests.support.produce import Sent, produce


def test_what_is_asked_is_a_name_or_how_it_begins() -> None:
    wanted = Wanted(prefixes=("line tea", "consent email"))
    assert wanted.has("line tea")
    assert wanted.has("line tea (red)")
    assert not wanted.has("line teapot")
    assert wanted.has("consent email/newsletter 5f5f…")
    assert not wanted.has("trait tea")
    assert Wanted().has("anything at all")


def test_a_profile_shows_its_values_and_names_the_events_that_stated_them() -> None:
    stated = Statement("Lyon", "web", "shop", 5, "e1", verified=False)
    withdrawn = Statement(None, "web", "shop", 6, "e2", verified=False)
    states = {"profiles": Profile({"city": (stated,), "name": (withdrawn,)}), "carts": None}
    assert view(states) == {"trait city": "Lyon"}
    (origin,) = origins(states)["trait city"]
    assert (origin.event_id, origin.channel, origin.occurred_at) == ("e1", "web", 5)


def test_preferences_are_shown_as_people_say_them() -> None:
    consents = Consents(
        quiet_hours=StatedQuietHours(QuietHours(1_290, 480), 5, "e"),
        objects_to_marketing=StatedFlag(value=True, stated_at=5, event_id="e"),
    )
    assert view({"consents": consents}) == {
        "preference quiet_hours": "21:30-08:00",
        "preference objects_to_marketing": "yes",
    }


BEGAN = Interaction("e1", "1", "call", "call_centre", "desk", 5, "size")
ENDED = Interaction("e2", "1", "call", "call_centre", "desk", 9, "size", outcome="ordered it")
CHAT = Interaction("e3", "1", "chat", "chat", "bot", 7, "size")


def test_a_call_that_was_logged_twice_is_shown_twice_and_one_of_another_system_by_itself() -> None:
    states = {"interactions": Interactions((BEGAN, CHAT, ENDED))}
    call, chat = "interaction 1 (call_centre/desk)", "interaction 1 (chat/bot)"
    about = "call in call_centre about size"
    assert view(states) == {
        call: [[about], [about, "outcome ordered it"]],
        chat: [["chat in chat about size"]],
    }
    named = {name: [one.event_id for one in kept] for name, kept in origins(states).items()}
    assert named == {call: ["e1", "e2"], chat: ["e3"]}
    wanted = Wanted(prefixes=("interaction 1",))
    assert wanted.has(call) and wanted.has(chat)
    assert not wanted.has("interaction 12 (chat/bot)")


def test_a_start_that_arrives_after_the_end_changes_what_is_shown() -> None:
    ended = view({"interactions": Interactions((ENDED,))})
    assert view({"interactions": Interactions((BEGAN, ENDED))}) != ended


TRUSTING = """
format = 1
[traits.city]
policy = "most_trusted"
trust = ["kiosk", "store"]
"""


def test_a_trait_is_explained_by_policies_that_trust_a_channel_of_ones_own(
    embedded_kafka: str, unique: str, tmp_path: Path
) -> None:
    policies, channel, key = tmp_path / "policies.toml", f"kiosk_{unique}", f"customer:{unique}"
    policies.write_text(TRUSTING.replace("kiosk", channel))
    settings = Settings.load(
        app_id=unique,
        kafka__bootstrap=embedded_kafka,
        channels_extra=(channel,),
        profile__policies=str(policies),
    )
    stated = ProfileUpdated(
        event_id="e1",
        occurred_at=int(time.time() * 1000),
        channel=channel,
        source="desk",
        subject=key,
        traits=(Trait("city", "Lyon"),),
    )
    numbers = topic_numbers((channel,))
    changelogs = (changelog_topic(unique, table) for table in TABLES)
    client = AdminClient({"bootstrap.servers": embedded_kafka})
    for topic in (*numbers, *changelogs, OWNERS_TOPIC):
        client.list_topics(topic, timeout=10)  # the embedded broker makes it
    (topic,) = (topic for topic in numbers if channel in topic)
    produce(embedded_kafka, [Sent(topic, key, codec_of(settings).encode_event(stated))])

    mask = Mask(key, show=False)
    found = explain(settings, key, Wanted(), since_ms=None, mask=mask, progress=lambda _: None)
    (event,) = found.events
    rules = {change["what"]: change["rule"] for change in event["changes"]}
    assert "most_trusted" in rules["trait city"]


@pytest.mark.parametrize("name", ["profile.policies", "identity.rules"])
def test_a_file_of_rules_that_is_wrong_is_told_before_a_broker_is_asked(name: str) -> None:
    wrong: dict[str, Any] = {name.replace(".", "__"): "nowhere.toml"}
    settings = Settings.load(kafka__bootstrap="127.0.0.1:1", **wrong)
    with pytest.raises(SettingsError, match=rf"{name}: nowhere\.toml cannot be read"):
        explain(
            settings,
            "customer:1",
            Wanted(),
            since_ms=None,
            mask=Mask("customer:1", show=False),
            progress=lambda _: None,
        )
