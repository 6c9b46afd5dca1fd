"""What cannot be split is told with what to do, before anything is read or published."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.cli.conftest import Ended


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("customer:42",), "is an account, which is what others are linked to: name by --from"),
        (("till:3",), "till:3 is shared, and never linked"),
        (("loyalty:77", "--from", "till:3"), "till:3 is shared, and never linked"),
        (("visitor:9f",), "visitor:9f is a device, and goes with whoever logged in last"),
        (("loyalty:77", "--from", "loyalty:77"), "cannot be split from itself"),
        (("loyalty:77", "--never-again"), "--never-again needs --from"),
    ],
)
def test_what_cannot_be_split_is_told_with_what_to_do(
    ccstream: Callable[..., Ended], arguments: tuple[str, ...], said: str
) -> None:
    ended = ccstream("identity", "split", *arguments, "--bootstrap", "127.0.0.1:1")
    assert (ended.code, ended.out) == (2, "")
    assert said in " ".join(ended.err.split())
