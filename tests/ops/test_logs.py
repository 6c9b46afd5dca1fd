from __future__ import annotations

import ast
import io
import json
import logging
import time
from pathlib import Path

import pytest
from confluent_kafka import KafkaException

from ccstream.errors import StateError
from ccstream.ops.logs import PERSONAL, REDACTED, REPEAT_SECONDS, configure, logger
from ccstream.ops.settings import LogSettings

SOURCES = Path(__file__).parents[2] / "src" / "ccstream"


def logged(**settings: str) -> tuple[io.StringIO, LogSettings]:
    stream = io.StringIO()
    chosen = LogSettings.model_validate({"format": "json", **settings})
    configure(chosen, stream)
    return stream, chosen


def test_a_line_is_one_json_object_with_time_level_and_origin() -> None:
    stream, _ = logged()
    logger("ccstream.test").info("partitions assigned", count=3)
    line = json.loads(stream.getvalue())
    assert line["event"] == "partitions assigned"
    assert line["count"] == 3
    assert line["level"] == "info"
    assert line["logger"] == "ccstream.test"
    assert line["timestamp"].endswith("Z")


@pytest.mark.parametrize("name", sorted(PERSONAL))
@pytest.mark.parametrize("style", ["json", "console"])
def test_no_personal_value_reaches_the_log(name: str, style: str) -> None:
    stream, _ = logged(format=style)
    secret = "customer:4711"
    logger("t").warning("odd", **{name: secret})
    logger("t").warning("odd", where={"deep": [{name: secret}]})
    assert secret not in stream.getvalue()
    assert stream.getvalue().count(REDACTED) == 2


def test_bytes_are_logged_as_their_length() -> None:
    stream, _ = logged()
    logger("t").info("odd", found=b"customer:4711", several=[b"customer:4711"])
    assert "4711" not in stream.getvalue()
    assert json.loads(stream.getvalue())["found"] == "<13 bytes>"


def test_other_libraries_speak_in_the_same_form() -> None:
    stream, _ = logged()
    logging.getLogger("some.library").warning("hello %s", "there")
    assert json.loads(stream.getvalue())["event"] == "hello there"


def test_the_chatter_of_the_kafka_clients_is_left_out() -> None:
    stream, _ = logged(level="info")
    logging.getLogger("aiokafka.consumer").info("Updating subscribed topics")
    assert stream.getvalue() == ""


def test_the_level_is_the_least_that_is_written() -> None:
    stream, _ = logged(level="warning")
    logger("t").info("not this")
    logger("t").error("this")
    assert "not this" not in stream.getvalue()
    assert "this" in stream.getvalue()


def test_an_exception_is_logged_with_its_trace() -> None:
    stream, _ = logged()
    try:
        raise RuntimeError("broken")
    except RuntimeError:
        logger("t").exception("stopped")
    assert json.loads(stream.getvalue())["exception"][0]["exc_type"] == "RuntimeError"


@pytest.mark.parametrize("style", ["json", "console"])
def test_the_trace_of_an_exception_shows_no_local_variables(style: str) -> None:
    stream, _ = logged(format=style)

    def fold(subject: str) -> None:
        found = [subject] * 2
        raise RuntimeError(f"broken {len(found)}")

    try:
        fold("customer:4711")
    except RuntimeError:
        logger("t").exception("stopped")
    text = stream.getvalue().replace('fold("customer:4711")', "")
    assert "RuntimeError" in text
    assert "4711" not in text


@pytest.mark.parametrize("style", ["json", "console"])
def test_what_an_error_of_ours_or_of_a_library_quotes_stays_out_of_the_log(style: str) -> None:
    stream, _ = logged(format=style)
    rows: dict[str, int] = {}
    key = "customer:4711"
    try:
        try:
            rows[key]
        except KeyError as error:
            error.add_note(f"while folding {key}")
            raise RuntimeError(f"no row of {key}") from error
    except RuntimeError:
        logger("t").exception("stopped")
        logging.getLogger("aiokafka").exception("and so did a library")
    try:
        raise ExceptionGroup(f"of {key}", [ValueError(key)])
    except ExceptionGroup:
        logger("t").exception("stopped in a group")
    text = stream.getvalue()
    for name in "KeyError", "RuntimeError", "ExceptionGroup", "ValueError":
        assert name in text
    assert "test_logs.py" in text
    assert "4711" not in text.replace('"customer:4711"', "")


@pytest.mark.parametrize("style", ["json", "console"])
@pytest.mark.parametrize("error", [StateError("no"), OSError(2, "no"), KafkaException("no")])
def test_what_errors_say_that_speak_of_no_customer_is_logged(style: str, error: Exception) -> None:
    stream, _ = logged(format=style)
    logger("t").error("stopped", exc_info=error)
    assert str(error) in stream.getvalue()


LOG_CALLS = {"debug", "info", "warning", "error", "exception", "critical"}


def test_no_source_formats_a_personal_value_into_a_message() -> None:
    """The processor sees names, not what an f-string has already put into the text."""
    found = []
    for path in SOURCES.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            owner = ast.unparse(node.func.value)
            if node.func.attr not in LOG_CALLS or "log" not in owner.lower() or not node.args:
                continue
            if isinstance(node.args[0], ast.JoinedStr):
                found.append(f"{path.name}:{node.lineno}")
    assert not found, f"log with keywords instead of f-strings: {found}"


def test_what_a_library_says_over_and_over_is_told_once_in_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stream, _ = logged()
    now = 1000.0
    monkeypatch.setattr(time, "time", lambda: now)
    monkeypatch.setattr(time, "time_ns", lambda: int(now * 1e9))

    def lines() -> list[str]:
        return [json.loads(line)["event"] for line in stream.getvalue().splitlines()]

    def complain(node: int) -> None:
        logging.getLogger("aiokafka.conn").error("no connection to node %d", node)

    for _ in range(50):
        complain(1)
    logging.getLogger("aiokafka").error("something else")
    assert lines() == ["no connection to node 1", "something else"]
    now += REPEAT_SECONDS
    complain(2)
    assert lines()[2:] == ["no connection to node 2 (and 49 more before)"]


def test_our_own_lines_are_never_held_back() -> None:
    stream, _ = logged()
    for _ in range(3):
        logger("ccstream.engine").warning("restarting the worker")
    assert len(stream.getvalue().splitlines()) == 3
