"""Rows whose letters were rejected are handed over once their cause is gone and somebody asks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from msgspec.structs import replace
from structlog.testing import capture_logs

from ccstream.domain import reasons
from ccstream.domain.events import Event, IdentifiersLinked, IdentifierUnlinked
from ccstream.domain.forest import Link, Unlink
from ccstream.domain.limits import GATHERED_FACTS_MAX, LINKS_MAX
from ccstream.domain.links import Forget, Gathered, Told
from ccstream.domain.window import WindowLimits
from ccstream.engine.aggregates import Plan
from ccstream.engine.fold import Folder
from ccstream.engine.outlet import Outlet
from ccstream.engine.rejection_log import RejectionLog
from ccstream.errors import UndecodableError
from ccstream.ops.letters_again import asked_again
from ccstream.ops.letters_searched import is_refused_link, is_unled
from ccstream.wire.catalogue import TABLES
from ccstream.wire.entry import Entry
from ccstream.wire.link_rows import post_row
from ccstream.wire.mail import (
    GIVE_BACK,
    HAND_BACK,
    HAND_OVER,
    HAND_OVER_AGAIN,
    HOPS_MAX,
    LINK,
    Mail,
    decode_mail,
    encode_mail,
)
from ccstream.wire.rejected import Rejected
from ccstream.wire.rows import ROW_CODECS
from tests.engine.test_erasing import add, meta
from tests.engine.test_erasing_links import CARD as HOME_CARD
from tests.engine.test_erasing_links import LinkedTown, erase, link
from tests.engine.test_linking import (
    ACCOUNT,
    ADDRESS,
    CARD,
    MAIL,
    OTHER,
    RULES,
    Town,
    key_at,
    touched,
)
from tests.engine.world import CHANNELS, CODEC, INPUTS, NOW, PLANS, World

TABLET = key_at(1, "visitor")


def plans_without(table: str) -> Mapping[type[Event], Plan]:
    """Of a worker that does not know this table yet."""
    return {
        event: tuple(one for one in plan if one.table != table) for event, plan in PLANS.items()
    }


def folder_of(
    world: World,
    plans: Mapping[type[Event], Plan],
    *,
    sends_mail: bool = True,
    bytes_max: int = 1_000_000,
    told: RejectionLog | None = None,
) -> Folder:
    """What folds for a world by other plans than today's."""
    return Folder(
        decode=CODEC.decode_event,
        topics=INPUTS,
        channels=CHANNELS,
        plans=plans,
        outlet=Outlet(world.delivery, "app", bytes_max, sends_mail=sends_mail, told=told),
        window_limits=WindowLimits(),
        append_time=True,
        identifiers=RULES,
    )


class UpgradedTown(Town):
    """Some of its workers are of an earlier version for a while."""

    def __init__(self, *outdated: str, without: str = "interactions") -> None:
        super().__init__()
        self.mail_log: dict[int, list[bytes]] = {}
        self.tired = ""
        self._upgraded = [world.folder for world in self.worlds]
        self.downgrade(*outdated, without=without)

    def fold_letter(self, home: int, key: str, value: bytes) -> None:
        mail = decode_mail(value)
        if self.tired and (mail.kind, mail.table) == (HAND_OVER, "interactions"):
            mail, self.tired = replace(mail, hops=HOPS_MAX, to=self.tired), ""
            home, key, value = self.worlds.index(self.home(mail.to)), mail.to, encode_mail(mail)
        self.mail_log.setdefault(home, []).append(value)
        super().fold_letter(home, key, value)

    def downgrade(self, *keys: str, without: str = "interactions") -> None:
        for world in map(self.home, keys):
            world.folder = folder_of(world, plans_without(without))

    def upgrade(self) -> None:
        for world, folder in zip(self.worlds, self._upgraded, strict=True):
            world.folder = folder

    def dead(self) -> list[tuple[int, Rejected]]:
        return [(at, one) for at, world in enumerate(self.worlds) for one in world.rejected]

    def asked(self, at: int, rejected: Rejected) -> Mail:
        assert rejected.mail_offset is not None
        mail = decode_mail(self.mail_log[at][rejected.mail_offset])
        return asked_again(mail, CODEC.decode_event(mail.value), "3@17")

    def retry(self) -> list[str]:
        """Ask again for all that was rejected; the kinds of letters that do so."""
        asked = [self.asked(*one) for one in self.dead()]
        for mail in asked:
            home = self.worlds.index(self.home(mail.to))
            self.fold_letter(home, mail.to, encode_mail(mail))
        return [mail.kind for mail in asked]

    def states(self) -> dict[tuple[str, str], Any]:
        """All rows, but for what tells which letters there were."""
        return {
            (name, key): world.state(name, key)
            for world in self.worlds
            for name in TABLES
            if name != "windows"
            for key in world.partition.tables[name].keys()  # noqa: SIM118
        }


@pytest.mark.parametrize("giver", [CARD, TABLET])
def test_a_row_that_a_worker_of_an_earlier_version_refused_arrives_after_a_retry(
    giver: str,
) -> None:
    town = UpgradedTown(ACCOUNT)
    town.talk(giver, "a delivery", at=1)
    town.link(giver, ACCOUNT, at=5)
    town.deliver()
    assert town.rejected == [reasons.UNEXPECTED_RECORD]
    assert (town.talks(giver), town.talks(ACCOUNT)) == (["a delivery"], [])
    town.upgrade()
    assert town.retry() == [HAND_OVER_AGAIN]
    town.deliver()
    assert (town.talks(giver), town.talks(ACCOUNT)) == ([], ["a delivery"])
    assert town.rejected == [reasons.UNEXPECTED_RECORD], "and no more"
    before = town.states()
    for _ in range(2):
        town.retry()
        town.deliver()
    assert town.states() == before


def test_two_that_ask_at_the_same_moment_are_answered_once() -> None:
    town = UpgradedTown(ACCOUNT, without="touches")
    touch = town.add(CARD, at=1)
    town.link(CARD, ACCOUNT, at=5)
    town.deliver()
    town.upgrade()
    town.retry()
    town.retry()
    town.deliver()
    assert town.touches(ACCOUNT) == touched([touch])


def test_what_is_asked_for_again_has_nothing_of_the_row_and_one_it_is_not_is_not_sent() -> None:
    town = UpgradedTown(ACCOUNT)
    town.talk(CARD, "a-secret-of-hers", at=1)
    town.link(CARD, ACCOUNT, at=5)
    town.deliver()
    town.upgrade()
    ((at, rejected),) = town.dead()
    mail = town.asked(at, rejected)
    assert b"a-secret-of-hers" not in encode_mail(mail)
    other = replace(mail, row=b"0" * 16)
    town.fold_letter(1, other.to, encode_mail(other))
    town.deliver()
    assert town.talks(ACCOUNT) == []


@pytest.mark.parametrize("meanwhile", ["taken", "left", "another"])
def test_a_retry_that_comes_to_nothing_is_told_in_the_log_without_whose_row_it_is(
    meanwhile: str,
) -> None:
    town = UpgradedTown(ACCOUNT)
    town.talk(CARD, "a-secret-of-hers", at=1)
    town.link(CARD, ACCOUNT, at=5)
    town.deliver()
    town.upgrade()
    ((at, rejected),) = town.dead()
    mail = town.asked(at, rejected)
    if meanwhile == "taken":
        town.retry()
        town.deliver()
    elif meanwhile == "left":
        town.unlink(CARD, at=7)
        town.deliver()
        town.talk(CARD, "after", at=8)
    else:
        mail = replace(mail, row=b"0" * 16)
    home = town.home(CARD)
    home.folder = folder_of(home, PLANS, told=RejectionLog())
    with capture_logs() as lines:
        town.fold_letter(1, mail.to, encode_mail(mail))
    (line,) = lines
    whys = {"taken": "not here any more", "left": "on its own", "another": "another version"}
    assert whys[meanwhile] in line.pop("why")
    assert line == {
        "event": "row asked for again is not sent",
        "log_level": "info",
        "table": "interactions",
        "topic": rejected.topic,
        "partition": rejected.partition,
        "offset": rejected.offset,
    }


@pytest.mark.parametrize("giver", [CARD, TABLET])
def test_who_has_left_meanwhile_hands_nothing_over(giver: str) -> None:
    town = UpgradedTown(ACCOUNT)
    town.talk(giver, "before", at=1)
    town.link(giver, ACCOUNT, at=5)
    town.deliver()
    town.unlink(giver, at=7)
    town.deliver()
    town.talk(giver, "after", at=8)
    town.deliver()
    town.upgrade()
    town.retry()
    town.deliver()
    assert (town.talks(giver), town.talks(ACCOUNT)) == (["after"], [])


def test_an_order_that_was_refused_stays_with_a_card_that_is_on_its_own_again() -> None:
    town = UpgradedTown()
    town.order(ACCOUNT, "A")
    town.order(CARD, "A")
    town.link(CARD, ACCOUNT, at=5)
    town.deliver()
    assert town.rejected == [reasons.ORDER_ALREADY_PLACED]
    town.unlink(CARD, at=7)
    town.deliver()
    assert town.orders(CARD) == {"A"}
    town.retry()
    letters = [mail for world in town.worlds for _, mail in world.letters]
    town.deliver()
    assert [mail for world in town.worlds for _, mail in world.letters] == letters
    assert town.rejected == [reasons.ORDER_ALREADY_PLACED]
    town.link(CARD, ACCOUNT, at=9)
    town.deliver()
    assert town.rejected == [reasons.ORDER_ALREADY_PLACED] * 2
    (first, _) = town.dead()
    town.fold_letter(1, CARD, encode_mail(town.asked(*first)))
    town.deliver()
    assert town.rejected == [reasons.ORDER_ALREADY_PLACED] * 3, "as long as its cause is there"


def test_who_is_with_somebody_else_by_now_hands_its_row_over_to_them() -> None:
    town = UpgradedTown(ACCOUNT)
    town.talk(CARD, "a delivery", at=1)
    town.link(CARD, ACCOUNT, at=5, reason="card_scanned")
    town.deliver()
    town.link(CARD, OTHER, at=7, reason="log_in")
    town.deliver()
    assert (town.root(CARD), town.talks(OTHER)) == (OTHER, [])
    town.upgrade()
    town.retry()
    town.deliver()
    assert (town.talks(CARD), town.talks(ACCOUNT), town.talks(OTHER)) == ([], [], ["a delivery"])
    town.unlink(CARD, at=9)
    town.deliver()
    assert (town.talks(CARD), town.talks(OTHER)) == (["a delivery"], []), "it is the card's"


@pytest.mark.parametrize("giver", [CARD, TABLET])
def test_a_row_of_a_later_time_is_not_handed_over_by_the_letter_of_an_earlier_one(
    giver: str,
) -> None:
    town = UpgradedTown(ACCOUNT, without="touches")
    town.add(giver, at=1)
    town.link(giver, ACCOUNT, at=5)
    town.deliver()
    town.unlink(giver, at=7)
    town.deliver()
    town.upgrade()
    touch = town.add(giver, at=8)
    town.link(giver, ACCOUNT, at=9)
    while town.root(giver) != ACCOUNT:
        town.deliver(1)
    assert town.touches(giver) == touched([touch])
    town.retry()  # while the letter of the second link is on its way
    town.deliver()
    assert (town.touches(giver), town.touches(ACCOUNT)) == (None, touched([touch]))


def test_a_row_that_was_sent_on_too_often_goes_on_its_way_again() -> None:
    town = UpgradedTown()
    town.talk(CARD, "a delivery", at=1)
    town.link(ADDRESS, ACCOUNT, at=2)
    town.deliver()
    town.link(CARD, ADDRESS, at=5)
    town.tired = ADDRESS  # as if roots had been absorbed again and again while it was on its way
    town.deliver()
    assert town.rejected == [reasons.TOO_MANY_HOPS]
    assert town.talks(ACCOUNT) == []
    town.retry()
    town.deliver()
    assert (town.talks(CARD), town.talks(ACCOUNT)) == ([], ["a delivery"])


def test_an_application_that_is_rebuilt_sends_no_letter_on_as_the_one_before_has_done_so() -> None:
    town = UpgradedTown(ACCOUNT)
    town.talk(CARD, "a delivery", at=1)
    town.link(CARD, ACCOUNT, at=5)
    town.deliver()
    town.upgrade()
    home = town.home(CARD)
    home.folder = folder_of(home, PLANS, sends_mail=False)
    (asked,) = (town.asked(*one) for one in town.dead())
    given = replace(asked, kind=HAND_OVER, row=None)
    for mail in (asked, given, replace(given, kind=GIVE_BACK)):
        before = len(home.letters)
        town.fold_letter(1, CARD, encode_mail(mail))
        assert len(home.letters) == before, mail.kind


def test_who_was_erased_meanwhile_hands_nothing_over() -> None:
    town = LinkedTown()
    town.hold_up(HAND_OVER)
    town.told(add("e1", subject=HOME_CARD), link("e3", HOME_CARD, at=1))
    (mail,) = (one for one in town.held_up if one.table == "carts")
    asked = asked_again(mail, CODEC.decode_event(mail.value), "3@17")
    town.held_up.clear()
    town.told(erase("e4", HOME_CARD), at=20)
    assert town.rows_of(HOME_CARD) == []
    town.fold_bytes(asked.to.encode(), encode_mail(asked), topic=MAIL)
    town.deliver()
    assert town.rows_of(HOME_CARD) == town.rows_of(mail.to) == []
    assert all(one.kind != HAND_OVER for _, one in town.letters[town._delivered :])


def test_what_could_not_come_back_stays_with_who_gave_it_until_it_is_asked_for() -> None:
    town = UpgradedTown()
    town.talk(CARD, "the card's", at=1)
    town.talk(ACCOUNT, "the account's", at=2)
    town.link(CARD, ACCOUNT, at=5)
    town.deliver()
    town.downgrade(CARD)
    town.unlink(CARD, at=7)
    town.deliver()
    assert town.rejected == [reasons.UNEXPECTED_RECORD]
    assert town.talks(ACCOUNT) == ["the card's", "the account's"], "rather than lost"
    town.upgrade()
    assert town.retry() == [GIVE_BACK]
    town.deliver()
    assert (town.talks(CARD), town.talks(ACCOUNT)) == (["the card's"], ["the account's"])
    before = town.states()
    for _ in range(2):
        town.retry()
        town.deliver()
    assert town.states() == before
    town.link(CARD, ACCOUNT, at=9)
    town.deliver()
    town.retry()  # all of the card's goes by way of it, and is the account's again
    town.retry()
    town.deliver()
    assert (town.talks(CARD), town.talks(ACCOUNT)) == ([], ["the card's", "the account's"])


def test_a_retry_of_what_did_not_come_back_is_told_in_the_log_if_there_is_nothing_to_give() -> None:
    town = UpgradedTown()
    town.talk(CARD, "a-secret-of-hers", at=1)
    town.link(CARD, ACCOUNT, at=5)
    town.deliver()
    home = town.home(ACCOUNT)
    town.downgrade(CARD)
    home.folder = folder_of(home, PLANS, told=RejectionLog())
    with capture_logs() as lines:
        town.unlink(CARD, at=7)
        town.deliver()
        town.talk(CARD, "after", at=8)
        ((at, rejected),) = town.dead()
        town.upgrade()
        home.folder = folder_of(home, PLANS, told=RejectionLog())
        town.retry()
        town.deliver()
    assert lines == [], "there was something to give, and who asked first is no retry"
    with capture_logs() as lines:
        town.retry()
        town.deliver()
    assert lines == [
        {
            "event": "row asked for again is not sent",
            "log_level": "info",
            "why": "nothing that came by that key is here any more",
            "topic": rejected.topic,
            "partition": rejected.partition,
            "offset": rejected.offset,
        }
    ]
    with capture_logs() as lines:
        mail = replace(town.asked(at, rejected), mail_id="channel.web.events.v1/1/2/0/loyalty:1/9")
        town.fold_letter(town.worlds.index(home), mail.to, encode_mail(mail))
    assert lines == [], "an unlink that finds nothing is nobody's retry"


def test_a_row_that_can_neither_come_nor_go_back_is_lost_and_not_asked_for() -> None:
    town = UpgradedTown()
    town.talk(CARD, "the card's", at=1)
    town.link(CARD, ACCOUNT, at=5)
    town.deliver()
    town.downgrade(CARD, ACCOUNT)
    letter = Mail(
        mail_id="channel.web.events.v1/1/2/0/given",
        hops=1,
        to=CARD,
        kind=HAND_BACK,
        origin_topic="channel.web.events.v1",
        origin_partition=1,
        origin_offset=2,
        origin_appended_at=1,
        value=CODEC.encode_event(IdentifierUnlinked(**meta("u", 7, CARD))),
        table="interactions",
        key=CARD,
        row=b"",
        holder=ACCOUNT,
    )
    town.fold_letter(1, CARD, encode_mail(letter))
    town.deliver()
    kept = [one.mail_offset is not None for _, one in town.dead()]
    assert kept == [False, True], "of the account, where it went back to, and of the card"


def test_a_letter_about_a_link_that_nothing_leads_to_is_not_mistaken_for_the_event() -> None:
    event: Event = IdentifiersLinked(**meta("in", 1, CARD), identifiers=(ACCOUNT,))
    rejected = Rejected(
        reason=reasons.UNEXPECTED_RECORD,
        detail="",
        topic="channel.web.events.v1",
        partition=1,
        offset=2,
        appended_at=1,
        rejected_at=1,
        to=ACCOUNT,
    )
    assert is_unled(rejected, event)
    assert not is_unled(replace(rejected, to=CARD), event)
    assert not is_unled(replace(rejected, to=None), event)
    assert not is_unled(replace(rejected, mail_offset=0), event)
    assert not is_unled(rejected, add("e", subject=CARD))
    refused = replace(rejected, reason=reasons.TOO_MANY_LINKS)
    assert is_refused_link(refused, event)
    assert not is_unled(refused, event)
    assert not is_refused_link(rejected, event)
    assert not is_refused_link(replace(refused, to=CARD), event), "its subject has refused it"


def test_a_letter_about_a_link_that_did_not_fit_is_read_once_more() -> None:
    town = UpgradedTown()
    home = town.home(ACCOUNT)
    home.folder = folder_of(home, PLANS, bytes_max=40)
    town.talk(CARD, "a delivery", at=1)
    town.link(CARD, ACCOUNT, at=5)
    town.deliver()
    assert set(town.rejected) == {reasons.TOO_BIG}
    assert (town.root(CARD), town.talks(ACCOUNT)) == (CARD, [])
    town.upgrade()
    assert set(town.retry()) == {LINK}
    town.deliver()
    assert (town.root(CARD), town.talks(ACCOUNT)) == (ACCOUNT, ["a delivery"])
    before = town.states()
    town.retry()
    town.deliver()
    assert town.states() == before


def test_links_of_a_profile_that_another_had_no_room_for_are_read_once_there_is() -> None:
    town = UpgradedTown()
    event = town.link(CARD, ACCOUNT, at=5)
    town.deliver()
    unlinks = {Unlink(f"u{n}", NOW + n, ADDRESS, None) for n in range(1, GATHERED_FACTS_MAX)}
    facts = {*unlinks, Link("in", NOW + 9_000, ADDRESS, ACCOUNT, "verified")}
    letter = Mail(
        mail_id="channel.web.events.v1/1/2/0/gathered/0",
        hops=1,
        to=ACCOUNT,
        kind=LINK,
        origin_topic="channel.web.events.v1",
        origin_partition=1,
        origin_offset=2,
        origin_appended_at=1,
        value=CODEC.encode_event(event),
        table="links",
        key="gathered",
        row=ROW_CODECS["links"].encode_row(
            Entry(post_row(Gathered(ACCOUNT, frozenset(facts))), 0),
        ),
    )
    town.fold_letter(0, ACCOUNT, encode_mail(letter))
    town.deliver()
    assert town.rejected == [reasons.TOO_MANY_LINKS]
    ((_, rejected),) = town.dead()
    assert not is_refused_link(rejected, event), "nobody can publish all of these again"
    assert town.retry() == [LINK]
    town.deliver()
    assert town.rejected == [reasons.TOO_MANY_LINKS] * 2, "as long as there is none"
    assert town.root(ADDRESS) == ADDRESS
    town.tell(event, Forget(ACCOUNT, CARD, NOW + 9_000))
    town.deliver()
    town.fold_letter(0, ACCOUNT, encode_mail(town.asked(0, rejected)))
    town.deliver()
    assert (town.rejected, town.root(ADDRESS)) == ([reasons.TOO_MANY_LINKS] * 2, ACCOUNT)


def test_a_link_that_is_refused_where_it_is_its_subjects_own_leads_to_its_letter() -> None:
    town = UpgradedTown()
    event = town.link(CARD, ACCOUNT, at=5)
    links = {Link(f"l{n}", NOW + n, CARD, f"loyalty:n{n}", "observed") for n in range(LINKS_MAX)}
    town.tell(event, Gathered(CARD, frozenset(links)))
    town.tell(event, Told(CARD, Link("more", NOW, CARD, "loyalty:more", "observed")))
    (rejected,) = town.home(CARD).rejected
    assert (rejected.reason, rejected.to) == (reasons.TOO_MANY_LINKS, event.subject)
    assert rejected.mail_offset is not None, "or it would be taken for the event, sent on"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"row": None}, "no row that its holder keeps"),
        ({"table": "windows"}, "no row that its holder keeps"),
        ({"table": "plans"}, "an upgrade is needed"),
        ({"row": b"junk"}, "cannot be read"),
    ],
)
def test_a_letter_of_which_no_row_can_be_asked_for_is_refused_with_the_reason(
    changes: dict[str, Any], why: str
) -> None:
    town = UpgradedTown(ACCOUNT)
    town.talk(CARD, "a delivery", at=1)
    town.link(CARD, ACCOUNT, at=5)
    town.deliver()
    ((at, rejected),) = town.dead()
    assert rejected.mail_offset is not None
    mail = replace(decode_mail(town.mail_log[at][rejected.mail_offset]), **changes)
    with pytest.raises(UndecodableError, match=why):
        asked_again(mail, CODEC.decode_event(mail.value), "3@17")
