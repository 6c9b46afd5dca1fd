"""Readers of the rows that every event reads, one function a schema.

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


def _read_cart_line(b: bytes, p: int) -> Line:
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v1 = b[p:q].decode(); p = q
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v2 = b[p:q].decode(); p = q
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v3 = b[p:q].decode(); p = q
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v4 = b[p:q].decode(); p = q
    v5: list[Dot] = []
    while b[p]:
        v6, p = long(b, p)
        if v6 < 0:
            v6 = -v6; n, p = long_length(b, p)
        if v6 > len(b) - p: raise IndexError('cut short')
        while v6:
            v6 -= 1
            n = b[p]
            if n & 0x81: n, p = long_length(b, p)
            else: n >>= 1; p += 1
            q = p + n; v7 = b[p:q].decode(); p = q
            n = b[p]
            if n & 0x81: n, p = long_length(b, p)
            else: n >>= 1; p += 1
            q = p + n; v8 = b[p:q].decode(); p = q
            n = b[p]
            if n & 0x81: n, p = long_length(b, p)
            else: n >>= 1; p += 1
            q = p + n; v9 = b[p:q].decode(); p = q
            n = b[p]; p += 1
            if n < 128: v10 = (n >> 1) ^ -(n & 1)
            else: v10, p = long(b, p - 1)
            n = b[p]; p += 1
            if n < 128: v11 = (n >> 1) ^ -(n & 1)
            else: v11, p = long(b, p - 1)
            n = b[p]; p += 1
            if n < 128: v12 = (n >> 1) ^ -(n & 1)
            else: v12, p = long(b, p - 1)
            v13: list[Position] = []
            while b[p]:
                v14, p = long(b, p)
                if v14 < 0:
                    v14 = -v14; n, p = long_length(b, p)
                if v14 > len(b) - p: raise IndexError('cut short')
                while v14:
                    v14 -= 1
                    n = b[p]; p += 1
                    if n < 128: v15 = (n >> 1) ^ -(n & 1)
                    else: v15, p = long(b, p - 1)
                    if not -2147483648 <= v15 < 2147483648:
                        raise Malformed('an int of more than 32 bits')
                    n = b[p]; p += 1
                    if n < 128: v16 = (n >> 1) ^ -(n & 1)
                    else: v16, p = long(b, p - 1)
                    if not -2147483648 <= v16 < 2147483648:
                        raise Malformed('an int of more than 32 bits')
                    n = b[p]; p += 1
                    if n < 128: v17 = (n >> 1) ^ -(n & 1)
                    else: v17, p = long(b, p - 1)
                    v18 = cart_position(partition=v15, topic=v16, offset=v17)
                    v13.append(v18)
            p += 1
            v19: None | Money
            n = b[p]; p += 1
            if n == 2:
                n = b[p]; p += 1
                if n < 128: v20 = (n >> 1) ^ -(n & 1)
                else: v20, p = long(b, p - 1)
                n = b[p]
                if n & 0x81: n, p = long_length(b, p)
                else: n >>= 1; p += 1
                q = p + n; v21 = b[p:q].decode(); p = q
                v22 = Money(amount_minor=v20, currency=v21)
                v19 = v22
            elif n == 0:
                v19 = None
            else: raise Malformed('a union index that does not exist')
            v24: None | str
            n = b[p]; p += 1
            if n == 2:
                n = b[p]
                if n & 0x81: n, p = long_length(b, p)
                else: n >>= 1; p += 1
                q = p + n; v25 = b[p:q].decode(); p = q
                v24 = v25
            elif n == 0:
                v24 = None
            else: raise Malformed('a union index that does not exist')
            n = b[p]
            if n & 0x81: n, p = long_length(b, p)
            else: n >>= 1; p += 1
            q = p + n; v27 = b[p:q].decode(); p = q
            v28: None | bytes
            n = b[p]; p += 1
            if n == 2:
                n = b[p]
                if n & 0x81: n, p = long_length(b, p)
                else: n >>= 1; p += 1
                q = p + n; v29 = b[p:q]; p = q
                v28 = v29
            elif n == 0:
                v28 = None
            else: raise Malformed('a union index that does not exist')
            v31 = cart_dot(event_id=v7, channel=v8, source=v9, quantity=v10, occurred_at=v11, appended_at=v12, positions=tuple(v13), unit_price=v19, name=v24, origin=v27, event_uuid=v28)
            v5.append(v31)
    p += 1
    v32: list[Dot] = []
    while b[p]:
        v33, p = long(b, p)
        if v33 < 0:
            v33 = -v33; n, p = long_length(b, p)
        if v33 > len(b) - p: raise IndexError('cut short')
        while v33:
            v33 -= 1
            n = b[p]
            if n & 0x81: n, p = long_length(b, p)
            else: n >>= 1; p += 1
            q = p + n; v34 = b[p:q].decode(); p = q
            n = b[p]
            if n & 0x81: n, p = long_length(b, p)
            else: n >>= 1; p += 1
            q = p + n; v35 = b[p:q].decode(); p = q
            n = b[p]
            if n & 0x81: n, p = long_length(b, p)
            else: n >>= 1; p += 1
            q = p + n; v36 = b[p:q].decode(); p = q
            n = b[p]; p += 1
            if n < 128: v37 = (n >> 1) ^ -(n & 1)
            else: v37, p = long(b, p - 1)
            n = b[p]; p += 1
            if n < 128: v38 = (n >> 1) ^ -(n & 1)
            else: v38, p = long(b, p - 1)
            n = b[p]; p += 1
            if n < 128: v39 = (n >> 1) ^ -(n & 1)
            else: v39, p = long(b, p - 1)
            v40: list[Position] = []
            while b[p]:
                v41, p = long(b, p)
                if v41 < 0:
                    v41 = -v41; n, p = long_length(b, p)
                if v41 > len(b) - p: raise IndexError('cut short')
                while v41:
                    v41 -= 1
                    n = b[p]; p += 1
                    if n < 128: v42 = (n >> 1) ^ -(n & 1)
                    else: v42, p = long(b, p - 1)
                    if not -2147483648 <= v42 < 2147483648:
                        raise Malformed('an int of more than 32 bits')
                    n = b[p]; p += 1
                    if n < 128: v43 = (n >> 1) ^ -(n & 1)
                    else: v43, p = long(b, p - 1)
                    if not -2147483648 <= v43 < 2147483648:
                        raise Malformed('an int of more than 32 bits')
                    n = b[p]; p += 1
                    if n < 128: v44 = (n >> 1) ^ -(n & 1)
                    else: v44, p = long(b, p - 1)
                    v45 = cart_position(partition=v42, topic=v43, offset=v44)
                    v40.append(v45)
            p += 1
            v46: None | Money
            n = b[p]; p += 1
            if n == 2:
                n = b[p]; p += 1
                if n < 128: v47 = (n >> 1) ^ -(n & 1)
                else: v47, p = long(b, p - 1)
                n = b[p]
                if n & 0x81: n, p = long_length(b, p)
                else: n >>= 1; p += 1
                q = p + n; v48 = b[p:q].decode(); p = q
                v49 = Money(amount_minor=v47, currency=v48)
                v46 = v49
            elif n == 0:
                v46 = None
            else: raise Malformed('a union index that does not exist')
            v51: None | str
            n = b[p]; p += 1
            if n == 2:
                n = b[p]
                if n & 0x81: n, p = long_length(b, p)
                else: n >>= 1; p += 1
                q = p + n; v52 = b[p:q].decode(); p = q
                v51 = v52
            elif n == 0:
                v51 = None
            else: raise Malformed('a union index that does not exist')
            n = b[p]
            if n & 0x81: n, p = long_length(b, p)
            else: n >>= 1; p += 1
            q = p + n; v54 = b[p:q].decode(); p = q
            v55: None | bytes
            n = b[p]; p += 1
            if n == 2:
                n = b[p]
                if n & 0x81: n, p = long_length(b, p)
                else: n >>= 1; p += 1
                q = p + n; v56 = b[p:q]; p = q
                v55 = v56
            elif n == 0:
                v55 = None
            else: raise Malformed('a union index that does not exist')
            v58 = cart_dot(event_id=v34, channel=v35, source=v36, quantity=v37, occurred_at=v38, appended_at=v39, positions=tuple(v40), unit_price=v46, name=v51, origin=v54, event_uuid=v55)
            v32.append(v58)
    p += 1
    v59 = cart_line(sku=v1, options_hash=v2, fulfilment=v3, store=v4, dots=tuple(v5), sets=tuple(v32))
    if p > len(b): raise IndexError('cut short')
    if p < len(b): raise Malformed('bytes are left after the record')
    return v59

def read_cart_line(kept: bytes) -> Line:
    """The line that a row has left in these bytes.

    Raises:
        StateError: they are none.
    """
    try:
        return _read_cart_line(kept, 0)
    except (Malformed, IndexError, UnicodeDecodeError) as error:
        raise damaged_row("CartRow", error) from error



def _0_CartRow(b: bytes, p: int) -> Entry:
    n = b[p]; p += 1
    if n < 128: v1 = (n >> 1) ^ -(n & 1)
    else: v1, p = long(b, p - 1)
    n = b[p]; p += 1
    if n < 128: v2 = (n >> 1) ^ -(n & 1)
    else: v2, p = long(b, p - 1)
    v3: None | str
    n = b[p]; p += 1
    if n == 2:
        n = b[p]
        if n & 0x81: n, p = long_length(b, p)
        else: n >>= 1; p += 1
        q = p + n; v4 = b[p:q].decode(); p = q
        v3 = v4
    elif n == 0:
        v3 = None
    else: raise Malformed('a union index that does not exist')
    v6: list[Line] = []
    while b[p]:
        v7, p = long(b, p)
        if v7 < 0:
            v7 = -v7; n, p = long_length(b, p)
        if v7 > len(b) - p: raise IndexError('cut short')
        while v7:
            v7 -= 1
            v8, p = line_at(b, p, read_cart_line)
            v6.append(v8)
    p += 1
    v9: list[PendingRemoval] = []
    while b[p]:
        v10, p = long(b, p)
        if v10 < 0:
            v10 = -v10; n, p = long_length(b, p)
        if v10 > len(b) - p: raise IndexError('cut short')
        while v10:
            v10 -= 1
            n = b[p]
            if n & 0x81: n, p = long_length(b, p)
            else: n >>= 1; p += 1
            q = p + n; v11 = b[p:q].decode(); p = q
            n = b[p]; p += 1
            if n < 128: v12 = (n >> 1) ^ -(n & 1)
            else: v12, p = long(b, p - 1)
            v13: None | tuple[LineKey, ...]
            n = b[p]; p += 1
            if n == 2:
                v14: list[LineKey] = []
                while b[p]:
                    v15, p = long(b, p)
                    if v15 < 0:
                        v15 = -v15; n, p = long_length(b, p)
                    if v15 > len(b) - p: raise IndexError('cut short')
                    while v15:
                        v15 -= 1
                        n = b[p]
                        if n & 0x81: n, p = long_length(b, p)
                        else: n >>= 1; p += 1
                        q = p + n; v16 = b[p:q].decode(); p = q
                        n = b[p]
                        if n & 0x81: n, p = long_length(b, p)
                        else: n >>= 1; p += 1
                        q = p + n; v17 = b[p:q].decode(); p = q
                        n = b[p]
                        if n & 0x81: n, p = long_length(b, p)
                        else: n >>= 1; p += 1
                        q = p + n; v18 = b[p:q].decode(); p = q
                        n = b[p]
                        if n & 0x81: n, p = long_length(b, p)
                        else: n >>= 1; p += 1
                        q = p + n; v19 = b[p:q].decode(); p = q
                        v20 = LineKey(sku=v16, options_hash=v17, fulfilment=v18, store=v19)
                        v14.append(v20)
                p += 1
                v13 = tuple(v14)
            elif n == 0:
                v13 = None
            else: raise Malformed('a union index that does not exist')
            v22: list[str] = []
            while b[p]:
                v23, p = long(b, p)
                if v23 < 0:
                    v23 = -v23; n, p = long_length(b, p)
                if v23 > len(b) - p: raise IndexError('cut short')
                while v23:
                    v23 -= 1
                    n = b[p]
                    if n & 0x81: n, p = long_length(b, p)
                    else: n >>= 1; p += 1
                    q = p + n; v24 = b[p:q].decode(); p = q
                    v22.append(v24)
            p += 1
            v25: None | bytes
            n = b[p]; p += 1
            if n == 2:
                n = b[p]
                if n & 0x81: n, p = long_length(b, p)
                else: n >>= 1; p += 1
                q = p + n; v26 = b[p:q]; p = q
                v25 = v26
            elif n == 0:
                v25 = None
            else: raise Malformed('a union index that does not exist')
            v28: None | str
            n = b[p]; p += 1
            if n == 2:
                n = b[p]
                if n & 0x81: n, p = long_length(b, p)
                else: n >>= 1; p += 1
                q = p + n; v29 = b[p:q].decode(); p = q
                v28 = v29
            elif n == 0:
                v28 = None
            else: raise Malformed('a union index that does not exist')
            v31 = PendingRemoval(event_id=v11, appended_at=v12, keys=v13, dots=tuple(v22), token=v25, order_id=v28)
            v9.append(v31)
    p += 1
    v32: list[Absorbed] = []
    while b[p]:
        v33, p = long(b, p)
        if v33 < 0:
            v33 = -v33; n, p = long_length(b, p)
        if v33 > len(b) - p: raise IndexError('cut short')
        while v33:
            v33 -= 1
            n = b[p]
            if n & 0x81: n, p = long_length(b, p)
            else: n >>= 1; p += 1
            q = p + n; v34 = b[p:q].decode(); p = q
            n = b[p]; p += 1
            if n < 128: v35 = (n >> 1) ^ -(n & 1)
            else: v35, p = long(b, p - 1)
            n = b[p]
            if n & 0x81: n, p = long_length(b, p)
            else: n >>= 1; p += 1
            q = p + n; v36 = b[p:q].decode(); p = q
            n = b[p]
            if n & 0x81: n, p = long_length(b, p)
            else: n >>= 1; p += 1
            q = p + n; v37 = b[p:q].decode(); p = q
            n = b[p]
            if n & 0x81: n, p = long_length(b, p)
            else: n >>= 1; p += 1
            q = p + n; v38 = b[p:q].decode(); p = q
            n = b[p]; p += 1
            if n < 128: v39 = (n >> 1) ^ -(n & 1)
            else: v39, p = long(b, p - 1)
            v40 = cart_absorbed(id=v34, occurred_at=v35, subject=v36, mode=v37, into=v38, since=v39)
            v32.append(v40)
    p += 1
    n = b[p]; p += 1
    if n < 128: v41 = (n >> 1) ^ -(n & 1)
    else: v41, p = long(b, p - 1)
    v42 = cart_entry(version=v1, number=v2, currency=v3, lines=tuple(v6), pending=tuple(v9), absorbed=tuple(v32), last_now=v41)
    if p > len(b): raise IndexError('cut short')
    if p < len(b): raise Malformed('bytes are left after the record')
    return v42


def _1_TouchRow(b: bytes, p: int) -> Entry:
    n = b[p]; p += 1
    if n < 128: v1 = (n >> 1) ^ -(n & 1)
    else: v1, p = long(b, p - 1)
    v2 = p
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v3 = b[p:q].decode(); p = q
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v4 = b[p:q].decode(); p = q
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v5 = b[p:q].decode(); p = q
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v6 = b[p:q].decode(); p = q
    n = b[p]; p += 1
    if n < 128: v7 = (n >> 1) ^ -(n & 1)
    else: v7, p = long(b, p - 1)
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v8 = b[p:q].decode(); p = q
    v9: None | Campaign
    n = b[p]; p += 1
    if n == 2:
        n = b[p]
        if n & 0x81: n, p = long_length(b, p)
        else: n >>= 1; p += 1
        q = p + n; v10 = b[p:q].decode(); p = q
        v11: None | str
        n = b[p]; p += 1
        if n == 2:
            n = b[p]
            if n & 0x81: n, p = long_length(b, p)
            else: n >>= 1; p += 1
            q = p + n; v12 = b[p:q].decode(); p = q
            v11 = v12
        elif n == 0:
            v11 = None
        else: raise Malformed('a union index that does not exist')
        v14: None | str
        n = b[p]; p += 1
        if n == 2:
            n = b[p]
            if n & 0x81: n, p = long_length(b, p)
            else: n >>= 1; p += 1
            q = p + n; v15 = b[p:q].decode(); p = q
            v14 = v15
        elif n == 0:
            v14 = None
        else: raise Malformed('a union index that does not exist')
        v17 = Campaign(id=v10, medium=v11, content=v14)
        v9 = v17
    elif n == 0:
        v9 = None
    else: raise Malformed('a union index that does not exist')
    v19 = Touch(event_id=v3, kind=v4, channel=v5, source=v6, occurred_at=v7, detail=v8, campaign=v9)
    v19.encoded = b[v2:p]
    v20: list[Touch] = []
    while b[p]:
        v21, p = long(b, p)
        if v21 < 0:
            v21 = -v21; n, p = long_length(b, p)
        if v21 > len(b) - p: raise IndexError('cut short')
        while v21:
            v21 -= 1
            v22 = p
            n = b[p]
            if n & 0x81: n, p = long_length(b, p)
            else: n >>= 1; p += 1
            q = p + n; v23 = b[p:q].decode(); p = q
            n = b[p]
            if n & 0x81: n, p = long_length(b, p)
            else: n >>= 1; p += 1
            q = p + n; v24 = b[p:q].decode(); p = q
            n = b[p]
            if n & 0x81: n, p = long_length(b, p)
            else: n >>= 1; p += 1
            q = p + n; v25 = b[p:q].decode(); p = q
            n = b[p]
            if n & 0x81: n, p = long_length(b, p)
            else: n >>= 1; p += 1
            q = p + n; v26 = b[p:q].decode(); p = q
            n = b[p]; p += 1
            if n < 128: v27 = (n >> 1) ^ -(n & 1)
            else: v27, p = long(b, p - 1)
            n = b[p]
            if n & 0x81: n, p = long_length(b, p)
            else: n >>= 1; p += 1
            q = p + n; v28 = b[p:q].decode(); p = q
            v29: None | Campaign
            n = b[p]; p += 1
            if n == 2:
                n = b[p]
                if n & 0x81: n, p = long_length(b, p)
                else: n >>= 1; p += 1
                q = p + n; v30 = b[p:q].decode(); p = q
                v31: None | str
                n = b[p]; p += 1
                if n == 2:
                    n = b[p]
                    if n & 0x81: n, p = long_length(b, p)
                    else: n >>= 1; p += 1
                    q = p + n; v32 = b[p:q].decode(); p = q
                    v31 = v32
                elif n == 0:
                    v31 = None
                else: raise Malformed('a union index that does not exist')
                v34: None | str
                n = b[p]; p += 1
                if n == 2:
                    n = b[p]
                    if n & 0x81: n, p = long_length(b, p)
                    else: n >>= 1; p += 1
                    q = p + n; v35 = b[p:q].decode(); p = q
                    v34 = v35
                elif n == 0:
                    v34 = None
                else: raise Malformed('a union index that does not exist')
                v37 = Campaign(id=v30, medium=v31, content=v34)
                v29 = v37
            elif n == 0:
                v29 = None
            else: raise Malformed('a union index that does not exist')
            v39 = Touch(event_id=v23, kind=v24, channel=v25, source=v26, occurred_at=v27, detail=v28, campaign=v29)
            v39.encoded = b[v22:p]
            v20.append(v39)
    p += 1
    v40: list[Trail] = []
    while b[p]:
        v41, p = long(b, p)
        if v41 < 0:
            v41 = -v41; n, p = long_length(b, p)
        if v41 > len(b) - p: raise IndexError('cut short')
        while v41:
            v41 -= 1
            v42 = p
            n = b[p]
            if n & 0x81: n, p = long_length(b, p)
            else: n >>= 1; p += 1
            q = p + n; v43 = b[p:q].decode(); p = q
            n = b[p]
            if n & 0x81: n, p = long_length(b, p)
            else: n >>= 1; p += 1
            q = p + n; v44 = b[p:q].decode(); p = q
            v45: list[Visit] = []
            while b[p]:
                v46, p = long(b, p)
                if v46 < 0:
                    v46 = -v46; n, p = long_length(b, p)
                if v46 > len(b) - p: raise IndexError('cut short')
                while v46:
                    v46 -= 1
                    n = b[p]; p += 1
                    if n < 128: v47 = (n >> 1) ^ -(n & 1)
                    else: v47, p = long(b, p - 1)
                    n = b[p]; p += 1
                    if n < 128: v48 = (n >> 1) ^ -(n & 1)
                    else: v48, p = long(b, p - 1)
                    n = b[p]; p += 1
                    if n < 128: v49 = (n >> 1) ^ -(n & 1)
                    else: v49, p = long(b, p - 1)
                    v50 = Visit(started_at=v47, ended_at=v48, touches=v49)
                    v45.append(v50)
            p += 1
            v51 = Trail(channel=v43, campaign_id=v44, visits=tuple(v45))
            v51.encoded = b[v42:p]
            v40.append(v51)
    p += 1
    v52: list[Earlier] = []
    while b[p]:
        v53, p = long(b, p)
        if v53 < 0:
            v53 = -v53; n, p = long_length(b, p)
        if v53 > len(b) - p: raise IndexError('cut short')
        while v53:
            v53 -= 1
            n = b[p]
            if n & 0x81: n, p = long_length(b, p)
            else: n >>= 1; p += 1
            q = p + n; v54 = b[p:q].decode(); p = q
            n = b[p]; p += 1
            if n < 128: v55 = (n >> 1) ^ -(n & 1)
            else: v55, p = long(b, p - 1)
            n = b[p]; p += 1
            if n < 128: v56 = (n >> 1) ^ -(n & 1)
            else: v56, p = long(b, p - 1)
            n = b[p]; p += 1
            if n < 128: v57 = (n >> 1) ^ -(n & 1)
            else: v57, p = long(b, p - 1)
            v58 = Earlier(channel=v54, touches=v55, first_at=v56, last_at=v57)
            v52.append(v58)
    p += 1
    v59: list[tuple[str, Touches]] = []
    while b[p]:
        v60, p = long(b, p)
        if v60 < 0:
            v60 = -v60; n, p = long_length(b, p)
        if v60 > len(b) - p: raise IndexError('cut short')
        while v60:
            v60 -= 1
            n = b[p]
            if n & 0x81: n, p = long_length(b, p)
            else: n >>= 1; p += 1
            q = p + n; v61 = b[p:q].decode(); p = q
            v62 = p
            n = b[p]
            if n & 0x81: n, p = long_length(b, p)
            else: n >>= 1; p += 1
            q = p + n; v63 = b[p:q].decode(); p = q
            n = b[p]
            if n & 0x81: n, p = long_length(b, p)
            else: n >>= 1; p += 1
            q = p + n; v64 = b[p:q].decode(); p = q
            n = b[p]
            if n & 0x81: n, p = long_length(b, p)
            else: n >>= 1; p += 1
            q = p + n; v65 = b[p:q].decode(); p = q
            n = b[p]
            if n & 0x81: n, p = long_length(b, p)
            else: n >>= 1; p += 1
            q = p + n; v66 = b[p:q].decode(); p = q
            n = b[p]; p += 1
            if n < 128: v67 = (n >> 1) ^ -(n & 1)
            else: v67, p = long(b, p - 1)
            n = b[p]
            if n & 0x81: n, p = long_length(b, p)
            else: n >>= 1; p += 1
            q = p + n; v68 = b[p:q].decode(); p = q
            v69: None | Campaign
            n = b[p]; p += 1
            if n == 2:
                n = b[p]
                if n & 0x81: n, p = long_length(b, p)
                else: n >>= 1; p += 1
                q = p + n; v70 = b[p:q].decode(); p = q
                v71: None | str
                n = b[p]; p += 1
                if n == 2:
                    n = b[p]
                    if n & 0x81: n, p = long_length(b, p)
                    else: n >>= 1; p += 1
                    q = p + n; v72 = b[p:q].decode(); p = q
                    v71 = v72
                elif n == 0:
                    v71 = None
                else: raise Malformed('a union index that does not exist')
                v74: None | str
                n = b[p]; p += 1
                if n == 2:
                    n = b[p]
                    if n & 0x81: n, p = long_length(b, p)
                    else: n >>= 1; p += 1
                    q = p + n; v75 = b[p:q].decode(); p = q
                    v74 = v75
                elif n == 0:
                    v74 = None
                else: raise Malformed('a union index that does not exist')
                v77 = Campaign(id=v70, medium=v71, content=v74)
                v69 = v77
            elif n == 0:
                v69 = None
            else: raise Malformed('a union index that does not exist')
            v79 = Touch(event_id=v63, kind=v64, channel=v65, source=v66, occurred_at=v67, detail=v68, campaign=v69)
            v79.encoded = b[v62:p]
            v80: list[Touch] = []
            while b[p]:
                v81, p = long(b, p)
                if v81 < 0:
                    v81 = -v81; n, p = long_length(b, p)
                if v81 > len(b) - p: raise IndexError('cut short')
                while v81:
                    v81 -= 1
                    v82 = p
                    n = b[p]
                    if n & 0x81: n, p = long_length(b, p)
                    else: n >>= 1; p += 1
                    q = p + n; v83 = b[p:q].decode(); p = q
                    n = b[p]
                    if n & 0x81: n, p = long_length(b, p)
                    else: n >>= 1; p += 1
                    q = p + n; v84 = b[p:q].decode(); p = q
                    n = b[p]
                    if n & 0x81: n, p = long_length(b, p)
                    else: n >>= 1; p += 1
                    q = p + n; v85 = b[p:q].decode(); p = q
                    n = b[p]
                    if n & 0x81: n, p = long_length(b, p)
                    else: n >>= 1; p += 1
                    q = p + n; v86 = b[p:q].decode(); p = q
                    n = b[p]; p += 1
                    if n < 128: v87 = (n >> 1) ^ -(n & 1)
                    else: v87, p = long(b, p - 1)
                    n = b[p]
                    if n & 0x81: n, p = long_length(b, p)
                    else: n >>= 1; p += 1
                    q = p + n; v88 = b[p:q].decode(); p = q
                    v89: None | Campaign
                    n = b[p]; p += 1
                    if n == 2:
                        n = b[p]
                        if n & 0x81: n, p = long_length(b, p)
                        else: n >>= 1; p += 1
                        q = p + n; v90 = b[p:q].decode(); p = q
                        v91: None | str
                        n = b[p]; p += 1
                        if n == 2:
                            n = b[p]
                            if n & 0x81: n, p = long_length(b, p)
                            else: n >>= 1; p += 1
                            q = p + n; v92 = b[p:q].decode(); p = q
                            v91 = v92
                        elif n == 0:
                            v91 = None
                        else: raise Malformed('a union index that does not exist')
                        v94: None | str
                        n = b[p]; p += 1
                        if n == 2:
                            n = b[p]
                            if n & 0x81: n, p = long_length(b, p)
                            else: n >>= 1; p += 1
                            q = p + n; v95 = b[p:q].decode(); p = q
                            v94 = v95
                        elif n == 0:
                            v94 = None
                        else: raise Malformed('a union index that does not exist')
                        v97 = Campaign(id=v90, medium=v91, content=v94)
                        v89 = v97
                    elif n == 0:
                        v89 = None
                    else: raise Malformed('a union index that does not exist')
                    v99 = Touch(event_id=v83, kind=v84, channel=v85, source=v86, occurred_at=v87, detail=v88, campaign=v89)
                    v99.encoded = b[v82:p]
                    v80.append(v99)
            p += 1
            v100: list[Trail] = []
            while b[p]:
                v101, p = long(b, p)
                if v101 < 0:
                    v101 = -v101; n, p = long_length(b, p)
                if v101 > len(b) - p: raise IndexError('cut short')
                while v101:
                    v101 -= 1
                    v102 = p
                    n = b[p]
                    if n & 0x81: n, p = long_length(b, p)
                    else: n >>= 1; p += 1
                    q = p + n; v103 = b[p:q].decode(); p = q
                    n = b[p]
                    if n & 0x81: n, p = long_length(b, p)
                    else: n >>= 1; p += 1
                    q = p + n; v104 = b[p:q].decode(); p = q
                    v105: list[Visit] = []
                    while b[p]:
                        v106, p = long(b, p)
                        if v106 < 0:
                            v106 = -v106; n, p = long_length(b, p)
                        if v106 > len(b) - p: raise IndexError('cut short')
                        while v106:
                            v106 -= 1
                            n = b[p]; p += 1
                            if n < 128: v107 = (n >> 1) ^ -(n & 1)
                            else: v107, p = long(b, p - 1)
                            n = b[p]; p += 1
                            if n < 128: v108 = (n >> 1) ^ -(n & 1)
                            else: v108, p = long(b, p - 1)
                            n = b[p]; p += 1
                            if n < 128: v109 = (n >> 1) ^ -(n & 1)
                            else: v109, p = long(b, p - 1)
                            v110 = Visit(started_at=v107, ended_at=v108, touches=v109)
                            v105.append(v110)
                    p += 1
                    v111 = Trail(channel=v103, campaign_id=v104, visits=tuple(v105))
                    v111.encoded = b[v102:p]
                    v100.append(v111)
            p += 1
            v112: list[Earlier] = []
            while b[p]:
                v113, p = long(b, p)
                if v113 < 0:
                    v113 = -v113; n, p = long_length(b, p)
                if v113 > len(b) - p: raise IndexError('cut short')
                while v113:
                    v113 -= 1
                    n = b[p]
                    if n & 0x81: n, p = long_length(b, p)
                    else: n >>= 1; p += 1
                    q = p + n; v114 = b[p:q].decode(); p = q
                    n = b[p]; p += 1
                    if n < 128: v115 = (n >> 1) ^ -(n & 1)
                    else: v115, p = long(b, p - 1)
                    n = b[p]; p += 1
                    if n < 128: v116 = (n >> 1) ^ -(n & 1)
                    else: v116, p = long(b, p - 1)
                    n = b[p]; p += 1
                    if n < 128: v117 = (n >> 1) ^ -(n & 1)
                    else: v117, p = long(b, p - 1)
                    v118 = Earlier(channel=v114, touches=v115, first_at=v116, last_at=v117)
                    v112.append(v118)
            p += 1
            v119 = touch_share(origin=v61, first=v79, last_by_channel=tuple(v80), trails=tuple(v100), earlier=tuple(v112))
            v59.append(v119)
    p += 1
    v120 = touch_entry(version=v1, first=v19, last_by_channel=tuple(v20), trails=tuple(v40), earlier=tuple(v52), shares=tuple(v59))
    if p > len(b): raise IndexError('cut short')
    if p < len(b): raise Malformed('bytes are left after the record')
    return v120


def _2_WindowRow(b: bytes, p: int) -> Entry:
    n = b[p]; p += 1
    if n < 128: v1 = (n >> 1) ^ -(n & 1)
    else: v1, p = long(b, p - 1)
    n = b[p]; p += 1
    if n < 128: v2 = (n >> 1) ^ -(n & 1)
    else: v2, p = long(b, p - 1)
    v3: list[tuple[str, SourceWindow]] = []
    while b[p]:
        v4, p = long(b, p)
        if v4 < 0:
            v4 = -v4; n, p = long_length(b, p)
        if v4 > len(b) - p: raise IndexError('cut short')
        while v4:
            v4 -= 1
            n = b[p]
            if n & 0x81: n, p = long_length(b, p)
            else: n >>= 1; p += 1
            q = p + n; v5 = b[p:q].decode(); p = q
            n = b[p]; p += 1
            if n < 128: v6 = (n >> 1) ^ -(n & 1)
            else: v6, p = long(b, p - 1)
            n = b[p]; p += 1
            if n < 128: v7 = (n >> 1) ^ -(n & 1)
            else: v7, p = long(b, p - 1)
            n = b[p]
            if n & 0x81: n, p = long_length(b, p)
            else: n >>= 1; p += 1
            q = p + n; v8 = b[p:q]; p = q
            v9 = window_source(source=v5, horizon=v6, last_seen=v7, ids=v8)
            v3.append(v9)
    p += 1
    v10 = window_entry(version=v1, floor=v2, sources=tuple(v3))
    if p > len(b): raise IndexError('cut short')
    if p < len(b): raise Malformed('bytes are left after the record')
    return v10


ROW_READERS: Final[dict[str, Callable[[bytes, int], Entry]]] = {
    "ccstream.state.v1.CartRow": _0_CartRow,
    "ccstream.state.v1.TouchRow": _1_TouchRow,
    "ccstream.state.v1.WindowRow": _2_WindowRow,
}
"""By the full name of the schema."""
