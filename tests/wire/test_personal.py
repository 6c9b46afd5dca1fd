"""Which fields are personal is the schemas' to say."""

from __future__ import annotations

import pytest

from ccstream.domain.events import (
    CartItemAdded,
    InteractionLogged,
    PersonalKeyProvided,
    ProfileUpdated,
    Trait,
)
from ccstream.wire.catalogue import EVENTS
from ccstream.wire.personal import (
    CIPHERTEXT_CHARS_MAX,
    ciphertext_of,
    has_plain_values,
    is_ciphertext,
    key_id_of,
    opened,
    personal_fields,
    sealed_part,
    with_personal,
)
from ccstream.wire.validate import TEXT_CHARS_MAX, validate
from tests.wire.samples import NOW, SAMPLES

KEY_ID = "k" * 22
SEALED = ciphertext_of(KEY_ID, "c" * 24)
META = {
    "event_id": "e",
    "occurred_at": NOW,
    "channel": "web",
    "source": "shop",
    "subject": "customer:42",
}


def stated(*values: str | None) -> ProfileUpdated:
    return ProfileUpdated(**META, traits=tuple(Trait("name", value) for value in values))


def test_the_personal_fields_are_those_that_the_schemas_mark() -> None:
    found = {cls.__name__: personal_fields(cls) for cls in EVENTS.values() if personal_fields(cls)}
    assert found == {
        "ProfileUpdated": (("traits", "value"),),
        "InteractionLogged": (("intent",), ("outcome",)),
    }


def test_each_personal_text_is_changed_and_nothing_else() -> None:
    changed = with_personal(stated("Ada", None, ""), str.upper)
    assert [trait.value for trait in changed.traits] == ["ADA", None, ""]
    assert [trait.name for trait in changed.traits] == ["name"] * 3
    call = InteractionLogged(**META, interaction_id="i", kind="call", topic="t", outcome="angry")
    assert with_personal(call, str.upper).outcome == "ANGRY"
    assert with_personal(call, str.upper).topic == "t"


@pytest.mark.parametrize("event", SAMPLES, ids=lambda event: type(event).__name__)
def test_an_event_in_which_nothing_changes_is_the_same_object(event: CartItemAdded) -> None:
    assert with_personal(event, lambda text: text) is event


def test_a_value_is_plain_unless_it_has_the_form_of_ciphertext() -> None:
    assert has_plain_values(stated("Ada"))
    assert has_plain_values(stated(SEALED, "Ada"))
    assert has_plain_values(stated(""))
    assert not has_plain_values(stated(SEALED, None))
    assert not has_plain_values(next(one for one in SAMPLES if isinstance(one, CartItemAdded)))


@pytest.mark.parametrize("text", ["", "ccx1.", "ccx1.Ada", SEALED + " ", SEALED[:-8], "x" + SEALED])
def test_what_only_begins_like_ciphertext_is_none(text: str) -> None:
    assert not is_ciphertext(text)


def test_a_ciphertext_says_which_key_it_was_made_with() -> None:
    assert is_ciphertext(SEALED)
    assert key_id_of(SEALED) == KEY_ID
    assert sealed_part(SEALED) == "c" * 24


def test_ciphertext_may_be_longer_than_a_plain_text_but_not_without_bound() -> None:
    assert validate(stated("x" * (TEXT_CHARS_MAX + 1)), NOW) is not None
    assert validate(stated(ciphertext_of(KEY_ID, "c" * 5_400)), NOW) is None
    assert validate(stated(ciphertext_of(KEY_ID, "c" * CIPHERTEXT_CHARS_MAX)), NOW) is not None


def test_ciphertext_is_found_wherever_it_is() -> None:
    data = {"a": [SEALED, "b", 3], "c": {"d": SEALED}, "e": (SEALED,)}
    assert opened(data, lambda _: "Ada") == {"a": ["Ada", "b", 3], "c": {"d": "Ada"}, "e": ("Ada",)}
    assert opened(stated(SEALED), lambda _: "Ada") == stated("Ada")


@pytest.mark.parametrize(
    "wrong",
    [{"key_id": "short"}, {"wrapped": "no base64!"}, {"entity": "nobody"}, {"master_id": ""}],
    ids=lambda wrong: next(iter(wrong)),
)
def test_a_key_that_is_none_is_refused(wrong: dict[str, str]) -> None:
    good = {"key_id": KEY_ID, "master_id": "m", "wrapped": "w" * 40}
    assert validate(PersonalKeyProvided(**META, **good), NOW) is None
    assert validate(PersonalKeyProvided(**META, **{**good, **wrong}), NOW) is not None
