"""The token bucket of each caller."""

from __future__ import annotations

import pytest

from ccstream.gateway import limits
from ccstream.gateway.auth import Grant, Identity
from ccstream.gateway.limits import Limiter
from ccstream.gateway.problems import ProblemError
from ccstream.ops.settings import GatewaySettings


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def limiter(clock: Clock) -> Limiter:
    settings = GatewaySettings(rate_per_second=10, rate_customer_per_second=1, rate_burst_seconds=2)
    return Limiter(settings, clock)


SHOP = Identity(id="shop", grants=())
TILL = Identity(id="till", grants=(), rate=5)
CUSTOMER = Identity(id="customer", grants=(Grant("read", own=True),), customer="customer:42")


def taken(limiter: Limiter, who: Identity, amount: int = 1) -> int:
    """How often somebody is let in before it is sent away."""
    for count in range(1_000):
        try:
            limiter.charge(who, amount)
        except ProblemError:
            return count
    raise AssertionError


def test_a_burst_is_let_in_then_the_rate_holds(limiter: Limiter, clock: Clock) -> None:
    assert taken(limiter, SHOP) == 20
    clock.now += 1
    assert taken(limiter, SHOP) == 10
    clock.now += 1_000
    assert taken(limiter, SHOP) == 20


def test_each_has_the_rate_of_its_own(limiter: Limiter) -> None:
    assert [taken(limiter, who) for who in (SHOP, TILL, CUSTOMER)] == [20, 10, 2]


def test_a_batch_is_let_in_whole_and_paid_for_afterwards(limiter: Limiter, clock: Clock) -> None:
    limiter.charge(SHOP, 100)
    with pytest.raises(ProblemError) as refused:
        limiter.charge(SHOP)
    assert refused.value.headers["Retry-After"] == "9"
    clock.now += 8.9
    assert taken(limiter, SHOP) == 9


def test_one_callers_hurry_is_not_anothers(limiter: Limiter) -> None:
    taken(limiter, SHOP)
    limiter.charge(TILL)


def test_the_callers_that_are_remembered_are_bounded(
    limiter: Limiter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "CALLERS_MAX", 3)
    taken(limiter, SHOP)
    for number in range(10):
        limiter.charge_id(f"address {number}", 10)
    assert len(limiter._buckets) == 3
