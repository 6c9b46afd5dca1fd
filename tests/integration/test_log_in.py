"""A basket begun anonymously, from the shop to the app and the till, and away from the tablet."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from msgspec.structs import replace

from ccstream.cli import main
from ccstream.client import (
    CartItemAdded,
    ChannelPublisher,
    IdentifiersLinked,
    IdentifierUnlinked,
    IdentityConflictFound,
    ProductViewed,
    ProfileMerged,
    ProfileSplit,
    SyncSubscriber,
    SyncView,
)
from ccstream.devkit.embedded import EmbeddedKafka
from ccstream.domain.events import Event
from ccstream.ops.settings import Settings
from ccstream.wire.catalogue import SYNC_TOPICS, input_topic
from tests.integration.harness import added, codec, make_topics, settings_for, units, worker
from tests.integration.pipeline import Pipeline, decoded, new_subject, of_event, of_key
from tests.support.produce import Sent
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(180)

WAIT_S = 30.0
each_broker = pytest.mark.parametrize(
    "pipeline",
    ["embedded", pytest.param("real", marks=pytest.mark.long)],
    indirect=True,
    scope="module",
)


def sent(event: Event, **more: Any) -> Sent:
    return Sent(input_topic(event.channel), event.subject, codec.encode_event(event), **more)


def word(cls: type[Any], subject: str, **fields: Any) -> Any:
    common = {"event_id": str(uuid.uuid4()), "occurred_at": int(time.time() * 1000)}
    return cls(**common, channel="web", source="web-1", subject=subject, **fields)


def basket(view: SyncView, key: str) -> dict[str, int]:
    cart = view.cart(key)
    return {} if cart is None else {line.sku: line.quantity for line in cart.lines}


async def shows(view: SyncView, key: str, wanted: dict[str, int]) -> None:
    await view.until(key, lambda v: basket(v, key) == wanted, timeout_s=WAIT_S)


@each_broker
async def test_what_was_put_in_on_the_web_is_in_the_app_and_at_the_till_once_they_know_who_it_is(
    pipeline: Pipeline,
) -> None:
    bootstrap = pipeline.settings.kafka.bootstrap
    # three partitions, each with its own owner's clock
    visitor, account = new_subject(0, "visitor"), new_subject(1)
    card = new_subject(2, "loyalty")
    async with (
        SyncView(bootstrap=bootstrap) as view,
        ChannelPublisher(bootstrap=bootstrap, channel="web", source="shop-1", view=view) as web,
        ChannelPublisher(bootstrap=bootstrap, channel="app", source="phone", view=view) as app,
        ChannelPublisher(bootstrap=bootstrap, channel="store", source="till-3", view=view) as till,
    ):
        await app.publish(app.event(CartItemAdded, account, sku="cup", quantity=1))
        await web.publish(web.event(ProductViewed, visitor, sku="tea"))
        await web.publish(web.event(CartItemAdded, visitor, sku="tea", quantity=2))
        await shows(view, visitor, {"tea": 2})
        await shows(view, account, {"cup": 1})

        await web.publish(web.event(IdentifiersLinked, visitor, identifiers=(account,)))
        await shows(view, account, {"cup": 1, "tea": 2})
        await shows(view, visitor, {"cup": 1, "tea": 2})
        assert view.account(visitor) == account
        first = view.last_touch(account)
        assert first is not None and first.by_channel

        scanned = till.event(IdentifiersLinked, card, identifiers=(account,), reason="card_scanned")
        await till.publish(scanned)
        await shows(view, card, {"cup": 1, "tea": 2})
        await till.publish(till.event(CartItemAdded, card, sku="hat", quantity=1))
        for key in (visitor, account, card):
            await shows(view, key, {"cup": 1, "tea": 2, "hat": 1})

        await web.publish(web.event(IdentifierUnlinked, visitor))
        await shows(view, visitor, {})
        assert view.account(visitor) is None
        await web.publish(web.event(CartItemAdded, visitor, sku="sock", quantity=1))
        await shows(view, visitor, {"sock": 1})
        assert basket(view, account) == {"cup": 1, "tea": 2, "hat": 1}


@each_broker
def test_a_screen_of_the_visitor_s_is_never_empty_before_the_account_has_the_basket(
    pipeline: Pipeline,
) -> None:
    visitor, account = new_subject(2, "visitor"), new_subject(3)
    link = word(IdentifiersLinked, visitor, identifiers=(account,))
    pipeline.put(sent(added(1, visitor)), sent(link), sent(added(2, visitor)))
    carts = pipeline.tail(SYNC_TOPICS["carts"])
    gone = carts.until(lambda m: of_key(visitor)(m) and m.value() is None)
    theirs = [decoded(m) for m in carts.first(2, of_key(account))]
    assert [row["cause"]["outcome"] for row in theirs] == ["merged", "applied"]
    assert [units({account: row})[account] for row in theirs] == [1, 2]
    has_taken = carts.until(of_key(account))
    assert gone.timestamp()[1] >= has_taken.timestamp()[1]
    (alias,) = [decoded(pipeline.tail(SYNC_TOPICS["aliases"]).until(of_event(link.event_id)))]
    assert (alias["root"], alias["cause"]["outcome"]) == (account, "applied")


@each_broker
async def test_a_log_in_a_log_out_and_a_card_of_two_accounts_are_heard_of_as_facts(
    pipeline: Pipeline,
) -> None:
    visitor, card = new_subject(2, "visitor"), new_subject(1, "loyalty")
    account, other = new_subject(0), new_subject(3)
    log_in = word(IdentifiersLinked, visitor, identifiers=(account,))
    log_out = replace(word(IdentifierUnlinked, visitor), occurred_at=log_in.occurred_at + 1)
    surer = word(IdentifiersLinked, card, identifiers=(account,), reason="log_in")
    scanned = word(IdentifiersLinked, card, identifiers=(other,), reason="card_scanned")
    about: dict[str, list[Any]] = {visitor: [], card: [], "conflicts": []}
    async with SyncSubscriber(["identity"], settings=pipeline.settings, live=False) as facts:
        pipeline.put(sent(log_in), sent(log_out), sent(surer))
        async with asyncio.timeout(WAIT_S):
            async for change in facts:
                record: Any = change.record  # type: ignore[union-attr]
                if isinstance(record, IdentityConflictFound):
                    if record.cause.event_id != scanned.event_id:
                        continue
                    about["conflicts"].append(record)
                    break
                if record.subject not in about:
                    continue  # of a test before this one, and committed only now
                about[record.subject].append(record)
                if (len(about[visitor]), len(about[card])) == (2, 1):
                    pipeline.put(sent(scanned))
    merged, split = about[visitor]
    assert isinstance(merged, ProfileMerged) and isinstance(split, ProfileSplit)
    assert (merged.root, merged.former_root, merged.rule) == (account, None, "log_in")
    assert (split.root, split.former_root, split.rule) == (visitor, account, "log_out")
    causes = [one.cause.event_id for one in (merged, split, about[card][0])]
    assert causes == [log_in.event_id, log_out.event_id, surer.event_id]
    assert (about[card][0].root, about[card][0].rule) == (account, "links")
    (conflict,) = about["conflicts"]
    assert conflict.link.event_id == conflict.cause.event_id == scanned.event_id
    assert {conflict.one_root, conflict.other_root} == {account, other}
    assert [link.event_id for link in conflict.in_the_way] == [surer.event_id]


@pytest.fixture
def embedded(unique: str) -> Iterator[Settings]:
    with EmbeddedKafka() as kafka:
        made = settings_for(kafka.bootstrap, unique)
        make_topics(made)
        yield made


@pytest.mark.long
@pytest.mark.parametrize(
    ("mode", "wanted"),
    [
        ("join", {"tea": 5, "cup": 1, "pot": 1}),
        ("sum", {"tea": 5, "cup": 1, "pot": 1}),
        ("max", {"tea": 3, "cup": 1, "pot": 1}),
        ("keep_saved", {"tea": 2, "cup": 1}),
        ("keep_guest", {"tea": 3, "pot": 1}),
    ],
)
async def test_a_worker_shows_what_it_is_told_to_of_baskets_that_meet(
    embedded: Settings, mode: str, wanted: dict[str, int]
) -> None:
    bootstrap = embedded.kafka.bootstrap
    with worker(embedded, IDENTITY__CART_MERGE=mode):
        async with (
            SyncView(bootstrap=bootstrap) as view,
            ChannelPublisher(bootstrap=bootstrap, channel="web", source="shop") as web,
        ):
            for key, sku, quantity in (
                ("customer:1", "tea", 2),
                ("customer:1", "cup", 1),
                ("visitor:1", "tea", 3),
                ("visitor:1", "pot", 1),
            ):
                await web.publish(web.event(CartItemAdded, key, sku=sku, quantity=quantity))
            await web.publish(
                web.event(IdentifiersLinked, "visitor:1", identifiers=("customer:1",))
            )
            for key in ("customer:1", "visitor:1"):
                await shows(view, key, wanted)


@each_broker
async def test_a_card_and_an_address_are_one_customer_s_before_and_after_the_account_is_known(
    pipeline: Pipeline,
) -> None:
    bootstrap = pipeline.settings.kafka.bootstrap
    account, card = new_subject(0), new_subject(1, "loyalty")
    address = f"email:{secrets.token_hex(32)}"
    async with (
        SyncView(bootstrap=bootstrap) as view,
        ChannelPublisher(bootstrap=bootstrap, channel="web", source="shop-1", view=view) as web,
        ChannelPublisher(bootstrap=bootstrap, channel="store", source="till-3", view=view) as till,
    ):
        await till.publish(till.event(CartItemAdded, card, sku="hat", quantity=1))
        await web.publish(web.event(CartItemAdded, address, sku="cup", quantity=1))
        await shows(view, card, {"hat": 1})
        await shows(view, address, {"cup": 1})
        await till.publish(
            till.event(IdentifiersLinked, card, identifiers=(address,), reason="told")
        )
        for key in (card, address):
            await shows(view, key, {"cup": 1, "hat": 1})
        assert view.account(card) == address
        await web.publish(web.event(CartItemAdded, account, sku="tea", quantity=2))
        await web.publish(web.event(IdentifiersLinked, address, identifiers=(account,)))
        for key in (card, address, account):
            await shows(view, key, {"cup": 1, "hat": 1, "tea": 2})
        await till.publish(till.event(CartItemAdded, card, sku="sock", quantity=1))
        await shows(view, account, {"cup": 1, "hat": 1, "tea": 2, "sock": 1})
        await till.publish(till.event(IdentifierUnlinked, card))
        await shows(view, card, {"hat": 1, "sock": 1})  # with what it had brought
        await shows(view, account, {"cup": 1, "tea": 2})
        assert view.account(address) == account


@each_broker
async def test_a_wrong_link_is_undone_by_hand_and_what_is_kept_apart_stays_so(
    pipeline: Pipeline, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = pipeline.settings
    monkeypatch.setenv("CCSTREAM_KAFKA__CONNECT_TIMEOUT_MS", str(settings.kafka.connect_timeout_ms))
    account, card = new_subject(0), new_subject(1, "loyalty")

    def split(*arguments: str) -> tuple[int, Any]:
        where = ("--bootstrap", settings.kafka.bootstrap, "--app-id", settings.app_id, "--json")
        capsys.readouterr()
        code = main(("identity", "split", *arguments, *where))
        written = capsys.readouterr().out
        return code, json.loads(written) if written else None

    def moved(root: str) -> dict[str, str]:
        return {"key": card, "before": account, "after": root}

    async with (
        SyncView(bootstrap=settings.kafka.bootstrap) as view,
        ChannelPublisher(settings=settings, channel="store", source="till-3", view=view) as till,
    ):
        await till.publish(till.event(IdentifiersLinked, card, identifiers=(account,)))
        await view.until(card, lambda v: v.account(card) == account, timeout_s=WAIT_S)
        planned = await asyncio.to_thread(
            eventually, lambda: split(card, "--dry-run"), lambda found: found[0] == 0
        )
        assert planned[1] == {"published": None, "moves": [moved(card)]}
        code, _ = await asyncio.to_thread(split, card, "--from", new_subject(2))
        assert code == 1, "there is no such link"
        code, told = await asyncio.to_thread(split, card, "--from", account, "--never-again")
        assert code == 0 and told["published"] and told["moves"] == [moved(card)]
        await view.until(card, lambda v: v.account(card) is None, timeout_s=WAIT_S)
        again = till.event(IdentifiersLinked, card, identifiers=(account,))
        await till.publish(again)
        await till.publish(till.event(CartItemAdded, card, sku="hat", quantity=1))
        await shows(view, card, {"hat": 1})
        assert view.account(card) is None and basket(view, account) == {}
        code, told = await asyncio.to_thread(split, card, "--from", account, "--never-again")
        assert (code, told["published"]) == (1, None), "it has been said"
