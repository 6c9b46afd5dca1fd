"""The typed records are those of the schemas, whatever the bytes."""

from __future__ import annotations

import io
from contextlib import suppress
from typing import Any

import fastavro
import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ccstream.client.record_classes import RECORD_CLASSES
from ccstream.client.records import (
    IdentityConflictFound,
    IdentityLink,
    ProfileMerged,
    ProfileSplit,
)
from ccstream.client.sync_decoder import SyncDecoder
from ccstream.errors import UndecodableError
from ccstream.wire.catalogue import READ_SCHEMAS
from ccstream.wire.codec import Codec
from ccstream.wire.schemas import default_schemas, schema
from tests.client.sync_records import (
    AT,
    CAUSE,
    abandoned,
    cart,
    consents,
    encoded,
    interactions,
    order,
    profile,
    touches,
)

CODEC = Codec()
DECODERS = {table: SyncDecoder(table, CODEC) for table in READ_SCHEMAS}
RECORDS = {
    "carts": cart("customer:42", (7 << 32) + 300, mug=2, plate=1),
    "touches": touches("customer:42", 12),
    "profiles": profile("customer:42", 1 << 40),
    "orders": order("customer:42", 3, "A-1"),
    "consents": consents("customer:42", 5),
    "interactions": interactions("customer:42", 6),
    "signals": abandoned("customer:42", 9),
}
LINK = IdentityLink("e0", AT, "loyalty:7", "customer:42", "asserted")
OF_IDENTITY = [
    ProfileMerged("loyalty:7", 5, "5f" * 16, "customer:42", None, CAUSE, "card_scanned", "links"),
    ProfileMerged("loyalty:7", 6, "5e" * 16, "customer:42", "email:a", CAUSE, "told", "links"),
    ProfileSplit(
        "visitor:9f", 7, "5d" * 16, "visitor:9f", "customer:42", CAUSE, "log_out", "log_out"
    ),
    IdentityConflictFound(
        "customer:1",
        8,
        "5c" * 16,
        LINK,
        "customer:1",
        "customer:42",
        (LINK, LINK),
        None,
        CAUSE,
        "told",
    ),
]


@pytest.mark.parametrize("fullname", sorted(RECORD_CLASSES))
def test_each_class_has_the_fields_of_its_schema_in_order(fullname: str) -> None:
    source = default_schemas().sources[fullname]
    assert RECORD_CLASSES[fullname].__struct_fields__ == tuple(
        field["name"] for field in source["fields"]
    )


def test_every_record_of_the_sync_topics_has_a_class() -> None:
    def names(node: Any) -> set[str]:
        if isinstance(node, list):
            return set().union(*map(names, node))
        if not isinstance(node, dict):
            return set()
        own = {node["name"]} if node.get("type") == "record" else set()
        inner = (names(node[part]) for part in ("fields", "type", "items") if part in node)
        return own.union(*inner)

    read = (fullname for fullnames in READ_SCHEMAS.values() for fullname in fullnames)
    used = set().union(*(names(schema(fullname).parsed) for fullname in read))
    assert used == set(RECORD_CLASSES)


@pytest.mark.parametrize("table", sorted(RECORDS))
def test_a_record_comes_back_as_fastavro_reads_it(table: str) -> None:
    value = encoded(RECORDS[table])
    assert DECODERS[table].decode(value) == RECORDS[table]
    plain = fastavro.schemaless_reader(
        io.BytesIO(value[10:]), schema(READ_SCHEMAS[table][0]).parsed, None
    )
    assert msgspec.convert(plain, type(RECORDS[table])) == RECORDS[table]


@pytest.mark.parametrize("table", sorted(RECORDS))
def test_the_version_is_found_without_decoding(table: str) -> None:
    assert DECODERS[table].version_of(encoded(RECORDS[table])) == RECORDS[table].version
    first = [field["name"] for field in schema(READ_SCHEMAS[table][0]).raw["fields"][:2]]
    assert first == ["subject", "version"]


@pytest.mark.parametrize("table", sorted(RECORDS))
def test_a_record_cut_short_anywhere_is_undecodable(table: str) -> None:
    value = encoded(RECORDS[table])
    for length in range(len(value)):
        with pytest.raises(UndecodableError):
            DECODERS[table].decode(value[:length])


@pytest.mark.parametrize("record", OF_IDENTITY)
def test_each_record_of_a_topic_with_several_kinds_comes_back_as_its_own(record: Any) -> None:
    decoder, value = DECODERS["identity"], encoded(record)
    assert decoder.decode(value) == record
    assert decoder.version_of(value) == record.version
    with pytest.raises(UndecodableError, match=f"{type(record).__name__} where .*CartSynced"):
        DECODERS["carts"].decode(value)
    with pytest.raises(UndecodableError, match=r"CartSynced where .*ProfileMerged or "):
        decoder.decode(encoded(RECORDS["carts"]))


def test_another_tables_record_is_undecodable() -> None:
    with pytest.raises(UndecodableError, match="unexpected_record: ProfileSynced where"):
        DECODERS["carts"].decode(encoded(RECORDS["profiles"]))


@given(st.binary(max_size=200), st.booleans())
@example(b"\x80" * 100_000, True)
@example(b"\x01", True)
def test_bytes_are_a_record_or_undecodable(garbage: bytes, framed: bool) -> None:
    value = encoded(RECORDS["carts"])[:10] + garbage if framed else garbage
    for read in (DECODERS["carts"].decode, DECODERS["carts"].version_of):
        with suppress(UndecodableError):
            read(value)
