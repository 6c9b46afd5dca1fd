"""How customers, of whom a few do much more than others, are spread over partitions."""

from __future__ import annotations

import random

from ccstream.wire.partition import partition_for

__all__ = ["weights"]

KNOWN = 20_000
"""Customers whose partition is looked up one by one: those that do the most. All others together
are spread evenly, as by so many a hash does."""


def weights(partitions: int, customers: int, exponent: float, seed: int = 1) -> list[float]:
    """Each partition's share of the events.

    Args:
        partitions: how many there are.
        customers: how many there are.
        exponent: of Zipf's law: the n-th busiest customer does ``n ** -exponent`` of the busiest.
            0: all do the same; 1: of a million customers the busiest does 7 %.
        seed: which customers are busy.
    """
    chance = random.Random(seed)
    shares = [(rank + 1) ** -exponent for rank in range(min(KNOWN, customers))]
    rest = _rest(len(shares), customers, exponent)
    total = sum(shares) + rest
    found = [rest / total / partitions] * partitions
    for share in shares:
        key = b"customer:%d" % chance.randrange(10**12)
        found[partition_for(key, partitions)] += share / total
    return found


def _rest(known: int, customers: int, exponent: float) -> float:
    """What all customers beyond the known do, by the integral."""
    if customers <= known:
        return 0.0
    if exponent == 1:
        from math import log

        return log(customers / known)
    power = 1 - exponent
    return (customers**power - known**power) / power
