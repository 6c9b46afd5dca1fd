from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from ccstream.devkit.embedded import EMBEDDED_PARTITIONS
from ccstream.ops.erasure_key import ErasureKey
from ccstream.ops.settings import Settings
from ccstream.wire.catalogue import TABLES, changelog_topic
from ccstream.wire.codec import Codec
from ccstream.wire.partition import partition_for
from tests.cli.conftest import Ended
from tests.engine.test_erasing import SECRET
from tests.support.produce import Sent, produce

Run = Callable[..., Ended]

CODEC = Codec()


def alias(root: str) -> bytes:
    fields = {
        "version": 1,
        "root": root,
        "since": 5,
        "event_id": "e",
        "earlier": [],
        "known_from": None,
        "erased_until": 0,
    }
    return CODEC.encode("AliasRow", fields)


def links(coordinator: str, *facts: tuple[str, str, str, str]) -> bytes:
    said = [
        {
            "kind": "link" if strength else "apart",
            "event_id": event,
            "at": 5,
            "one": one,
            "other": two,
            "strength": strength,
        }
        for event, one, two, strength in facts
    ]
    fields = {"version": 1, "coordinator": coordinator, "root": "customer:42", "by_facts": 1}
    rest = {"waiting": [], "carried": [], "since": 0, "event_id": "", "forgotten": 0}
    return CODEC.encode("LinkRow", {**fields, "facts": said, **rest, "repetitions": []})


def profile(name: str) -> bytes:
    statement = {
        "value": name,
        "channel": "web",
        "source": "shop",
        "occurred_at": 5,
        "event_id": "e",
        "verified": False,
    }
    traits = [{"name": "first_name", "statements": [statement]}]
    return CODEC.encode("ProfileRow", {"version": 2, "traits": traits})


def order(order_id: str) -> bytes:
    money = {"amount_minor": 500, "currency": "EUR"}
    return CODEC.encode(
        "OrderRow",
        {
            "version": 3,
            "order_id": order_id,
            "event_id": "e",
            "placed_at": 5,
            "channel": "store",
            "source": "till-1",
            "lines": [],
            "total": money,
            "campaign": None,
            "origin": "",
        },
    )


def home(row_key: str) -> int:
    """The partition of a row: its subject's."""
    return partition_for(row_key.partition("#")[0].encode(), EMBEDDED_PARTITIONS)


@pytest.fixture
def app(embedded_kafka: str, unique: str) -> Callable[..., None]:
    """Fills the changelogs of an application of the test's own; all of them are there. A row is its
    table, key and value, and whose partition it is in if not the key's.
    """

    def fill(*rows: Any) -> None:
        others = [Sent(changelog_topic(unique, table), "someone:else", None) for table in TABLES]
        ours = [
            Sent(changelog_topic(unique, table), key, value, partition=home(*whose or (key,)))
            for table, key, value, *whose in rows
        ]
        produce(embedded_kafka, [*others, *ours])

    return fill


@pytest.fixture
def inspect(ccstream: Run, embedded_kafka: str, unique: str) -> Callable[..., Ended]:
    def run(key: str, *options: str) -> Ended:
        return ccstream("inspect", key, "--bootstrap", embedded_kafka, "--app-id", unique, *options)

    return run


Fill = Callable[..., None]
Inspect = Callable[..., Ended]


def test_the_rows_of_a_key_are_those_last_written(app: Fill, inspect: Inspect) -> None:
    app(
        ("profiles", "customer:42", profile("Ann")),
        ("profiles", "customer:42", profile("Anna")),
        ("profiles", "customer:421", profile("Bob")),
        ("orders", "customer:42#o1", order("o1")),
        ("orders", "customer:42#o2", order("o2")),
        ("orders", "customer:421#o3", order("o3")),
    )
    ended = inspect("customer:42", "--json")
    assert ended.code == 0
    found = json.loads(ended.out)
    (row,) = found["rows"]["profiles"]
    assert row["value"]["traits"][0]["statements"][0]["value"] == "Anna"
    assert [one["key"] for one in found["rows"]["orders"]] == ["customer:42#o1", "customer:42#o2"]
    assert "carts" not in found["rows"]


def test_a_deleted_row_is_not_there(app: Fill, inspect: Inspect) -> None:
    app(("profiles", "customer:42", profile("Ann")), ("profiles", "customer:42", None))
    ended = inspect("customer:42", "--json")
    assert ended.code == 1
    assert json.loads(ended.out)["rows"] == {}
    assert "nothing is stored about customer:42" in ended.err


def test_an_alias_is_followed_to_what_it_stands_for(app: Fill, inspect: Inspect) -> None:
    app(
        ("aliases", "visitor:9", alias("loyalty:8")),
        ("aliases", "loyalty:8", alias("customer:42")),
        ("profiles", "customer:42", profile("Ann")),
    )
    found = json.loads(inspect("visitor:9", "--json").out)
    assert found["redirects"] == ["visitor:9", "loyalty:8"]
    assert found["key"] == "customer:42"
    assert len(found["rows"]["profiles"]) == 1


def test_aliases_in_a_circle_are_told_as_such(app: Fill, inspect: Inspect) -> None:
    app(("aliases", "visitor:1", alias("visitor:2")), ("aliases", "visitor:2", alias("visitor:1")))
    ended = inspect("visitor:1")
    assert ended.code == 4
    assert "circle" in ended.err


def test_for_people_each_row_stands_under_its_table(app: Fill, inspect: Inspect) -> None:
    app(("profiles", "customer:42", profile("Ann")))
    ended = inspect("customer:42")
    assert ended.out.startswith("customer:42  (partition ")
    assert "profiles  customer:42\n" in ended.out
    assert '"value": "Ann"' in ended.out


def test_a_damaged_row_is_told_with_its_topic(app: Fill, inspect: Inspect, unique: str) -> None:
    app(("profiles", "customer:42", b"junk"))
    ended = inspect("customer:42")
    assert ended.code == 4
    assert changelog_topic(unique, "profiles") in ended.err.splitlines()[-1]


@pytest.mark.parametrize("key", ["customer", "Customer:42", "customer:4 2", "customer:42#o1", ""])
def test_what_is_no_key_is_told_before_anything_is_read(inspect: Inspect, key: str) -> None:
    ended = inspect(key)
    assert ended.code == 2
    assert "is no namespace:value" in ended.err


def test_an_application_that_is_not_there_is_one_sentence(inspect: Inspect, unique: str) -> None:
    ended = inspect("customer:42")
    assert ended.code == 4
    assert f"is app_id {unique} right" in ended.err
    assert len(ended.err.splitlines()) == 1


def test_the_identifiers_of_a_profile_are_listed_with_what_is_known_of_them(
    app: Fill, inspect: Inspect
) -> None:
    facts = (
        ("e1", "loyalty:8", "customer:42", "verified"),
        ("e2", "loyalty:8", "email:ab", "asserted"),
        ("e3", "email:ab", "customer:7", "observed"),
        ("e4", "loyalty:8", "loyalty:9", ""),
        ("e5", "loyalty:9", "email:ab", "observed"),
    )
    app(
        ("aliases", "loyalty:8", alias("customer:42")),
        ("links", "customer:42", links("customer:1")),
        ("links", "customer:1", links("customer:1", *facts)),
    )
    found = json.loads(inspect("loyalty:8", "--json").out)
    assert found["key"] == "customer:42"
    assert found["identifiers"] == [
        {"key": "customer:42", "class": "account", "strength": "verified"},
        {"key": "email:ab", "class": "personal", "strength": "asserted"},
        {"key": "loyalty:8", "class": "personal", "strength": "verified"},
    ]
    two_accounts, apart = found["passed_over"]
    assert two_accounts == {
        "event_id": "e3",
        "one": "email:ab",
        "other": "customer:7",
        "strength": "observed",
        "one_root": "customer:42",
        "other_root": "customer:7",
        "kept_apart_by": None,
    }
    assert (apart["one"], apart["other"], apart["kept_apart_by"]) == ("loyalty:9", "email:ab", "e4")
    text = inspect("loyalty:8").out
    assert "identifier  email:ab  personal, asserted" in text
    assert (
        "passed over  the link e3 of email:ab and customer:7, observed: "
        "it would join two accounts, customer:42 and customer:7"
    ) in text
    assert (
        "passed over  the link e5 of loyalty:9 and email:ab, observed: "
        "it would join loyalty:9 and customer:42, of which some are kept apart by e4"
    ) in text
    assert found["kept_apart"] == [{"event_id": "e4", "one": "loyalty:8", "other": "loyalty:9"}]
    assert "kept apart  loyalty:8 and loyalty:9, by e4" in text


def test_links_that_are_kept_at_somebody_who_was_erased_are_found_with_the_erasure_key(
    app: Fill, inspect: Inspect, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings.load(privacy__erasure_key=SECRET)
    key = ErasureKey.of(settings)
    assert key is not None
    fact = ("e1", "loyalty:8", "customer:42", "verified")
    kept = links("", fact)
    app(
        ("links", "customer:42", links("customer:10")),
        ("links", key.fingerprint("customer:10"), links(key.seal("customer:1")), "customer:10"),
        ("links", key.fingerprint("customer:1"), kept, "customer:1"),
    )
    ended = inspect("customer:42", "--json")
    assert json.loads(ended.out)["identifiers"] == []
    assert "set privacy.erasure_key" in ended.err
    monkeypatch.setenv("CCSTREAM_PRIVACY__ERASURE_KEY", SECRET)
    names = [one["key"] for one in json.loads(inspect("customer:42", "--json").out)["identifiers"]]
    assert names == ["customer:42", "loyalty:8"]


def test_devices_that_are_logged_in_are_listed_wherever_they_live(
    app: Fill, inspect: Inspect
) -> None:
    app(
        ("aliases", "visitor:here", alias("customer:42")),
        ("aliases", "visitor:there-too", alias("customer:42")),
        ("aliases", "visitor:left", alias("customer:42")),
        ("aliases", "visitor:left", alias("")),
        ("aliases", "visitor:gone", alias("customer:42")),
        ("aliases", "visitor:gone", None),
        ("aliases", "visitor:other", alias("customer:421")),
        ("aliases", "loyalty:7", alias("customer:42")),  # linked, not logged in
        ("profiles", "customer:42", profile("Ann")),
    )
    found = json.loads(inspect("customer:42", "--devices", "--json").out)
    assert [one["key"] for one in found["devices"]] == ["visitor:here", "visitor:there-too"]
    assert found["devices"][0]["since"] == "1970-01-01T00:00:00.005Z"
    by_alias = inspect("visitor:here", "--devices")
    assert "device  visitor:there-too  logged in since 1970-01-01" in by_alias.out
    nobody = inspect("customer:421", "--devices")
    assert "device  visitor:other" in nobody.out
    assert "devices" not in json.loads(inspect("customer:42", "--json").out)
    app(("profiles", "customer:7", profile("Bo")))
    assert "no device is logged in to customer:7" in inspect("customer:7", "--devices").err
