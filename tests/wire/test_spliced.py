"""Only what is new is encoded, and the outcome is as if all were."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ccstream.wire.spliced import Spliced


class Item:
    def __init__(self, name: str) -> None:
        self.name = name


def test_only_items_not_known_are_encoded() -> None:
    a, b, c, d = (Item(name) for name in "abcd")
    encoded: list[str] = []

    def encode(item: Item) -> bytes:
        encoded.append(item.name)
        return item.name.encode()

    splicer: Spliced[Item] = Spliced()
    rounds = [
        ([a, b, c], "abc"),
        ([a, b, c], ""),
        ([a, d, c], "d"),
        ([a, d, c, b], "b"),
        ([d, c, b], ""),
        ([b, d, c], ""),
        ([], ""),
        ([a], "a"),
    ]
    for items, expected in rounds:
        encoded.clear()
        assert splicer.splice(items, encode) == [item.name.encode() for item in items]
        assert "".join(encoded) == expected


def test_an_item_that_equals_a_known_one_is_still_encoded_itself() -> None:
    splicer: Spliced[tuple[str, ...]] = Spliced()
    one, other = (*["x"],), (*["x"],)
    assert one is not other
    splicer.splice([one], lambda _: b"one")
    assert splicer.splice([other], lambda _: b"other") == [b"other"]


def test_bytes_of_a_spliced_item_can_be_asked_for() -> None:
    a, b = Item("a"), Item("b")
    splicer: Spliced[Item] = Spliced()
    splicer.splice([a], lambda item: item.name.encode())
    assert splicer.known(a) == b"a"
    assert splicer.known(b) is None


@given(st.lists(st.lists(st.integers(0, 9), unique=True, max_size=8), max_size=8))
def test_any_history_of_lists_gives_what_encoding_afresh_gives(history: list[list[int]]) -> None:
    items = [Item(str(n)) for n in range(10)]
    splicer: Spliced[Item] = Spliced()
    for numbers in history:
        chosen = [items[n] for n in numbers]
        assert b"".join(splicer.splice(chosen, lambda i: i.name.encode())) == (
            "".join(map(str, numbers)).encode()
        )
