"""What is held of a person's records has one bound, also where former roots are followed."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from confluent_kafka.admin import AdminClient

from ccstream.domain.events import Event, ProductViewed
from ccstream.errors import StateError
from ccstream.evidence import replay as replaying
from ccstream.evidence import trail as trails
from ccstream.evidence.replay import Replayer
from ccstream.evidence.trail import Trail, find_trail, follow
from ccstream.ops.codecs import codec_of
from ccstream.ops.settings import Settings
from ccstream.wire.catalogue import MAIL_TOPIC, TOPIC_NUMBERS
from ccstream.wire.mail import FORWARD, Mail, encode_mail
from tests.support.produce import Sent, produce

TOPIC = next(iter(TOPIC_NUMBERS))
APPEND_TIME_S = 0.02
"""So long that records before and after it have different append times."""


class Shop:
    """A card that was of ``root`` is of ``key`` now."""

    def __init__(self, bootstrap: str, unique: str) -> None:
        self.settings = Settings.load(app_id=unique, kafka__bootstrap=bootstrap)
        self.key, self.root, self.card = (
            f"customer:{unique}",
            f"customer:{unique}-before",
            f"loyalty:{unique}",
        )
        client = AdminClient({"bootstrap.servers": bootstrap})
        for topic in TOPIC_NUMBERS:
            client.list_topics(topic, timeout=10)  # the embedded broker makes it
        self._bootstrap = bootstrap
        self._codec = codec_of(self.settings)
        self._count = 0

    def view(self, subject: str) -> bytes:
        self._count += 1
        event: Event = ProductViewed(
            event_id=f"v{self._count}",
            occurred_at=1_000 + self._count,
            channel="web",
            source="site",
            subject=subject,
            sku="tea",
        )
        return self._codec.encode_event(event)

    def views(self, subject: str, count: int) -> None:
        produce(self._bootstrap, [Sent(TOPIC, subject, self.view(subject)) for _ in range(count)])
        time.sleep(APPEND_TIME_S)

    def sent_on(self, subject: str, to: str) -> None:
        letter = Mail(
            mail_id=f"m{self._count}-{subject}",
            hops=1,
            to=to,
            kind=FORWARD,
            origin_topic=TOPIC,
            origin_partition=0,
            origin_offset=self._count,
            origin_appended_at=1,
            value=self.view(subject),
        )
        produce(self._bootstrap, [Sent(MAIL_TOPIC, to, encode_mail(letter))])
        time.sleep(APPEND_TIME_S)

    def found(self) -> Trail:
        return find_trail(self.settings, self.key, None, lambda _: None, (self.card,))

    def followed(self) -> Trail:
        return follow(self.settings, self.found(), (self.root,), lambda _: None)


@pytest.fixture
def shop(embedded_kafka: str, unique: str) -> Shop:
    return Shop(embedded_kafka, unique)


def test_of_a_former_root_that_is_kept_which_came_until_the_last_about_the_card(
    shop: Shop,
) -> None:
    shop.views(shop.root, 2)
    shop.sent_on(shop.card, shop.root)
    shop.views(shop.root, 4)
    shop.sent_on("loyalty:another", shop.root)
    found = shop.followed()
    assert found.former == (shop.root,)
    assert len(found.records[shop.root]) == 3


def test_of_a_former_root_that_was_sent_nothing_of_the_card_nothing_is_kept(shop: Shop) -> None:
    shop.views(shop.root, 2)
    shop.sent_on("loyalty:another", shop.root)
    assert shop.root not in shop.followed().records


@pytest.mark.parametrize("of_the_card", [True, False])
def test_a_topic_is_read_once_for_former_roots_and_mail_alone_if_no_letter_is_about_the_card(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, *, of_the_card: bool
) -> None:
    shop.views(shop.root, 1)
    shop.sent_on(shop.card if of_the_card else "loyalty:another", shop.root)
    found, opened = shop.found(), list[str]()
    reader: Callable[..., object] = trails.TopicReader

    def noted(settings: Settings, topic: str, *more: object) -> object:
        opened.append(topic)
        return reader(settings, topic, *more)

    monkeypatch.setattr(trails, "TopicReader", noted)
    follow(shop.settings, found, (shop.root,), lambda _: None)
    assert sorted(opened) == (sorted(TOPIC_NUMBERS) if of_the_card else [MAIL_TOPIC])


def test_letters_that_are_looked_at_and_let_go_are_within_the_bound_meanwhile(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.sent_on(shop.card, shop.root)
    for _ in range(2):
        shop.sent_on("loyalty:another", shop.root)
    assert len(shop.followed().records[shop.root]) == 1
    monkeypatch.setattr(trails, "RECORDS_MAX", 3)
    assert len(shop.followed().records[shop.root]) == 1
    monkeypatch.setattr(trails, "RECORDS_MAX", 2)
    with pytest.raises(StateError, match="more than 2 records"):
        shop.followed()


def test_the_bound_of_records_is_one_for_the_person_and_their_former_roots(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.views(shop.key, 2)
    shop.views(shop.root, 2)
    shop.sent_on(shop.card, shop.root)
    monkeypatch.setattr(trails, "RECORDS_MAX", 5)
    assert sum(map(len, shop.followed().records.values())) == 5
    monkeypatch.setattr(trails, "RECORDS_MAX", 4)
    assert sum(map(len, shop.found().records.values())) == 2
    with pytest.raises(StateError, match=r"more than 4 records .* explain KEY --since"):
        shop.followed()


def test_former_roots_are_bounded_with_the_identifiers(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trails, "KEYS_MAX", 3)
    assert shop.followed().former == (shop.root,)
    monkeypatch.setattr(trails, "KEYS_MAX", 2)
    with pytest.raises(StateError, match="more than 2 identifiers and roots"):
        shop.followed()


def test_what_to_do_about_too_much_is_what_whoever_asks_can_do(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.views(shop.key, 2)
    monkeypatch.setattr(trails, "RECORDS_MAX", 1)
    with pytest.raises(StateError, match="give a later --since"):
        find_trail(shop.settings, shop.key, None, lambda _: None, (), "give a later --since")


def test_a_root_that_is_followed_is_folded_alone_by_rules_that_were_read_once(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.views(shop.key, 2)
    shop.sent_on(shop.card, shop.root)
    made, made_once = [0], replaying.make_folder
    folded: list[str] = []
    entity: Callable[..., object] = replaying._Entity

    def make(*arguments: object, **more: object) -> object:
        made[0] += 1
        return made_once(*arguments, **more)  # type: ignore[arg-type]

    def noted(workbench: object, key: str, scope: object) -> object:
        folded.append(key)
        return entity(workbench, key, scope)

    monkeypatch.setattr(replaying, "make_folder", make)
    monkeypatch.setattr(replaying, "_Entity", noted)
    replayer, all_of_it = Replayer(shop.settings, {}), shop.followed()
    told = replayer.go_on(replayer.replay(shop.found()), all_of_it, (shop.root,))
    assert folded == [shop.card, shop.key, shop.root]
    assert [one.entity for one in told.steps] == [shop.key, shop.key, shop.root]
    assert told == replayer.replay(all_of_it)
    assert made == [1]
