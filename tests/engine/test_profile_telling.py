"""What is told of profiles: each merge, split and conflict once, by whom it became of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ccstream.domain.events import Event
from ccstream.domain.links import Assigned
from ccstream.wire.catalogue import IDENTITY_TOPIC
from ccstream.wire.headers import CE_ID, CE_TYPE, EPOCH, TRACEPARENT, header
from tests.engine.test_linking import ACCOUNT, ADDRESS, CARD, OTHER, PHONE, Town, key_at
from tests.engine.world import CODEC, NOW, Sent, World, shown

TRACE = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
VISITOR = key_at(0, "visitor")
CARD_OF_OTHER = key_at(0, "loyalty")


def sent_by(worlds: list[World]) -> Iterator[Sent]:
    return (one for world in worlds for one in world.delivery.sent if one.topic == IDENTITY_TOPIC)


class Ear:
    """Hears what a town tells, each time what is new."""

    def __init__(self, town: Town) -> None:
        self._town = town
        self._heard = [0] * len(town.worlds)

    def records(self) -> list[tuple[str, dict[str, Any]]]:
        """Names and fields, those of one partition in order."""
        self._town.deliver()
        found = []
        for number, world in enumerate(self._town.worlds):
            told = list(sent_by([world]))
            found += [CODEC.decode(one.value) for one in told[self._heard[number] :]]
            self._heard[number] = len(told)
        return found

    def found(self) -> list[dict[str, Any]]:
        """What has been told of conflicts."""
        return [fields for name, fields in self.records() if name == "IdentityConflictFound"]

    def moves(self) -> set[tuple[str, str, str, str | None]]:
        """What has been told of merges and splits."""
        return {
            (name, fields["subject"], fields["root"], fields["former_root"])
            for name, fields in self.records()
            if "root" in fields
        }

    def conflicts(self) -> list[tuple[str, str, str]]:
        """The events of links passed over, and the roots of their sides."""
        return [
            (fields["link"]["event_id"], fields["one_root"], fields["other_root"])
            for fields in self.found()
        ]


@pytest.fixture
def town() -> Town:
    return Town()


@pytest.fixture
def ear(town: Town) -> Ear:
    return Ear(town)


def test_a_log_in_is_a_merge_a_log_out_a_split_and_both_say_why(town: Town, ear: Ear) -> None:
    log_in = town.link(VISITOR, ACCOUNT)
    ((name, merged),) = ear.records()
    assert (name, merged["subject"], merged["root"]) == ("ProfileMerged", VISITOR, ACCOUNT)
    assert merged["former_root"] is None
    assert (merged["reason"], merged["rule"]) == ("log_in", "log_in")
    assert merged["cause"] == {
        "event_id": log_in.event_id,
        "event_type": "IdentifiersLinked",
        "channel": "web",
        "source": "shop-1",
        "occurred_at": NOW,
        "appended_at": NOW,
        "outcome": "applied",
    }
    town.unlink(VISITOR, at=1)
    ((name, split),) = ear.records()
    assert (name, split["root"], split["former_root"]) == ("ProfileSplit", VISITOR, ACCOUNT)
    assert (split["reason"], split["rule"]) == ("log_out", "log_out")
    assert split["event_id"] != merged["event_id"]


def test_a_device_that_somebody_else_logs_in_on_has_left_the_first_and_brings_nothing(
    town: Town, ear: Ear
) -> None:
    town.link(VISITOR, ACCOUNT)
    ear.records()
    town.link(VISITOR, OTHER, at=1)
    ((name, split),) = ear.records()
    assert (name, split["root"], split["former_root"]) == ("ProfileSplit", OTHER, ACCOUNT)
    assert split["rule"] == "log_in"


def test_a_log_in_that_is_late_or_known_is_told_to_nobody(town: Town, ear: Ear) -> None:
    town.link(VISITOR, ACCOUNT, at=5)
    ear.records()
    town.link(VISITOR, OTHER, at=1)
    again = town.link(VISITOR, ACCOUNT, at=9)
    town.fold(again)
    assert ear.records() == []


def test_what_is_about_no_link_tells_nothing(town: Town, ear: Ear) -> None:
    for key in (VISITOR, CARD, ACCOUNT):
        town.add(key)
    assert ear.records() == []


def test_a_profile_that_is_absorbed_is_told_of_all_its_identifiers(town: Town, ear: Ear) -> None:
    town.link(CARD, ADDRESS, reason="told")
    assert ear.moves() == {("ProfileMerged", CARD, ADDRESS, None)}
    town.link(ADDRESS, ACCOUNT, at=1)
    assert ear.moves() == {
        ("ProfileMerged", ADDRESS, ACCOUNT, None),
        ("ProfileMerged", CARD, ACCOUNT, ADDRESS),
    }


def test_who_is_cut_off_along_with_another_has_left_with_that_one(town: Town, ear: Ear) -> None:
    town.link(CARD, ADDRESS, reason="told")
    town.link(ADDRESS, ACCOUNT, at=1)
    town.link(CARD, PHONE, at=2, reason="told")
    ear.records()
    town.unlink(CARD, ADDRESS, at=7)
    assert ear.moves() == {
        ("ProfileSplit", CARD, CARD, ACCOUNT),
        ("ProfileSplit", PHONE, CARD, ACCOUNT),
    }


def test_a_card_that_a_surer_link_gives_to_another_account_has_left_the_first(
    town: Town, ear: Ear
) -> None:
    town.link(CARD, ACCOUNT, reason="card_scanned")
    ear.records()
    surer = town.link(CARD, OTHER, at=9, reason="log_in")
    found = ear.records()
    (split,) = [fields for name, fields in found if name == "ProfileSplit"]
    assert (split["subject"], split["root"], split["former_root"]) == (CARD, OTHER, ACCOUNT)
    assert (split["cause"]["event_id"], split["rule"]) == (surer.event_id, "links")


def test_the_record_goes_where_its_identifier_lives_with_the_version_of_its_alias(
    town: Town, ear: Ear
) -> None:
    town.link(CARD, ACCOUNT)
    town.deliver()
    home = town.home(CARD)
    (sent,) = sent_by(town.worlds)
    _, fields = CODEC.decode(sent.value)
    assert (sent.partition, sent.key) == (home.partition.number, CARD)
    assert fields["version"] == shown(home.delivery.sent, "sync.aliases.v1")[-1]["version"]
    assert header(sent.headers, CE_ID) == fields["event_id"].encode()
    assert header(sent.headers, CE_TYPE) == b"ccstream.identity.v1.ProfileMerged"
    assert header(sent.headers, EPOCH) == b"7"


def test_the_trace_of_the_log_in_goes_on_to_what_is_told(town: Town) -> None:
    world = town.home(VISITOR)
    link: Event = town.link("visitor:0", ACCOUNT)
    event = type(link)(**{**_fields(link), "subject": VISITOR, "event_id": "traced"})
    world.fold(event, headers=[(TRACEPARENT, TRACE)])
    *_, sent = sent_by([world])
    assert header(sent.headers, TRACEPARENT) == TRACE


def _fields(event: Any) -> dict[str, Any]:
    return {name: getattr(event, name) for name in event.__struct_fields__}


def test_a_letter_that_is_read_twice_tells_nothing_more(town: Town, ear: Ear) -> None:
    event = town.link(CARD, ACCOUNT)
    ear.records()
    known = town.home(CARD).state("links", CARD)
    for _ in range(2):
        town.tell(event, Assigned(CARD, ACCOUNT, known.by_facts, known.coordinator))
    assert ear.records() == []


def test_whose_root_changes_twice_by_one_event_is_told_of_twice_under_two_ids(
    town: Town, ear: Ear
) -> None:
    event = town.link(CARD, ACCOUNT)
    ids = [fields["event_id"] for _, fields in ear.records()]
    known = town.home(CARD).state("links", CARD)
    for more, root in ((1, CARD), (2, ACCOUNT)):
        town.tell(event, Assigned(CARD, root, known.by_facts + more, known.coordinator))
        ids += [fields["event_id"] for _, fields in ear.records()]
    assert len(ids) == len(set(ids)) == 3


def test_a_link_that_would_join_two_accounts_is_told_with_both_and_what_stood_in_its_way(
    town: Town, ear: Ear
) -> None:
    mine = town.link(CARD, ACCOUNT, reason="card_scanned")
    theirs = town.link(CARD_OF_OTHER, OTHER, at=1)
    ear.records()
    seen = town.link(CARD, CARD_OF_OTHER, at=2, reason="seen")
    (found,) = ear.found()
    assert found["subject"] == min(ACCOUNT, OTHER, CARD, CARD_OF_OTHER)
    assert found["link"] == {
        "event_id": seen.event_id,
        "occurred_at": NOW + 2,
        "one": CARD,
        "other": CARD_OF_OTHER,
        "strength": "observed",
    }
    assert (found["one_root"], found["other_root"]) == (ACCOUNT, OTHER)
    ways = {(link["event_id"], link["strength"]) for link in found["in_the_way"]}
    assert ways == {(mine.event_id, "asserted"), (theirs.event_id, "verified")}
    assert found["kept_apart_by"] is None
    assert (found["cause"]["event_id"], found["reason"]) == (seen.event_id, "seen")


def test_a_link_of_what_is_kept_apart_is_told_with_the_event_that_keeps_it_so(
    town: Town, ear: Ear
) -> None:
    never = town.unlink(CARD, PHONE, never_again=True)
    told = town.link(CARD, ADDRESS, at=1, reason="told")
    ear.records()
    passed_over = town.link(ADDRESS, PHONE, at=2, reason="seen")
    (found,) = ear.found()
    assert found["link"]["event_id"] == passed_over.event_id
    assert (found["one_root"], found["other_root"]) == (ADDRESS, PHONE)
    assert [link["event_id"] for link in found["in_the_way"]] == [told.event_id]
    assert found["kept_apart_by"] == never.event_id


def test_a_conflict_is_found_once_and_not_at_each_fact_that_is_learned(
    town: Town, ear: Ear
) -> None:
    town.link(CARD, ACCOUNT, reason="card_scanned")
    second = town.link(CARD, OTHER, at=5, reason="card_scanned")
    assert ear.conflicts() == [(second.event_id, ACCOUNT, OTHER)]
    town.link(CARD, OTHER, at=6, reason="card_scanned")
    town.link(CARD, ADDRESS, at=7, reason="told")
    town.link(PHONE, OTHER, at=8)
    assert ear.conflicts() == []


def test_a_conflict_that_was_found_elsewhere_is_not_found_again_by_who_gathers_its_facts(
    town: Town, ear: Ear
) -> None:
    town.link(CARD, OTHER, reason="card_scanned")
    town.link(CARD, ADDRESS, at=1, reason="told")
    apart = town.unlink(CARD, PHONE, at=2, never_again=True)
    town.link(ADDRESS, PHONE, at=3, reason="told")
    (first,) = ear.found()
    smaller = key_at(1, "customer")
    assert smaller < first["subject"]
    town.link(PHONE, smaller, at=4)
    found = ear.found()
    assert [(one["one_root"], one["other_root"]) for one in found] == [(OTHER, smaller)]
    assert found[0]["kept_apart_by"] in {None, apart.event_id}
    assert found[0]["subject"] == smaller
    town.link(PHONE, key_at(2, "app"), at=5)
    assert ear.conflicts() == []


def test_a_conflict_is_found_again_if_the_link_had_counted_in_between(town: Town, ear: Ear) -> None:
    town.link(CARD, ACCOUNT, reason="card_scanned")
    second = town.link(CARD, OTHER, at=5, reason="card_scanned")
    (first,) = ear.found()
    town.unlink(CARD, ACCOUNT, at=6)
    assert ear.conflicts() == []
    assert town.root(CARD) == OTHER
    town.link(CARD, ACCOUNT, at=7)
    (again,) = ear.found()
    assert again["link"]["event_id"] == first["link"]["event_id"] == second.event_id
    assert again["event_id"] != first["event_id"]


def test_a_conflict_is_found_again_if_it_would_join_others_than_before(
    town: Town, ear: Ear
) -> None:
    third = key_at(1, "customer")
    town.link(CARD, ACCOUNT, reason="card_scanned")
    town.link(CARD_OF_OTHER, OTHER)
    seen = town.link(CARD, CARD_OF_OTHER, at=2, reason="seen")
    assert ear.conflicts() == [(seen.event_id, ACCOUNT, OTHER)]
    surer = town.link(CARD, third, at=3)
    found = set(ear.conflicts())
    assert (seen.event_id, third, OTHER) in found
    assert {one[0] for one in found} - {surer.event_id} >= {seen.event_id}


def _found(town: Town) -> Sent:
    town.link(CARD, ACCOUNT, reason="card_scanned")
    town.link(CARD, OTHER, at=5, reason="card_scanned")
    town.deliver()
    (found,) = (
        one for one in sent_by(town.worlds) if b"Conflict" in (header(one.headers, CE_TYPE) or b"")
    )
    return found


def test_a_conflict_whose_links_do_not_fit_into_a_record_is_told_without_them() -> None:
    whole = _found(Town())
    assert len(CODEC.decode(whole.value)[1]["in_the_way"]) == 1
    small = Town()
    for world in small.worlds:
        world.folder._outlet._bytes_max = len(whole.value or b"") - 1
    _, fields = CODEC.decode(_found(small).value)
    assert fields["in_the_way"] == []
    assert (fields["one_root"], fields["other_root"]) == (ACCOUNT, OTHER)
