"""What is said of an exception."""

from __future__ import annotations

import pytest

from ccstream.domain import reasons
from ccstream.engine.failure import failure, failure_of_row

SECRET = "14 Rose Lane"


class MisreadError(Exception):
    pass


def read() -> None:
    try:
        raise KeyError(SECRET)
    except KeyError as cause:
        cause.add_note(f"of {SECRET}")
        raise MisreadError(f"no street: {SECRET}") from cause


def caught(*, of_row: bool) -> str:
    try:
        read()
    except MisreadError as error:
        told = failure_of_row(error) if of_row else failure()
        assert told.reason == reasons.FAILED
        return told.detail
    pytest.fail("nothing was raised")


def test_of_an_event_it_says_what_the_exception_says() -> None:
    assert f"MisreadError: no street: {SECRET}" in caught(of_row=False)


def test_of_a_row_it_says_where_and_what_kind_and_nothing_that_may_quote_it() -> None:
    detail = caught(of_row=True)
    assert SECRET not in detail
    assert detail.startswith("Traceback (most recent call last):\n")
    assert "in read\n" in detail and "in caught\n" in detail
    assert detail.index("KeyError\nfollowed by") < detail.index("MisreadError\n")
    assert detail.endswith("MisreadError\n")


def test_of_a_long_one_of_a_row_the_end_is_kept() -> None:
    def deep(calls: int) -> None:
        if not calls:
            raise MisreadError(SECRET)
        deep(calls // 2) if calls % 2 else deep(calls - 1)

    error: BaseException = ValueError()
    for _ in range(30):
        following = MisreadError(SECRET)
        following.__cause__ = error
        try:
            deep(5)
        except MisreadError as raised:
            raised.__cause__ = following
            error = raised
    detail = failure_of_row(error).detail
    assert len(detail) == 4_000 and detail.endswith("MisreadError\n")
    assert SECRET not in detail
