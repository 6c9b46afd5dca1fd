"""Who gets in, what each role may do, and what is said to those who may not."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

from ccstream.cli import main
from ccstream.client import ChannelPublisher, SyncSubscriber
from ccstream.domain.events import CartItemAdded
from ccstream.errors import AccessDeniedError, BrokerUnavailableError, DeliveryError
from ccstream.ops.acls import rights
from ccstream.ops.broker import Broker
from ccstream.ops.doctor import examine
from ccstream.ops.doctor_rights import worker_rights
from ccstream.ops.kafka_config import aiokafka_config, consumer_config, producer_config
from ccstream.ops.settings import Settings
from ccstream.ops.topics import specs_of
from ccstream.wire.catalogue import SYNC_TOPICS, changelog_topic
from tests.integration.harness import (
    PARTITIONS,
    Worker,
    make_topics,
    settings_for,
    steady,
    wait_until,
)
from tests.support.brokers import why_no_local_kafka
from tests.support.certificates import Authority
from tests.support.secured import PASSWORD, SecuredKafka, TokenEndpoint

APP = "app"
WEB_TOPIC = "channel.web.events.v1"
STORE_TOPIC = "channel.store.events.v1"
CARTS = SYNC_TOPICS["carts"]

pytestmark = [pytest.mark.timeout(180)]


@pytest.fixture(autouse=True)
def collected() -> Iterator[None]:
    """aiokafka leaves the connection of a client that was not let in to the garbage collector."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredKafka]:
    missing = why_no_local_kafka()
    if missing:
        pytest.skip(f"needs a Kafka of its own: {missing}")
    with SecuredKafka(tmp_path_factory.mktemp("secured"), ["web", "worker"]) as kafka:
        kafka.add_scram_user("worker")
        kafka.add_scram_user("app")
        settings = settings_for(kafka.node.bootstrap, APP)
        make_topics(settings)
        kafka.grant("web", rights("channel", settings, ["web"]))
        kafka.grant("worker", rights("worker", settings))
        kafka.grant("app", rights("subscriber", settings))
        kafka.grant("gateway", rights("gateway", settings))
        yield kafka


@pytest.fixture(scope="module")
def endpoint() -> Iterator[TokenEndpoint]:
    with TokenEndpoint().open() as opened:
        yield opened


@pytest.fixture(scope="module")
def users(secured: SecuredKafka, endpoint: TokenEndpoint) -> dict[str, Settings]:
    """One user of each role, each logging in another way."""
    given = {
        "web": secured.with_password("web", "PLAIN"),
        "worker": secured.with_password("worker", "SCRAM-SHA-512"),
        "app": secured.with_certificate("app", key_password=PASSWORD),
        "gateway": secured.with_token(endpoint, "gateway"),
    }
    return {
        name: Settings.load(
            app_id=APP, kafka__partitions=PARTITIONS, kafka__connect_timeout_ms=8_000, **one
        )
        for name, one in given.items()
    }


@pytest.fixture(scope="module")
def worker(users: dict[str, Settings], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A worker with the rights of one, which its supervisor restarts."""
    folder = tmp_path_factory.mktemp("worker")
    one = Worker(
        users["worker"], supervised=True, **environment(users["worker"], folder / "password")
    )
    try:
        one.wait_ready()
        yield one
    finally:
        one.stop()
        one.close()


def environment(settings: Settings, password_file: Path) -> dict[str, str]:
    """The same login for a process, its password in a file."""
    kafka = settings.kafka
    assert kafka.sasl_password is not None
    password_file.write_text(kafka.sasl_password.get_secret_value())
    return {
        "KAFKA__SECURITY_PROTOCOL": kafka.security_protocol,
        "KAFKA__SASL_MECHANISM": kafka.sasl_mechanism,
        "KAFKA__SASL_USERNAME": str(kafka.sasl_username),
        "KAFKA__SASL_PASSWORD_FILE": str(password_file),
        "KAFKA__SSL_CA_FILE": str(kafka.ssl_ca_file),
    }


async def publish_often(shop: ChannelPublisher, event: CartItemAdded) -> None:
    """Long enough for a right that was taken to be gone at the brokers."""
    for _ in range(200):
        await shop.publish(event)


def written(settings: Settings, topic: str) -> KafkaError | None:
    """What becomes of a record that this user writes."""
    told: list[KafkaError | None] = []
    producer = Producer(producer_config(settings) | {"message.timeout.ms": 10_000})
    try:
        producer.produce(topic, b"x", b"k", on_delivery=lambda error, _: told.append(error))
        producer.flush(15)
    except KafkaException as error:  # whoever may write nowhere may not even be idempotent
        return error.args[0]  # type: ignore[no-any-return]
    return told[0]


def read(settings: Settings, topic: str) -> KafkaError | None:
    """Why this user cannot read a topic."""
    consumer = Consumer(consumer_config(settings, isolation="read_committed"))
    try:
        hidden = consumer.list_topics(topic, timeout=10).topics[topic].error
        if hidden is not None:
            return hidden
        consumer.assign([TopicPartition(topic, 0, 0)])
        while True:
            message = consumer.poll(15)
            assert message is not None, "neither a record nor an error"
            error = message.error()
            if error is None or error.code() == KafkaError._PARTITION_EOF:
                return None
            if error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED:
                return error
    finally:
        consumer.close()


@pytest.mark.parametrize("user", ["web", "worker", "app", "gateway"])
async def test_password_token_and_certificate_open_the_door_to_all_three_clients(
    user: str, users: dict[str, Settings]
) -> None:
    settings = users[user]
    assert Broker(settings).cluster().brokers
    assert Producer(producer_config(settings)).list_topics(timeout=10).brokers
    aiokafka = AIOKafkaProducer(**aiokafka_config(settings))
    await aiokafka.start()
    await aiokafka.stop()


def test_each_role_may_write_and_read_what_it_needs_and_nothing_else(
    users: dict[str, Settings],
) -> None:
    kinds = {spec.kind: spec.name for spec in specs_of(users["web"])}
    others = [kinds["mail"], kinds["rejected"], kinds["owners"], changelog_topic(APP, "carts")]
    may_write = {
        "web": {WEB_TOPIC},
        "gateway": {WEB_TOPIC, STORE_TOPIC},
        "app": set(),
        "worker": {CARTS, *others},
    }
    may_read = {
        "web": set(),
        "gateway": {CARTS, kinds["owners"]},
        "app": {CARTS},
        "worker": {WEB_TOPIC, STORE_TOPIC, CARTS, *others},
    }
    denied = {KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.CLUSTER_AUTHORIZATION_FAILED}
    for user, settings in users.items():
        for topic in (WEB_TOPIC, STORE_TOPIC, CARTS, *others):
            error = read(settings, topic)
            assert (error is None) == (topic in may_read[user]), (user, topic, error)
            if topic in may_write[user]:
                continue  # what workers and channels write is shown below, with records that fit
            refused = written(settings, topic)
            assert refused is not None, (user, topic)
            assert refused.code() in denied, (user, topic, refused)


async def test_an_event_goes_through_with_every_role_at_its_work(
    users: dict[str, Settings], worker: Worker, unique: str
) -> None:
    async with SyncSubscriber(["carts"], settings=users["app"], live=False) as subscriber:
        async with ChannelPublisher(channel="web", source="s", settings=users["web"]) as web:
            event = web.event(CartItemAdded, f"customer:{unique}", sku="mug", quantity=2)
            await web.publish(event)
        async with ChannelPublisher(channel="app", source="g", settings=users["gateway"]) as by:
            await by.publish(by.event(CartItemAdded, f"customer:{unique}", sku="cup", quantity=1))
        seen: set[str] = set()
        async for change in subscriber:
            if change.subject == f"customer:{unique}":
                seen |= {line.sku for line in change.record.lines}  # type: ignore[union-attr]
            if seen == {"mug", "cup"}:
                break


async def test_a_web_shop_that_publishes_for_a_store_is_refused_and_told_why(
    users: dict[str, Settings],
) -> None:
    sentence = r"channel\.store\.events\.v1 cannot be written: .*lacks a right on the topic: .*acls"
    with pytest.raises(AccessDeniedError, match=sentence):
        async with ChannelPublisher(channel="store", source="s", settings=users["web"]):
            pass


async def test_a_right_that_is_taken_while_a_shop_publishes_is_told_with_the_event(
    secured: SecuredKafka, users: dict[str, Settings], unique: str
) -> None:
    secured.grant("web", rights("channel", users["web"], ["social"]))
    async with ChannelPublisher(channel="social", source="s", settings=users["web"]) as shop:
        added = shop.event(CartItemAdded, f"customer:{unique}", sku="mug", quantity=1)
        await shop.publish(added)
        secured.revoke("web", "channel.social.events.v1")
        with pytest.raises(DeliveryError, match=r"not store the event: .*lacks a right"):
            await publish_often(shop, added)


async def test_whoever_may_not_read_is_told_at_once(users: dict[str, Settings]) -> None:
    with pytest.raises(AccessDeniedError, match=r"sync\.carts\.v1 cannot be read: .*acls"):
        async with SyncSubscriber(["carts"], settings=users["web"]):
            pass


def denial(given: dict[str, Any]) -> str:
    """What is said at the door; a broker that is busy, or has just begun, says it later."""
    for connect_timeout_ms in (1_500, 5_000, 20_000):
        settings = Settings.load(kafka__connect_timeout_ms=connect_timeout_ms, **given)
        try:
            Broker(settings).cluster()
        except AccessDeniedError as no:
            return str(no)
        except BrokerUnavailableError:
            continue
        break
    pytest.fail("it was not denied")


def test_a_wrong_password_is_told_as_one(secured: SecuredKafka) -> None:
    for mechanism in ("PLAIN", "SCRAM-SHA-512"):
        given = secured.with_password("worker", mechanism, "wrong-guess")
        sentence = denial(given)
        assert "do not take this client's login" in sentence
        assert "wrong-guess" not in sentence


def test_a_token_that_is_not_to_be_had_is_told_as_that(
    secured: SecuredKafka, endpoint: TokenEndpoint
) -> None:
    given = secured.with_token(endpoint, "gateway") | {"kafka__oauth_client_secret": "wrong-guess"}
    sentence = denial(given)
    assert "it answers 401" in sentence
    assert "wrong-guess" not in sentence


def test_a_token_is_renewed_before_it_ends_without_anybody_asking(secured: SecuredKafka) -> None:
    with TokenEndpoint(lifetime_s=3).open() as short:
        settings = Settings.load(**secured.with_token(short, "gateway"))
        producer = Producer(producer_config(settings))
        assert producer.list_topics(timeout=10).brokers
        wait_until(lambda: short.given >= 2, 10)


def test_brokers_with_a_certificate_of_another_authority_are_not_believed(
    secured: SecuredKafka, tmp_path: Path
) -> None:
    other = Authority(tmp_path, "other")
    given = secured.with_password("worker") | {"kafka__ssl_ca_file": str(other.file)}
    assert "kafka.ssl_ca_file must hold the authority" in denial(given)


def test_a_client_with_a_certificate_of_another_authority_is_not_let_in(
    secured: SecuredKafka, tmp_path: Path
) -> None:
    given = secured.with_certificate("app", Authority(tmp_path, "other"))
    assert "one that the brokers trust" in denial(given)


def test_a_topic_that_a_user_may_not_see_is_not_told_as_one_that_is_missing(
    users: dict[str, Settings],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in environment(users["web"], tmp_path / "password").items():
        monkeypatch.setenv(f"CCSTREAM_{name}", value)
    command = ["tail", "--bootstrap", users["web"].kafka.bootstrap]
    assert main([*command, CARTS]) == 10
    assert "or this user may not see it" in capsys.readouterr().err
    assert main([*command, WEB_TOPIC, "--from", "0x"]) == 2  # it is there, and may be seen


def test_a_certificate_that_has_ended_is_not_let_in(secured: SecuredKafka) -> None:
    ended = secured.authority.sign("late", lasts=timedelta(hours=-1))
    given = secured.with_certificate("app") | {
        "kafka__ssl_certificate_file": str(ended.certificate),
        "kafka__ssl_key_file": str(ended.key),
    }
    assert "has not ended" in denial(given)


@pytest.mark.parametrize("topic", [CARTS, pytest.param(WEB_TOPIC, marks=pytest.mark.long)])
async def test_a_worker_whose_right_is_taken_says_so_and_goes_on_where_it_was_once_it_is_back(
    topic: str, secured: SecuredKafka, users: dict[str, Settings], worker: Worker, unique: str
) -> None:
    subject = f"customer:{unique}"
    async with (
        ChannelPublisher(channel="web", source="s", settings=users["web"]) as web,
        SyncSubscriber(["carts"], settings=users["app"], live=False) as subscriber,
    ):
        await web.publish(web.event(CartItemAdded, subject, sku="before", quantity=1))
        await seen_in_one_basket(subscriber, subject, {"before"})
        said = len(worker.log)
        secured.revoke("worker", topic)
        await web.publish(web.event(CartItemAdded, subject, sku="meanwhile", quantity=1))
        wait_until(lambda: f"{topic} cannot be used" in worker.log[said:], 60)
        assert "lacks a right on the topic" in worker.log[said:]
        assert worker.process.poll() is None, "its supervisor tries again"
        secured.grant("worker", rights("worker", users["worker"]))
        await seen_in_one_basket(subscriber, subject, {"before", "meanwhile"})


async def seen_in_one_basket(subscriber: SyncSubscriber, subject: str, skus: set[str]) -> None:
    """Wait for a basket of exactly these; what the first of them alone made may come before."""
    async with asyncio.timeout(60):
        async for change in subscriber:
            if change.subject == subject:
                lines = change.record.lines  # type: ignore[union-attr]
                if {line.sku for line in lines} == skus:
                    return


@pytest.mark.long
@pytest.mark.timeout(300)
async def test_a_worker_whose_password_was_changed_goes_on_once_its_file_has_the_new_one(
    secured: SecuredKafka,
    users: dict[str, Settings],
    worker: Worker,
    tmp_path_factory: Any,
    unique: str,
) -> None:
    (file,) = tmp_path_factory.getbasetemp().glob("worker0/password")
    async with ChannelPublisher(channel="web", source="s", settings=users["web"]) as web:
        added = web.event(CartItemAdded, f"customer:{unique}", sku="mug", quantity=1)
        async with SyncSubscriber(["carts"], settings=users["app"], live=False) as subscriber:
            await web.publish(added)
            await seen_in_one_basket(subscriber, f"customer:{unique}", {"mug"})
    rows = await asyncio.to_thread(steady, lambda: worker.metric("ccstream_store_rows"))
    said = len(worker.log)
    secured.add_scram_user("worker", "another-horse")
    try:
        secured.node.restart()  # who is connected stays so: a password is asked for at the door
        wait_until(lambda: "do not take this client's login" in worker.log[said:], 90)
        assert worker.process.poll() is None, "its supervisor tries again"
        file.write_text("another-horse")
        worker.wait_ready(90)
        wait_until(lambda: worker.metric("ccstream_store_rows") == rows, 30)
        assert "another-horse" not in worker.log
    finally:
        secured.add_scram_user("worker")
        file.write_text(PASSWORD)


def test_a_worker_that_is_not_let_in_ends_with_the_reason_and_a_code_of_its_own(
    secured: SecuredKafka, users: dict[str, Settings], tmp_path: Path
) -> None:
    login = environment(users["worker"], tmp_path / "password")
    (tmp_path / "password").write_text("wrong-guess")
    one = Worker(users["worker"], **login)
    try:
        assert one.wait_ended(40) == 10
        assert "do not take this client's login" in one.log
        assert "wrong-guess" not in one.log
    finally:
        one.close()


def test_secrets_are_found_in_no_log_no_help_and_no_dump_of_settings(
    worker: Worker, users: dict[str, Settings], tmp_path: Path
) -> None:
    assert PASSWORD not in worker.log
    for settings in users.values():
        for shown in (repr(settings), str(settings), settings.model_dump_json()):
            assert PASSWORD not in shown
    login = environment(users["worker"], tmp_path / "password")
    login["KAFKA__SASL_PASSWORD"] = PASSWORD
    del login["KAFKA__SASL_PASSWORD_FILE"]
    login["KAFKA__BOOTSTRAP"] = users["worker"].kafka.bootstrap
    login["KAFKA__PARTITIONS"] = str(PARTITIONS)
    for command in (["--help"], ["worker", "--help"], ["doctor", "--json"], ["doctor"]):
        done = subprocess.run(
            [sys.executable, "-m", "ccstream", *command],
            env=os.environ | {f"CCSTREAM_{name}": value for name, value in login.items()},
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert PASSWORD.encode() not in done.stdout + done.stderr
        assert b"error in ccstream itself" not in done.stderr


def test_the_doctor_knows_a_workers_user_from_one_that_lacks_its_rights(
    users: dict[str, Settings],
) -> None:
    (well,) = worker_rights(users["worker"], Broker(users["worker"]))
    assert well.state == "ok", well.found
    (lacking,) = worker_rights(users["web"], Broker(users["web"]))
    assert lacking.state == "warn"
    assert "of a worker's rights, " in lacking.found


def test_the_doctor_says_by_a_workers_login_what_takes_an_admins(
    users: dict[str, Settings],
) -> None:
    found = list(examine(lambda: users["worker"]))
    hidden = [one for one in found if "could not be looked at" in one.found]
    assert {one.check for one in hidden} == {"brokers", "topics", "clock"}
    assert all("an administrator's login" in one.advice for one in hidden)
    assert {one.check for one in found if one.state == "ok"} >= {"brokers", "producers", "rights"}


def test_kafka_refuses_the_admins_work_to_every_role(users: dict[str, Settings]) -> None:
    for settings in users.values():
        with pytest.raises((AccessDeniedError, KafkaException)):
            Broker(settings).create("not-allowed", 1, 1, {})
