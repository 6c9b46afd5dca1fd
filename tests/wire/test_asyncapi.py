from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from ccstream.wire.asyncapi import document, text
from ccstream.wire.catalogue import EVENTS, OUTPUT_TOPICS, input_topics, topics

FILE = Path(__file__).parents[2] / "asyncapi.yaml"
DOCUMENT = document()


def test_the_file_is_fresh() -> None:
    assert FILE.read_text(encoding="utf-8") == text(), (
        "asyncapi.yaml is stale: python -m ccstream.wire.asyncapi > asyncapi.yaml"
    )


def test_what_is_written_is_the_document() -> None:
    assert yaml.safe_load(text()) == DOCUMENT


def test_every_public_topic_and_no_other_is_a_channel() -> None:
    addresses = {channel["address"] for channel in DOCUMENT["channels"].values()}
    assert addresses == {*input_topics(), *OUTPUT_TOPICS}
    assert len(addresses) == len(DOCUMENT["operations"])


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "$ref":
                yield value
            else:
                yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def test_every_reference_leads_somewhere() -> None:
    for reference in set(references(DOCUMENT)):
        node = DOCUMENT
        for part in reference.removeprefix("#/").split("/"):
            node = node[part]
        assert node


def test_channels_receive_all_events_and_send_what_is_known() -> None:
    for name, operation in DOCUMENT["operations"].items():
        channel = DOCUMENT["channels"][operation["channel"]["$ref"].rpartition("/")[2]]
        carried = set(channel["messages"])
        if operation["action"] == "receive":
            assert carried == {fullname.rpartition(".")[2] for fullname in EVENTS}, name
        else:
            many = {spec.name for spec in topics("ccstream") if len(spec.schemas) > 1}
            assert (len(carried) > 1) == (channel["address"] in many), name
    sent = [o for o in DOCUMENT["operations"].values() if o["action"] == "send"]
    assert len(sent) == len(OUTPUT_TOPICS)


def test_sync_records_must_carry_an_epoch_and_events_need_no_headers() -> None:
    traits = DOCUMENT["components"]["messageTraits"]
    assert traits["sync"]["headers"]["required"] == ["ccstream-epoch"]
    assert "required" not in traits["event"]["headers"]
    assert "ccstream-epoch" not in traits["event"]["headers"]["properties"]


def test_retention_is_that_of_the_catalogue() -> None:
    spec = next(s for s in topics("ccstream") if s.name == "ccstream.rejected.v1")
    channel = DOCUMENT["channels"]["ccstream_rejected_v1"]
    configured = channel["bindings"]["kafka"]["topicConfiguration"]
    assert configured["retention.ms"] == int(spec.config()["retention.ms"])
