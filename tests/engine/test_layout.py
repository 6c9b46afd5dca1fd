"""Which topics there must be, and which partition numbers are whole."""

from __future__ import annotations

import pytest

from ccstream.engine.layout import Layout
from ccstream.errors import TopicMismatchError
from ccstream.wire.catalogue import MAIL_TOPIC, OWNERS_TOPIC

LAYOUT = Layout(
    app_id="app",
    partitions=4,
    inputs=("in", MAIL_TOPIC),
    tables=("carts",),
    sync_topics={},
    others=("out",),
    new_tables=dict,
)
COUNTS = {**dict.fromkeys(LAYOUT.topics, 4), OWNERS_TOPIC: 1}


def test_a_cluster_with_all_topics_will_do() -> None:
    LAYOUT.check(COUNTS)


@pytest.mark.parametrize("topic", COUNTS)
def test_a_missing_topic_is_named_with_what_makes_it(topic: str) -> None:
    with pytest.raises(TopicMismatchError, match=rf"{topic}.*topics apply"):
        LAYOUT.check({name: count for name, count in COUNTS.items() if name != topic})


@pytest.mark.parametrize("topic", LAYOUT.topics)
def test_a_topic_with_another_partition_count_is_named(topic: str) -> None:
    with pytest.raises(TopicMismatchError, match=rf"{topic} has 3 partitions and 4 are expected"):
        LAYOUT.check({**COUNTS, topic: 3})


def test_a_number_is_whole_only_with_every_input_and_every_changelog() -> None:
    everything = {*LAYOUT.inputs([0, 1]), *LAYOUT.changelogs([0, 1])}
    for left_out in LAYOUT.inputs([1]), LAYOUT.changelogs([1]):
        for one in left_out:
            assert LAYOUT.whole(everything - {one}) == {0}
            assert LAYOUT.partial(everything - {one}) == {1}
    assert LAYOUT.whole(everything) == {0, 1}
    assert LAYOUT.partial(everything) == set()
