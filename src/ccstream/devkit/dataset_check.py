"""Compares what the pipeline said with the truth of the data set, figure by figure."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from ccstream.devkit.completejourney_truth import Truth
from ccstream.devkit.dataset_facts import Facts

__all__ = ["Comparison", "Difference", "compare", "complete"]


@dataclass(frozen=True, slots=True)
class Difference:
    """One figure that is not what the data set says."""

    where: str
    expected: object
    found: object

    def __str__(self) -> str:
        return f"{self.where}: expected {self.expected}, found {self.found}"


@dataclass(frozen=True)
class Comparison:
    """How many figures were compared, by what they are, and all that differ."""

    compared: dict[str, int]
    differences: list[Difference]

    @property
    def equal(self) -> bool:
        return not self.differences


def complete(truth: Truth, facts: Facts) -> bool:
    """Whether there is a word on every basket, order and household, right or wrong."""
    return (
        len(facts.baskets) >= len(facts.last_item_ids)
        and len(facts.orders) >= len(truth.baskets)
        and all(
            (touch := facts.last_touch(subject)) is not None and touch[0] == household.last_event_id
            for subject, household in truth.households.items()
        )
    )


def compare(truth: Truth, facts: Facts) -> Comparison:
    """Baskets before check-out, orders, last touches, and the sums of each household."""
    differences: list[Difference] = []

    def expect(where: str, expected: object, found: object) -> None:
        if expected != found:
            differences.append(Difference(where, expected, found))

    units: dict[str, int] = defaultdict(int)
    item_cents: dict[str, int] = defaultdict(int)
    orders: dict[str, int] = defaultdict(int)
    order_cents: dict[str, int] = defaultdict(int)
    for number, basket in truth.baskets.items():
        if basket.last_item_id is not None:
            seen = facts.baskets.get(basket.last_item_id)
            expect(
                f"basket {number} before check-out (household, units, cents)",
                (basket.subject, basket.units, basket.item_cents),
                seen and (seen.subject, seen.units, seen.cents),
            )
            if seen is not None:
                units[seen.subject] += seen.units
                item_cents[seen.subject] += seen.cents
        order = facts.orders.get(number)
        expect(
            f"order {number} (household, lines, cents in lines, cents in total)",
            (basket.subject, basket.order_lines, basket.order_cents, basket.order_cents),
            order and (order.subject, order.lines, order.line_cents, order.total_cents),
        )
        if order is not None:
            orders[order.subject] += 1
            order_cents[order.subject] += order.total_cents
    for subject, household in truth.households.items():
        expect(
            f"{subject} (units, cents in baskets, orders, cents in orders)",
            (household.units, household.item_cents, household.orders, household.order_cents),
            (units[subject], item_cents[subject], orders[subject], order_cents[subject]),
        )
        expect(
            f"last touch of {subject} (event, time)",
            (household.last_event_id, household.last_at),
            facts.last_touch(subject),
        )
    for number in facts.orders.keys() - truth.baskets.keys():
        expect(f"order {number}", None, facts.orders[number])
    return Comparison(
        {
            "baskets": len(facts.last_item_ids),
            "orders": len(truth.baskets),
            "households": len(truth.households),
            "last_touches": len(truth.households),
        },
        differences,
    )
