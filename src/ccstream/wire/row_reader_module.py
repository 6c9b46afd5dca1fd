"""Prints ``row_readers.py``: a reader for the rows that every event reads (``make generate``)."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Final

from ccstream.wire.reader import reader_source
from ccstream.wire.schemas import schema

__all__ = ["source"]

_HEAD: Final = '''"""Readers of the rows that every event reads, one function a schema.

Made from ``schemas/state`` by ``make generate``; not to be edited. They stand in a module so
that they can be compiled with the rest of the hot path; `reader` says what they promise. Lines of
a cart are passed over by `cart_lines`, which is written by hand.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ccstream.domain.cart_state import Absorbed, Dot, Line, LineKey, PendingRemoval, Position
from ccstream.domain.events import Campaign, Money
from ccstream.domain.touch import Earlier, Touch, Touches, Trail, Visit
from ccstream.domain.window import SourceWindow
from ccstream.wire.cart_lines import line_at
from ccstream.wire.cart_rows import cart_absorbed, cart_dot, cart_entry, cart_line, cart_position
from ccstream.wire.entry import Entry, damaged_row
from ccstream.wire.touch_rows import touch_entry, touch_share
from ccstream.wire.varint import Malformed, long, long_length
from ccstream.wire.window_rows import window_entry, window_source

__all__ = ["ROW_READERS"]

'''

_ROWS: Final = ("CartRow", "TouchRow", "WindowRow")

_CLASSES: Final[Mapping[str, str]] = {
    "ccstream.common.v1.Campaign": "Campaign",
    "ccstream.common.v1.Money": "Money",
    "ccstream.cart.v1.CartLineKey": "LineKey",
    "ccstream.state.v1.CartAbsorbed": "cart_absorbed",
    "ccstream.state.v1.CartDot": "cart_dot",
    "ccstream.state.v1.CartPendingRemoval": "PendingRemoval",
    "ccstream.state.v1.CartPosition": "cart_position",
    "ccstream.state.v1.CartRow": "cart_entry",
    "ccstream.state.v1.CartRowLine": "cart_line",
    "ccstream.state.v1.TouchEarlier": "Earlier",
    "ccstream.state.v1.TouchRow": "touch_entry",
    "ccstream.state.v1.TouchShare": "touch_share",
    "ccstream.state.v1.TouchTrail": "Trail",
    "ccstream.state.v1.TouchVisit": "Visit",
    "ccstream.state.v1.WindowRow": "window_entry",
    "ccstream.state.v1.WindowSource": "window_source",
    "ccstream.touch.v1.Touch": "Touch",
}

_TYPES: Final[Mapping[str, str]] = {
    "ccstream.state.v1.CartAbsorbed": "Absorbed",
    "ccstream.state.v1.CartDot": "Dot",
    "ccstream.state.v1.CartPosition": "Position",
    "ccstream.state.v1.CartRow": "Entry",
    "ccstream.state.v1.CartRowLine": "Line",
    "ccstream.state.v1.TouchRow": "Entry",
    "ccstream.state.v1.TouchShare": "tuple[str, Touches]",
    "ccstream.state.v1.WindowRow": "Entry",
    "ccstream.state.v1.WindowSource": "tuple[str, SourceWindow]",
}

_ENCODED: Final[Mapping[str, str]] = {
    "ccstream.state.v1.TouchTrail": "encoded",
    "ccstream.touch.v1.Touch": "encoded",
}

_LINE: Final = "_read_cart_line"
_ELSEWHERE: Final[Mapping[str, str]] = {
    "ccstream.state.v1.CartRowLine": "line_at(b, p, read_cart_line)",
}

_KEPT: Final = f'''

def read_cart_line(kept: bytes) -> Line:
    """The line that a row has left in these bytes.

    Raises:
        StateError: they are none.
    """
    try:
        return {_LINE}(kept, 0)
    except (Malformed, IndexError, UnicodeDecodeError) as error:
        raise damaged_row("CartRow", error) from error
'''


def source() -> str:
    """The module's source."""
    line = schema("CartRowLine").parsed
    parts = [_HEAD, "\n" + reader_source(line, _CLASSES, _LINE, types=_TYPES), _KEPT + "\n\n"]
    names = {schema(row).fullname: f"_{index}_{row}" for index, row in enumerate(_ROWS)}
    for fullname, name in names.items():
        parsed = schema(fullname).parsed
        made = reader_source(
            parsed, _CLASSES, name, types=_TYPES, encoded=_ENCODED, elsewhere=_ELSEWHERE
        )
        parts.append("\n" + made + "\n\n")
    parts.append("\nROW_READERS: Final[dict[str, Callable[[bytes, int], Entry]]] = {\n")
    parts += [f'    "{fullname}": {name},\n' for fullname, name in names.items()]
    parts.append('}\n"""By the full name of the schema."""\n')
    return "".join(parts)


if __name__ == "__main__":
    sys.stdout.write(source())
