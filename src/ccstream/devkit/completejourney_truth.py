"""What the pipeline must come to for the data set, computed from its lines by polars alone.

Nothing here looks at an event: the figures are sums and maxima over the columns, so that
an error in making the events, folding them or encoding the result shows as a difference.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from ccstream.devkit.completejourney import Journey

__all__ = ["BasketTruth", "HouseholdTruth", "Truth", "compute"]


@dataclass(frozen=True, slots=True)
class BasketTruth:
    """One basket: what is in it before check-out, and the order that it became."""

    subject: str
    last_item_id: str | None
    """The event that completes the basket; None if nothing was in it."""
    units: int
    item_cents: int
    """What the items amount to; lines with quantity 0 are not among them."""
    order_lines: int
    order_cents: int


@dataclass(frozen=True, slots=True)
class HouseholdTruth:
    """One household: its sums over all baskets, and its last event."""

    units: int
    item_cents: int
    orders: int
    order_cents: int
    last_event_id: str
    last_at: int


@dataclass(frozen=True)
class Truth:
    """By basket number (as an order id) and by subject."""

    baskets: dict[str, BasketTruth]
    households: dict[str, HouseholdTruth]


def compute(journey: Journey) -> Truth:
    """The expected figures of ``journey``'s lines."""
    quantity, cents = pl.col("quantity"), pl.col("cents")
    item = quantity > 0
    baskets = (
        journey.lines.group_by("basket")
        .agg(
            pl.col("household").first(),
            pl.col("at").first(),
            quantity.sum().alias("units"),
            cents.filter(item).sum().alias("item_cents"),
            (pl.len() + (cents.filter(item) % quantity.filter(item) != 0).sum()).alias(
                "order_lines"
            ),
            cents.sum().alias("order_cents"),
            # An item whose total does not divide by its quantity is two events.
            (item.sum() + (cents.filter(item) % quantity.filter(item) != 0).sum()).alias("items"),
        )
        .with_columns(
            pl.format("customer:{}", "household").alias("subject"),
            _event_id(pl.col("items")).alias("last_item_id"),
            _event_id(pl.col("items") + 1).alias("order_event_id"),
        )
    )
    households = (
        baskets.sort("at", "order_event_id")
        .group_by("subject")
        .agg(
            pl.col("units", "item_cents", "order_cents").sum(),
            pl.len().alias("orders"),
            pl.col("order_event_id").last().alias("last_event_id"),
            pl.col("at").last().alias("last_at"),
        )
    )
    return Truth(
        baskets={
            str(row["basket"]): BasketTruth(
                subject=row["subject"],
                last_item_id=row["last_item_id"] if row["items"] else None,
                units=row["units"],
                item_cents=row["item_cents"],
                order_lines=row["order_lines"],
                order_cents=row["order_cents"],
            )
            for row in baskets.iter_rows(named=True)
        },
        households={
            row.pop("subject"): HouseholdTruth(**row) for row in households.iter_rows(named=True)
        },
    )


def _event_id(number: pl.Expr) -> pl.Expr:
    return pl.format("{}-{}", pl.col("basket"), number.cast(pl.String).str.zfill(4))
