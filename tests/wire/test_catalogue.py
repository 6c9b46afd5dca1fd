from __future__ import annotations

import pytest

from ccstream.domain.limits import PENDING_AGE_MS_MAX
from ccstream.errors import SettingsError
from ccstream.wire.catalogue import (
    AGGREGATES,
    CHANNELS,
    EVENT_TYPES,
    EVENTS,
    MAIL_TOPIC,
    SYNC_TOPICS,
    TABLES,
    TOPIC_NUMBERS,
    channel_of,
    input_topic,
    topic_numbers,
    topics,
)
from ccstream.wire.topics import DELETE_RETENTION_MS, STALE_AFTER_MS

SPECS = {spec.name: spec for spec in topics("shop")}


def test_topic_numbers_never_change() -> None:
    assert TOPIC_NUMBERS == {
        "channel.web.events.v1": 0,
        "channel.app.events.v1": 1,
        "channel.store.events.v1": 2,
        "channel.call_centre.events.v1": 3,
        "channel.social.events.v1": 4,
        "channel.email.events.v1": 5,
        "channel.sms.events.v1": 6,
        "channel.push.events.v1": 7,
        "channel.chat.events.v1": 8,
        "channel.post.events.v1": 9,
        "ccstream.mail.v1": 10,
    }


def test_channels_added_by_configuration_come_after_all_others() -> None:
    numbers = topic_numbers(["kiosk", "radio"])
    assert numbers["channel.kiosk.events.v1"] == 11
    assert numbers["channel.radio.events.v1"] == 12
    assert {t: n for t, n in numbers.items() if n < 11} == dict(TOPIC_NUMBERS)
    specs = {spec.name: spec for spec in topics("shop", ["kiosk"])}
    assert specs["channel.kiosk.events.v1"].number == 11


@pytest.mark.parametrize("channel", ["web", "Kiosk", "", "a.b", "a b", "1a", "x" * 51])
def test_a_channel_that_cannot_be_added_is_named(channel: str) -> None:
    with pytest.raises(SettingsError, match="channel"):
        topics("shop", [channel])
    with pytest.raises(SettingsError, match="twice"):
        topics("shop", ["kiosk", "kiosk"])


def test_a_topic_tells_its_channel() -> None:
    assert [channel_of(input_topic(channel)) for channel in CHANNELS] == list(CHANNELS)
    assert channel_of(MAIL_TOPIC) is None
    assert channel_of("channel.web.events.v2") is None


def test_every_event_addresses_tables_that_exist_and_is_carried_by_every_input() -> None:
    assert set(AGGREGATES) == {cls.__name__ for cls in EVENT_TYPES}
    for tables in AGGREGATES.values():
        assert tables and set(tables) <= set(TABLES)
    for channel in CHANNELS:
        assert set(SPECS[input_topic(channel)].schemas) == set(EVENTS)


def test_every_event_is_a_touch_but_for_links_and_what_is_about_keys() -> None:
    assert [name for name, tables in AGGREGATES.items() if "touches" not in tables] == [
        "IdentifiersLinked",
        "IdentifierUnlinked",
        "PersonalKeyProvided",
        "ErasureRequested",
        "LegalHoldChanged",
    ]


def test_every_table_has_a_changelog_named_as_faust_names_it() -> None:
    changelogs = {name for name, spec in SPECS.items() if spec.kind == "changelog"}
    assert changelogs == {f"shop-{table}-changelog" for table in TABLES}


def test_what_is_a_table_is_compacted_and_what_is_a_log_is_not() -> None:
    for spec in SPECS.values():
        assert spec.compacted == (spec.kind in {"sync", "changelog", "owners"})
        assert ("retention.ms" in spec.config()) != spec.compacted
    assert all(SPECS[topic].kind == "sync" for topic in SYNC_TOPICS.values())


def test_the_broker_stamps_every_record() -> None:
    assert {s.config()["message.timestamp.type"] for s in SPECS.values()} == {"LogAppendTime"}


def test_a_copy_is_stale_after_half_the_time_that_tombstones_are_kept() -> None:
    assert STALE_AFTER_MS == 7 * 24 * 3_600_000
    for spec in SPECS.values():
        if spec.compacted:
            assert int(spec.config()["delete.retention.ms"]) == DELETE_RETENTION_MS
            assert STALE_AFTER_MS * 2 == DELETE_RETENTION_MS


def test_what_an_input_takes_fits_into_the_topics_that_workers_write() -> None:
    specs = topics("shop", message_bytes_max=50_000)
    inputs = {s.message_bytes_max for s in specs if s.kind == "input"}
    others = {s.message_bytes_max for s in specs if s.kind != "input"}
    assert inputs == {50_000}
    assert min(others) > 50_000 + 10_000


@pytest.mark.parametrize(("replicas", "in_sync"), [(1, "1"), (2, "1"), (3, "2"), (5, "4")])
def test_one_broker_may_be_away(replicas: int, in_sync: str) -> None:
    assert SPECS[MAIL_TOPIC].config(replicas)["min.insync.replicas"] == in_sync


def test_all_topics_have_n_partitions_but_the_owners() -> None:
    assert {s.name for s in SPECS.values() if s.partition_count(8) == 1} == {"ccstream.owners.v1"}
    assert {s.partition_count(8) for s in SPECS.values() if not s.single_partition} == {8}


def test_every_setting_says_why() -> None:
    for spec in SPECS.values():
        names = [setting.name for setting in spec.settings]
        assert len(set(names)) == len(names)
        assert all(len(setting.reason) > 10 for setting in spec.settings)


def test_a_removal_waits_for_what_it_covers_as_long_as_inputs_keep_it() -> None:
    inputs = {s.config()["retention.ms"] for s in SPECS.values() if s.kind in {"input", "mail"}}
    assert inputs == {str(PENDING_AGE_MS_MAX)}
