"""How much one caller may send: a token bucket each.

A bucket fills at the caller's rate up to a few seconds' worth, and each event or request
takes one out. A request is let in while there is anything, and may take the bucket below
zero: a batch is not split. So the average holds, and the bursts are bounded by one batch.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from ccstream.gateway.auth import Identity
from ccstream.gateway.problems import ProblemError
from ccstream.ops.settings import GatewaySettings

__all__ = ["CALLERS_MAX", "Limiter"]

CALLERS_MAX: Final = 100_000
"""Buckets that are kept: some 20 MB. The caller that was away longest gets a full one."""


class _Bucket:
    __slots__ = ("at", "left")

    def __init__(self, left: float, at: float) -> None:
        self.left = left
        self.at = at


class Limiter:
    """The buckets of all callers of one gateway."""

    def __init__(
        self, settings: GatewaySettings, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def charge(self, identity: Identity, amount: int = 1) -> None:
        """Take ``amount`` out of the caller's bucket.

        Raises:
            ProblemError: rate-limited, with the seconds to wait; nothing was taken.
        """
        self.charge_id(identity.id, self._rate(identity), amount)

    def charge_id(self, caller: str, rate: int, amount: int = 1) -> None:
        """The same for whom there is no identity (yet)."""
        burst = rate * self._settings.rate_burst_seconds
        now = self._clock()
        bucket = self._buckets.get(caller)
        if bucket is None:
            bucket = self._buckets[caller] = _Bucket(burst, now)
            if len(self._buckets) > CALLERS_MAX:
                self._buckets.popitem(last=False)
        else:
            self._buckets.move_to_end(caller)
        bucket.left = min(burst, bucket.left + (now - bucket.at) * rate)
        bucket.at = now
        if bucket.left < 1:
            wait_s = math.ceil((1 - bucket.left) / rate)
            raise ProblemError(
                "rate-limited",
                f"More than {rate} events and requests a second; try again in {wait_s} s.",
                headers={"Retry-After": str(wait_s)},
            )
        bucket.left -= amount

    def _rate(self, identity: Identity) -> int:
        if identity.rate is not None:
            return identity.rate
        if identity.customer is not None:
            return self._settings.rate_customer_per_second
        return self._settings.rate_per_second
