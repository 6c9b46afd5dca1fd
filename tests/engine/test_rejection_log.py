"""What the log says of a rejected event: enough to find it, nothing of whose it is."""

from __future__ import annotations

from typing import Any

from structlog.testing import capture_logs

from ccstream.domain import reasons
from ccstream.domain.events import CartItemAdded
from ccstream.engine.rejection_log import _LINES_MAX, _SECONDS, RejectionLog
from ccstream.engine.source import Source
from tests.engine.world import added

UUID = "0190f1f2-aaaa-7bbb-8ccc-000000000001"
TRACE = "0af7651916cd43dd8448eb211c80319c"


class Record:
    """One with a trace."""

    def __init__(self, trace: bytes | None) -> None:
        self._trace = trace

    def headers(self) -> list[tuple[str, bytes]]:
        return [] if self._trace is None else [("traceparent", self._trace)]


class Told:
    def __init__(self) -> None:
        self.now = 0.0
        self.log = RejectionLog(lambda: self.now)

    def tell(self, event: CartItemAdded | None, trace: bytes | None = None) -> list[Any]:
        with capture_logs() as lines:
            self.log.tell(source(trace), reasons.CART_FULL, event)
        return lines

    def tell_not_sent(self) -> list[Any]:
        with capture_logs() as lines:
            self.log.tell_not_sent(source(), "carts", "it is not here any more")
        return lines


def source(trace: bytes | None = None) -> Source:
    record: Any = Record(trace)
    return Source("channel.web.events.v1", 3, 17, 1, b"customer:1", b"", record)


def test_a_line_has_the_reason_the_place_the_event_and_the_trace() -> None:
    (line,) = Told().tell(added(event_id=UUID), f"00-{TRACE}-00f067aa0ba902b7-01".encode())
    assert line == {
        "event": "event rejected",
        "log_level": "warning",
        "reason": "cart_full",
        "topic": "channel.web.events.v1",
        "partition": 3,
        "offset": 17,
        "type": "CartItemAdded",
        "event_id": UUID,
        "trace_id": TRACE,
    }


def test_an_id_that_may_be_made_of_a_customers_key_is_not_told_nor_a_trace_that_is_none() -> None:
    (line,) = Told().tell(added(event_id="customer:42/7"), b"00-customer:42-b7-01")
    assert "customer" not in str({k: v for k, v in line.items() if k != "topic"})
    (line,) = Told().tell(None)
    assert not {"type", "event_id", "trace_id"} & line.keys()


def test_a_flood_of_rejections_is_told_by_its_first_and_then_by_its_number() -> None:
    told = Told()
    lines = [line for _ in range(_LINES_MAX + 5) for line in told.tell(None)]
    assert len(lines) == _LINES_MAX
    told.now += _SECONDS
    (line,) = told.tell(None)
    assert line["not_told_before"] == 5
    (line,) = told.tell(None)
    assert "not_told_before" not in line


def test_retries_that_come_to_nothing_keep_no_rejection_from_being_told_nor_its_number() -> None:
    told = Told()
    lines = [line for _ in range(1_000) for line in told.tell_not_sent()]
    assert {line["event"] for line in lines} == {"row asked for again is not sent"}
    assert len(lines) == _LINES_MAX
    lines = [line for _ in range(_LINES_MAX + 5) for line in told.tell(None)]
    assert {line["event"] for line in lines} == {"event rejected"}
    assert len(lines) == _LINES_MAX
    assert not any("not_told_before" in line for line in lines)
    told.now += _SECONDS
    (line,) = told.tell_not_sent()
    assert line["not_told_before"] == 1_000 - _LINES_MAX
    (line,) = told.tell(None)
    assert line["not_told_before"] == 5
