"""What is said of an exception."""

from __future__ import annotations

from ccstream.domain import reasons
from ccstream.engine.failure import failure

SECRET = "14 Rose Lane"


class MisreadError(Exception):
    pass


def read() -> None:
    try:
        raise KeyError(SECRET)
    except KeyError as cause:
        cause.add_note(f"of {SECRET}")
        raise MisreadError(f"no street: {SECRET}") from cause


def test_it_says_where_and_what_kind_and_nothing_that_may_quote_somebody() -> None:
    try:
        read()
    except MisreadError as error:
        told = failure(error)
    assert told.reason == reasons.FAILED
    assert SECRET not in told.detail
    assert told.detail.startswith("Traceback (most recent call last):\n")
    assert "in read\n" in told.detail
    assert told.detail.index("KeyError\nfollowed by") < told.detail.index("MisreadError\n")
    assert told.detail.endswith("MisreadError\n")


def test_of_a_long_one_the_end_is_kept() -> None:
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
    detail = failure(error).detail
    assert len(detail) == 4_000 and detail.endswith("MisreadError\n")
    assert SECRET not in detail
