"""The demo's terminal view: the channels side by side, each showing what its screens show."""

from __future__ import annotations

from collections.abc import Mapping

from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from ccstream.client.view import SyncView
from ccstream.devkit import newsletter
from ccstream.devkit.demo_session import DemoSession, Latencies
from ccstream.devkit.shoppers import MARKETING

__all__ = ["draw"]

_TITLES = {
    "web": "Web shop",
    "app": "App",
    "store": "Till",
    "call_centre": "Call centre",
    MARKETING: "Marketing",
}
_STYLES = {
    "web": "cyan",
    "app": "magenta",
    "store": "green",
    "call_centre": "yellow",
    MARKETING: "blue",
}
_NEWSLETTER = {None: "never asked", "granted": "newsletter", "withdrawn": "withdrawn"}
_LINES_SHOWN = 4
_TIMES = "\u00d7"


def draw(session: DemoSession, shoppers: Mapping[str, str], width: int) -> RenderableType:
    """The whole screen; ``shoppers`` are names by subject."""
    columns = max(1, min(len(session.views), width // 36))
    each = max(30, width // columns - 2)
    panels = [
        _panel(channel, view, shoppers, session.latencies, each)
        for channel, view in session.views.items()
    ]
    where = "embedded broker" if session.embedded else "real cluster"
    foot = Text.assemble(
        ("  every channel has a view of its own; the times are from an event to it", "dim"),
        (f"  ·  {session.published} events  ·  {where}  ·  Ctrl-C ends it", "dim"),
    )
    return Group(
        Text("  One basket, on every channel, now", style="bold"),
        Columns(panels, width=each, padding=(0, 1)),
        foot,
    )


def _panel(
    channel: str, view: SyncView, shoppers: Mapping[str, str], latencies: Latencies, width: int
) -> Panel:
    table = Table(box=None, expand=True, show_header=False, padding=(0, 1, 0, 0))
    table.add_column()
    table.add_column(justify="right")
    add = _add_reader if channel == MARKETING else _add_shopper
    for subject, name in shoppers.items():
        add(table, view, subject, name)
    p50, p99 = latencies.quantile(0.5, channel), latencies.quantile(0.99, channel)
    speed = "waiting for events" if p50 is None else f"p50 {p50:.0f} ms · p99 {p99:.0f} ms"
    return Panel(
        table,
        title=Text(_TITLES.get(channel, channel), style="bold"),
        subtitle=Text(speed, style="dim"),
        border_style=_STYLES.get(channel, "white"),
        width=width,
    )


def _add_reader(table: Table, view: SyncView, subject: str, name: str) -> None:
    """Grey is whoever may not be written to."""
    status = newsletter.status(view, subject)
    style = "bold blue" if status == "granted" else "dim"
    table.add_row(Text(name, style=style), Text(_NEWSLETTER[status], style=style))


def _add_shopper(table: Table, view: SyncView, subject: str, name: str) -> None:
    cart, touched = view.cart(subject), view.last_touch(subject)
    lines = sorted(cart.lines, key=lambda line: -line.changed_at) if cart is not None else []
    priced = [(line.unit_price, line.quantity) for line in lines]
    total = sum(price.amount_minor * quantity for price, quantity in priced if price is not None)
    last = ""
    if touched is not None:
        channel = touched.last.channel
        last = f"[{_STYLES.get(channel, 'white')}]last: {_TITLES.get(channel, channel)}[/]"
    table.add_row(Text(name, style="bold"), last)
    for line in lines[:_LINES_SHOWN]:
        price = (
            ""
            if line.unit_price is None
            else f"{line.unit_price.amount_minor * line.quantity / 100:.2f} €"
        )
        style = _STYLES.get(line.channel, "white")
        table.add_row(
            Text(f" {line.quantity} {_TIMES} {line.name or line.sku}", style=style), price
        )
    for _ in range(_LINES_SHOWN - min(len(lines), _LINES_SHOWN)):
        table.add_row("", "")
    more = len(lines) - _LINES_SHOWN
    hidden = f" and {more} more" if more > 0 else ""
    table.add_row(Text(hidden, style="dim"), Text(f"{total / 100:.2f} €", style="dim"))
