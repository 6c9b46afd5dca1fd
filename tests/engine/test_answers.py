"""What a worker says of its rows: all together, as they are committed or as they are folded."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from ccstream.client.sync_decoder import SyncDecoder
from ccstream.domain.events import Event
from ccstream.domain.observed import Observed
from ccstream.domain.touch import TouchLimits
from ccstream.domain.touch_shares import merge
from ccstream.domain.window import WindowLimits
from ccstream.engine.answers import Answers, NotHereError
from ccstream.wire.entry import Entry
from ccstream.wire.mail import encode_mail
from ccstream.wire.query import Answer, Question, Written
from ccstream.wire.sync import SYNC_CODECS
from tests.engine.test_handover import ACCOUNT, MAIL, VISITOR, add, log_in, order
from tests.engine.world import CODEC, INPUTS, PARTITIONS, World, key_living_at

pytestmark = pytest.mark.timeout(20)


class Asked:
    """A world whose rows are asked for; it commits when it is told to, in two steps."""

    def __init__(self) -> None:
        self.world = World()
        self.partitions = {0: self.world.partition}
        self.committed = {0: list(self.world.partition.folded)}
        self.gate = threading.Lock()
        self.alive = True
        chunks: Any = self
        self._answers = Answers(
            app_id="app",
            partitions=PARTITIONS,
            topics=INPUTS,
            chunks=chunks,
            codecs=SYNC_CODECS,
            limits=WindowLimits(),
            touch_limits=TouchLimits(),
            alive=lambda: self.alive,
        )

    def begin_commit(self) -> None:
        list(self.world.partition.drain())
        self._begun = list(self.world.partition.folded)

    def end_commit(self) -> None:
        for table in self.world.partition.tables.values():
            table.settled()
        self.committed[0] = self._begun

    def commit(self) -> None:
        self.begin_commit()
        self.end_commit()

    def ask(self, entity: str, *tables: str, **more: Any) -> Answer:
        question = Question(app_id="app", entity=entity, tables=tables, **more)
        return self._answers.answer(question)

    def quantity(self, entity: str = ACCOUNT, **more: Any) -> int:
        (value,) = self.ask(entity, "carts", **more).rows["carts"] or (None,)
        if value is None:
            return 0
        record: Any = SyncDecoder("carts", CODEC).record(value)
        return sum(line.quantity for line in record.lines)

    def includes(self, event: Event, offset: int, entity: str = "", **more: Any) -> Answer:
        written = Written(
            INPUTS[0],
            0,
            offset,
            event.subject,
            f"{event.channel}/{event.source}",
            event.event_id,
            event.occurred_at,
            type(event).__name__ == "IdentifiersLinked",
        )
        return self.ask(entity or event.subject, written=written, **more)

    def deliver(self) -> None:
        """Fold the letters that were sent."""
        letters = self.world.letters
        self.world.delivery.sent.clear()
        for _, mail in letters:
            self.world.fold_bytes(mail.to.encode(), encode_mail(mail), topic=MAIL)


@pytest.fixture
def asked() -> Asked:
    return Asked()


def test_what_is_folded_is_live_at_once_and_committed_once_its_commit_has_ended(
    asked: Asked,
) -> None:
    asked.world.fold(add("a", subject=ACCOUNT))
    assert (asked.quantity(), asked.quantity(live=True)) == (0, 1)
    asked.begin_commit()
    assert (asked.quantity(), asked.quantity(live=True)) == (0, 1)
    asked.end_commit()
    assert (asked.quantity(), asked.quantity(live=True)) == (1, 1)


def test_while_a_commit_is_on_its_way_the_rows_before_it_are_shown_with_their_offsets(
    asked: Asked,
) -> None:
    asked.world.fold(add("a", subject=ACCOUNT))
    asked.commit()
    asked.world.fold(add("b", subject=ACCOUNT))
    asked.begin_commit()
    asked.world.fold(add("c", subject=ACCOUNT))
    assert asked.quantity() == 1
    assert asked.ask(ACCOUNT).as_of == {INPUTS[0]: 0}
    assert asked.ask(ACCOUNT, live=True).as_of == {INPUTS[0]: 2}
    asked.end_commit()
    assert asked.quantity() == 2
    assert asked.ask(ACCOUNT).as_of == {INPUTS[0]: 1}
    assert asked.quantity(live=True) == 3


def test_the_token_of_a_cart_covers_what_is_shown_and_no_more(asked: Asked) -> None:
    asked.world.fold(add("a", subject=ACCOUNT))
    asked.commit()
    asked.world.fold(add("b", subject=ACCOUNT))
    (value,) = asked.ask(ACCOUNT, "carts").rows["carts"]
    record: Any = SyncDecoder("carts", CODEC).record(value)
    token = Observed.parse(record.observed)
    assert token is not None
    assert token.covers((0, 0, 0))
    assert not token.covers((0, 0, 1))


def test_orders_are_all_there_those_about_to_be_deleted_too(asked: Asked) -> None:
    asked.world.fold(order("o", "o-1"), order("p", "o-2"))
    asked.commit()
    asked.world.fold(order("q", "o-3"))
    asked.world.fold(log_in())
    asked.deliver()  # the account takes them over, and acknowledges
    asked.deliver()
    assert len(asked.ask(VISITOR, "orders", live=True).rows["orders"]) == 0
    assert len(asked.ask(VISITOR, "orders").rows["orders"]) == 2
    asked.begin_commit()
    assert len(asked.ask(VISITOR, "orders").rows["orders"]) == 2
    asked.end_commit()
    assert len(asked.ask(VISITOR, "orders").rows["orders"]) == 0
    assert len(asked.ask(ACCOUNT, "orders").rows["orders"]) == 3
    assert asked.ask(VISITOR).root == ACCOUNT


def test_an_event_is_included_once_its_offset_is(asked: Asked) -> None:
    event = add("a", subject=ACCOUNT)
    assert not asked.includes(event, 0).included
    asked.world.fold(event)
    assert asked.includes(event, 0, live=True).included
    assert not asked.includes(event, 0).included
    asked.commit()
    assert asked.includes(event, 0).included


def test_an_event_that_was_sent_on_is_included_once_the_account_has_it(asked: Asked) -> None:
    asked.world.fold(log_in())
    asked.deliver()
    event = add("later", at=20)
    asked.world.fold(event)
    at_home = asked.includes(event, 1, live=True)
    assert (at_home.included, at_home.holder) == (False, ACCOUNT)
    assert not asked.includes(event, 1, ACCOUNT, live=True).included
    asked.deliver()
    assert asked.includes(event, 1, ACCOUNT, live=True).included


def test_an_event_that_was_refused_is_not_waited_for(asked: Asked) -> None:
    asked.world.fold(log_in())
    asked.deliver()
    refused = add("bad", at=20, quantity=0)
    asked.world.fold(refused)
    assert asked.world.rejected
    assert asked.includes(refused, 1, live=True).included


def test_a_log_in_is_included_once_the_account_has_what_the_visitor_had(asked: Asked) -> None:
    asked.world.fold(add("a"), log_in())
    assert not asked.includes(log_in(), 1, live=True).included
    asked.deliver()
    assert not asked.includes(log_in(), 1, live=True).included
    asked.deliver()  # what the account acknowledged
    assert asked.includes(log_in(), 1, live=True).included
    assert asked.quantity(ACCOUNT, live=True) == 1


def test_visits_are_told_to_who_asks_for_them(asked: Asked) -> None:
    asked.world.fold(add("a", subject=ACCOUNT))
    assert not asked.ask(ACCOUNT, "touches", live=True).path
    (visit,) = asked.ask(ACCOUNT, "touches", live=True, path=True).path
    assert (visit.channel, visit.touches) == ("web", 1)


def test_visits_of_cards_that_may_leave_again_are_told_as_one_path(asked: Asked) -> None:
    asked.world.fold(add("a", subject=ACCOUNT))
    touches = asked.world.partition.tables["touches"]
    own = touches.get(ACCOUNT)
    touches.put(ACCOUNT, Entry(merge(own.state, own.state, TouchLimits(), "loyalty:7"), 9))
    (visit,) = asked.ask(ACCOUNT, "touches", live=True, path=True).path
    assert (visit.channel, visit.touches) == ("web", 2)


def test_what_is_not_served_is_not_answered(asked: Asked) -> None:
    with pytest.raises(NotHereError):
        asked.ask(key_living_at(1))
    with pytest.raises(NotHereError):
        asked._answers.answer(Question(app_id="another", entity=ACCOUNT))
    asked.alive = False
    with pytest.raises(NotHereError):
        asked.ask(ACCOUNT)


def test_while_the_loop_is_at_work_a_question_waits_and_then_gives_up(
    asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ccstream.engine.answers.GATE_S_MAX", 0.01)
    with asked.gate, pytest.raises(NotHereError):
        asked.ask(ACCOUNT)
    asked.ask(ACCOUNT)
