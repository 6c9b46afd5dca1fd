"""What waits for one client is bounded."""

from __future__ import annotations

import asyncio

from ccstream.gateway.subscription import BYTES_MAX, MESSAGES_MAX, Subscription


def subscription() -> Subscription:
    return Subscription("customer:1", "customer:1", "print", (0,), "web")


async def test_what_was_said_is_taken_together_and_in_order() -> None:
    one = subscription()
    one.put(b"a")
    one.put(b"b")
    assert await one.take(1) == b"ab"
    assert await one.take(0.01) == b""


async def test_a_client_that_takes_nothing_is_given_up_and_nothing_is_kept_for_it() -> None:
    for message, most in ((b"x", MESSAGES_MAX), (b"x" * (BYTES_MAX // 4), 4)):
        one = subscription()
        for _ in range(most):
            one.put(message)
        assert one.ending is None
        one.put(message)
        assert one.ending == "slow"
        assert await one.take(1) is None
        one.put(b"more")
        assert await one.take(1) is None


async def test_a_single_message_may_be_large() -> None:
    one = subscription()
    one.put(b"x" * (2 * BYTES_MAX))
    assert len(await one.take(1) or b"") == 2 * BYTES_MAX


async def test_what_was_said_before_the_end_is_still_taken_and_the_first_reason_counts() -> None:
    one = subscription()
    one.put(b"last")
    one.end("stopping")
    one.end("hung_up")
    assert await one.take(1) == b"last"
    assert await one.take(1) is None
    assert one.ending == "stopping"


async def test_who_waits_hears_at_once_what_is_said() -> None:
    one = subscription()
    asyncio.get_running_loop().call_later(0.01, one.put, b"a")
    async with asyncio.timeout(5):
        assert await one.take(60) == b"a"
