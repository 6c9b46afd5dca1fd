"""A person who came by every way in is erased: no byte of theirs is on any disk afterwards."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)

from ccstream.cli import main
from ccstream.client import (
    ChannelPublisher,
    IdentifiersLinked,
    InteractionLogged,
    PersonalReader,
    ProfileUpdated,
    Trait,
)
from ccstream.devkit.kafka import LocalKafka
from ccstream.devkit.ports import free_port
from ccstream.domain import reasons
from ccstream.ops.settings import Settings
from ccstream.ops.topics import specs_of
from ccstream.wire.catalogue import REJECTED_TOPIC, SYNC_TOPICS, changelog_topic, input_topic
from ccstream.wire.rejected import decode_rejected
from tests.integration.harness import Worker, codec, make_topics, read, settings_for
from tests.integration.pipeline import Tail, decoded, new_subject, of_key
from tests.support.brokers import why_no_local_kafka
from tests.support.produce import Sent, produce
from tests.support.waiting import eventually

pytestmark = [pytest.mark.timeout(720), pytest.mark.long, pytest.mark.realkafka]

MARK = b"Lovelace-5f21"
"""In each personal value; the log is not compressed, so that it would be found."""

ADA, VISITOR = new_subject(0), new_subject(1, "visitor")
BOB = new_subject(2)

IMPORT_MAP = f"""
format = 1
source = "crm"
channel = "call_centre"
[row]
key = "id"
changed_at = "updated"
[account]
namespace = "{ADA.partition(":")[0]}"
column = "number"
[[trait]]
name = "imported"
column = "name"
"""

QUICK = {
    "compression.type": "uncompressed",
    "segment.ms": "1000",
    "file.delete.delay.ms": "100",
}
COMPACTED_WITHIN = 180.0
"""Seconds. Some twelve on an idle machine; the broker cleans a hundred logs, one by one."""

COMPACTED = {
    "min.compaction.lag.ms": "0",
    "max.compaction.lag.ms": "1000",
    "delete.retention.ms": "1209600000",
}


class City:
    """A Kafka, a worker with files, a gateway, and the folders that they write to."""

    def __init__(self, folder: Path, kafka: LocalKafka, data: Path) -> None:
        self.folder, self.data = folder, data
        self.state, self.outbox = folder / "state", folder / "outbox.db"
        environment = {
            "CCSTREAM_APP_ID": "app",
            "CCSTREAM_KAFKA__BOOTSTRAP": kafka.bootstrap,
            "CCSTREAM_KAFKA__PARTITIONS": "4",
            "CCSTREAM_KAFKA__COMPRESSION": "none",
            "CCSTREAM_PRIVACY__PERSONAL_FIELDS": "ciphertext",
            "CCSTREAM_PRIVACY__MASTER_KEY": "m" * 40,
            "CCSTREAM_PRIVACY__ERASURE_KEY": "e" * 40,
            "CCSTREAM_PRIVACY__ERASURE_DEADLINE_MS": "9000",
            "CCSTREAM_STATE__STORE": "rocksdb",
            "CCSTREAM_STATE__DIRECTORY": str(self.state),
            "CCSTREAM_IDENTITY__CONTACT_KEY": "k" * 40,
            "CCSTREAM_LOG__LEVEL": "debug",
        }
        for name, value in environment.items():
            os.environ[name] = value
        self.settings = settings_for(kafka.bootstrap, "app")
        make_topics(self.settings)
        self.configure({**QUICK}, "input", "mail", "signals", "insight", "rejected")
        self.configure({**QUICK, **COMPACTED}, "sync", "changelog")
        self.worker = Worker(self.settings)
        self.gateway_port = free_port()
        self.gateway_log = (folder / "gateway.log").open("wb")
        self.gateway = subprocess.Popen(
            [sys.executable, "-m", "ccstream", "gateway", "--port", str(self.gateway_port)],
            stdout=self.gateway_log,
            stderr=self.gateway_log,
        )

    def configure(self, wanted: dict[str, str], *kinds: str) -> None:
        admin = AdminClient({"bootstrap.servers": self.settings.kafka.bootstrap})
        entries = [
            ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
            for name, value in wanted.items()
        ]
        resources = [
            ConfigResource(ResourceType.TOPIC, spec.name, incremental_configs=entries)
            for spec in specs_of(self.settings)
            if spec.kind in kinds
        ]
        for future in admin.incremental_alter_configs(resources).values():
            future.result(30)

    def post(self, event: dict[str, Any]) -> int:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.gateway_port}/v1/events",
            json.dumps(event).encode(),
            {"Content-Type": "application/cloudevents+json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return int(answer.status)
        except OSError:
            return 0

    def files_with(self, needle: bytes) -> list[str]:
        """All files on which the bytes are: the broker's, the worker's, logs, the outbox."""
        return [path for _, path in self.found([needle])]

    def found(self, needles: list[bytes]) -> list[tuple[bytes, str]]:
        """Each of them with each file on which it is; all are read once.

        Indexes of segments have no bytes of records, and are 10 MB each while they are written.
        """
        found = []
        for path in [*self.data.rglob("*"), *self.folder.rglob("*")]:
            if path.name == "crm.csv" or path.suffix in {".index", ".timeindex"}:
                continue
            try:
                text = path.read_bytes() if path.is_file() else b""
            except OSError:
                continue  # it was deleted meanwhile
            found += [(needle, str(path)) for needle in needles if needle in text]
        log = self.worker.log.encode()
        found += [(needle, "the worker's log") for needle in needles if needle in log]
        return found

    def close(self) -> None:
        self.gateway.terminate()
        self.gateway.wait(20)
        self.gateway_log.close()
        self.worker.close()


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    missing = why_no_local_kafka()
    if missing:
        pytest.skip(f"needs a Kafka of its own: {missing}")
    folder, data = tmp_path_factory.mktemp("city"), tmp_path_factory.mktemp("kafka")
    before = dict(os.environ)
    with ExitStack() as stack:
        stack.callback(lambda: (os.environ.clear(), os.environ.update(before)))
        checks = {"log.retention.check.interval.ms": "500"}
        kafka = stack.enter_context(LocalKafka(data=data, config=checks))
        made = City(folder, kafka, data)
        stack.callback(made.close)
        made.worker.wait_ready()
        yield made


def marked(way: str) -> str:
    return f"{MARK.decode()}-{way}"


async def by_the_sdk(settings: Settings, outbox: Path) -> None:
    async with ChannelPublisher(channel="web", source="shop", settings=settings) as shop:
        visitor = shop.event(ProfileUpdated, VISITOR, traits=(Trait("visitor", marked("visitor")),))
        link = shop.event(IdentifiersLinked, VISITOR, identifiers=(ADA,))
        after = shop.event(ProfileUpdated, VISITOR, traits=(Trait("after", marked("after")),))
        late = shop.event(
            ProfileUpdated,
            ADA,
            traits=(Trait("late", marked("late")),),
            occurred_at=int((time.time() - 90 * 86_400) * 1000),
        )
        call = shop.event(
            InteractionLogged,
            ADA,
            interaction_id="i-1",
            kind="call",
            topic="delivery",
            intent=marked("intent"),
            outcome=marked("outcome"),
        )
        other = shop.event(ProfileUpdated, BOB, traits=(Trait("name", "Bob"),))
        for event in (visitor, link, after, late, call, other):
            await shop.publish(event)
    async with ChannelPublisher(
        channel="store", source="till", settings=settings, outbox=outbox
    ) as till:
        sale = till.event(ProfileUpdated, ADA, traits=(Trait("till", marked("till")),))
        await till.publish(sale)


def events_of(bootstrap: str, *subjects: str) -> list[Any]:
    """The events about these that can be read, from all channels' topics."""
    return [
        codec.decode_event(message.value())
        for channel in ("web", "store", "app", "chat", "call_centre")
        for message in read(bootstrap, input_topic(channel))
        if message.key().decode() in subjects and message.value() != MARK
    ]


def in_plain(settings: Settings, key: str, records: list[Any]) -> str:
    """What the SDK's reader makes of them."""

    async def opened() -> list[Any]:
        async with PersonalReader(settings) as personal:
            return [personal.open(key, record) for record in records]

    return repr(asyncio.run(opened()))


def test_no_byte_of_an_erased_person_is_left(
    city: City, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bootstrap = city.settings.kafka.bootstrap
    settings = Settings.load()
    profiles = Tail(bootstrap, SYNC_TOPICS["profiles"])
    letters = Tail(bootstrap, REJECTED_TOPIC)
    keys = Tail(bootstrap, changelog_topic("app", "keys"))

    asyncio.run(by_the_sdk(settings, city.outbox))
    posted = {
        "specversion": "1.0",
        "id": str(uuid.uuid4()),
        "type": "ccstream.profile.v1.ProfileUpdated",
        "source": "/app/phone",
        "subject": ADA,
        "data": {"traits": [{"name": "posted", "value": marked("posted")}]},
    }
    assert eventually(lambda: city.post(posted), lambda status: status == 202, 30) == 202
    line = {
        "type": "ProfileUpdated",
        "subject": ADA,
        "channel": "chat",
        "source": "bot",
        "traits": [{"name": "line", "value": marked("line")}],
    }
    lines = tmp_path / "events.jsonl"
    lines.write_text(json.dumps(line))
    assert main(["publish", str(lines)]) == 0, capsys.readouterr().err
    (tmp_path / "crm.toml").write_text(IMPORT_MAP)
    number = ADA.partition(":")[2]
    csv = tmp_path / "crm.csv"
    csv.write_text(f"id,number,name,updated\n1,{number},{marked('row')},2025-01-01T10:00:00Z\n")
    imported = main(["import", "customers", str(csv), "--map", str(tmp_path / "crm.toml")])
    assert imported == 0, capsys.readouterr().err
    plain = ProfileUpdated(
        event_id="plain",
        occurred_at=int(time.time() * 1000),
        channel="web",
        source="legacy",
        subject=ADA,
        traits=(Trait("plain", marked("plain")),),
    )
    produce(
        bootstrap,
        [
            Sent(input_topic("web"), ADA, codec.encode_event(plain)),
            Sent(input_topic("web"), ADA, MARK),
        ],
    )

    names = {"visitor", "after", "till", "posted", "line", "imported"}
    profiles.until(
        lambda m: (
            of_key(ADA)(m)
            and m.value() is not None
            and {trait["name"] for trait in decoded(m)["traits"]} >= names
        )
    )
    rejected = {
        decode_rejected(record.value()).reason for record in letters.first(3, lambda record: True)
    }
    assert rejected == {reasons.TOO_LATE, reasons.PLAIN_PERSONAL_VALUE, reasons.NOT_AVRO}
    wrapped = [
        key["wrapped"].encode()
        for person in (VISITOR, ADA)  # in the visitor's partition until the log-in takes it over
        for record in keys.first(1, of_key(person))
        for key in decoded(record)["keys"]
        if key["entity"] in {ADA, VISITOR}
    ]
    assert wrapped
    # What is looked for can be found: the producer that knew nothing of it left it in its topic
    # alone, and the wrapped keys are in the log.
    found = city.files_with(MARK)
    assert found and all(f"/{input_topic('web')}-" in path for path in found), found
    assert all(city.files_with(key) for key in wrapped)
    said = events_of(bootstrap, ADA, VISITOR)
    synced = [decoded(record) for record in profiles.records if of_key(ADA)(record)]
    ways = {"visitor", "after", "late", "till", "posted", "line", "row", "intent", "outcome"}
    for shown, by in (
        (in_plain(settings, ADA, said) + in_plain(settings, VISITOR, said), ways),
        (in_plain(settings, ADA, synced), ways - {"late", "intent", "outcome"}),
    ):
        assert {way for way in ways if marked(way) in shown} == by
    capsys.readouterr()
    assert main(["privacy", "access", ADA]) == 0
    access = capsys.readouterr().out
    assert all(marked(way) in access for way in ways - {"late"}), access

    assert main(["privacy", "erase", ADA]) == 0
    assert "nothing was done" in capsys.readouterr().err
    assert main(["privacy", "erase", VISITOR, "--yes"]) == 0  # an alias stands for its account
    profiles.until(lambda m: of_key(ADA)(m) and m.value() is None)
    capsys.readouterr()
    assert main(["explain", ADA, "--erasure"]) == 0
    assert "erasure: nothing → all rows and keys are gone" in capsys.readouterr().out
    city.configure({"retention.ms": "1000"}, "input", "mail", "signals", "insight")

    def receipt() -> Any:
        capsys.readouterr()
        main(["privacy", "receipts", ADA, "--json"])
        (one,) = json.loads(capsys.readouterr().out) or [{}]
        return one

    done = eventually(receipt, lambda one: one.get("state") == "completed", 60)
    assert done["state"] == "completed" and done["signed"] is True
    assert done["identifiers_erased"] == 1

    def left() -> list[str]:
        found = city.found([MARK, *wrapped])
        return [path for needle, path in found if needle == MARK or "/kafka" in path]

    # Between two looks the cleaner has the disk for itself.
    assert eventually(left, lambda files: not files, COMPACTED_WITHIN, every=2.0) == []

    # Who has kept the records can decrypt nothing of them, but for what never was encrypted.
    for key in (ADA, VISITOR):
        shown = in_plain(settings, key, [*said, *synced])
        assert {way for way in (*ways, "plain") if marked(way) in shown} == {"plain"}

    # Nobody else has lost anything.
    capsys.readouterr()
    assert main(["privacy", "access", ADA]) in {0, 1}
    held = json.loads(capsys.readouterr().out)
    assert "profiles" not in held["rows"] and "keys" not in held["rows"]
    assert main(["privacy", "access", BOB]) == 0
    assert "Bob" in capsys.readouterr().out
    for tail in (profiles, letters, keys):
        tail.close()
