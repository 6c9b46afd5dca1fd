"""Who may ask a worker, and what a body is."""

from __future__ import annotations

import pytest

from ccstream.errors import UndecodableError
from ccstream.wire.query import (
    SIGNED_MS_MAX,
    Answer,
    Question,
    decode_answer,
    decode_question,
    encode,
    is_signed,
    signature,
)

KEY = b"k" * 32
NOW = 1_790_000_000_000


def test_a_question_is_good_for_its_body_its_key_and_half_a_minute() -> None:
    text = signature(KEY, NOW, b"body")
    assert is_signed(KEY, NOW, b"body", text)
    assert is_signed(KEY, NOW + SIGNED_MS_MAX, b"body", text)
    assert not is_signed(KEY, NOW + SIGNED_MS_MAX + 1, b"body", text)
    assert not is_signed(KEY, NOW - SIGNED_MS_MAX - 1, b"body", text)
    assert not is_signed(KEY, NOW, b"other", text)
    assert not is_signed(b"another", NOW, b"body", text)


@pytest.mark.parametrize(
    "text", ["", ":", "x", "1:", "²:x", f"{NOW}:", f"{NOW}:{'0' * 64}", f"{NOW}:é", "9" * 400]
)
def test_what_is_no_signature_is_none(text: str) -> None:
    assert not is_signed(KEY, NOW, b"body", text)


def test_a_question_and_an_answer_come_back_as_they_were() -> None:
    question = Question(app_id="app", entity="customer:1", tables=("carts",), live=True)
    assert decode_question(encode(question)) == question
    answer = Answer(partition=1, epoch=2, read_at=3, as_of={"t": 4}, rows={"carts": [b"row"]})
    assert decode_answer(encode(answer)) == answer


def test_a_body_that_is_neither_is_refused() -> None:
    for body in (b"", b"\xc1", b"{}", encode({"app_id": 1})):
        with pytest.raises(UndecodableError):
            decode_question(body)
        with pytest.raises(UndecodableError):
            decode_answer(body)
