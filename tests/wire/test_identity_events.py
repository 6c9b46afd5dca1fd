"""What is told of profiles is written as its schemas say."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccstream.domain.forest import Link
from ccstream.domain.identity_events import (
    KINDS,
    IdentityConflictFound,
    ProfileMerged,
    ProfileSplit,
)
from ccstream.wire.cause import Cause
from ccstream.wire.identity_events import IDENTITY_ENCODER, IdentityEvent, identity_encoder
from tests.wire.row_data import avro, causes, longs, texts

strengths = st.sampled_from(["verified", "asserted", "observed"])
links = st.builds(Link, texts, longs, texts, texts, strengths)
facts = {
    ProfileMerged: st.builds(ProfileMerged, texts, st.none() | texts),
    ProfileSplit: st.builds(ProfileSplit, texts, texts),
    IdentityConflictFound: st.builds(
        IdentityConflictFound,
        links,
        texts,
        texts,
        st.lists(links, max_size=3).map(tuple),
        st.none() | texts,
    ),
}


def _link(link: Link) -> dict[str, Any]:
    return {
        "event_id": link.event_id,
        "occurred_at": link.at,
        "one": link.one,
        "other": link.other,
        "strength": link.strength,
    }


def _said(fact: Any, rule: str) -> dict[str, Any]:
    if not isinstance(fact, IdentityConflictFound):
        return {"root": fact.root, "former_root": fact.former_root, "rule": rule}
    return {
        "link": _link(fact.link),
        "one_root": fact.one_root,
        "other_root": fact.other_root,
        "in_the_way": [_link(link) for link in fact.in_the_way],
        "kept_apart_by": fact.kept_apart_by,
    }


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_each_is_written_as_its_schema_says(kind: type, data: st.DataObject) -> None:
    fact = data.draw(facts[kind])
    subject, event_id, reason, rule = data.draw(st.tuples(*[texts] * 4))
    version, cause = data.draw(longs), data.draw(causes)
    event = IdentityEvent(fact, subject, version, event_id, cause, reason, rule)
    datum = {
        "subject": subject,
        "version": version,
        "event_id": event_id,
        "cause": _cause(cause),
        "reason": reason,
        **_said(fact, rule),
    }
    expected = avro(kind.__name__, datum)
    assert IDENTITY_ENCODER(event) == expected
    framed = identity_encoder(lambda info: info.name.encode())
    assert framed(event) == kind.__name__.encode() + expected[10:]


def _cause(cause: Cause) -> dict[str, Any]:
    names = ("event_id", "event_type", "channel", "source", "occurred_at", "appended_at", "outcome")
    return {name: getattr(cause, name) for name in names}
