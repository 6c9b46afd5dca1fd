from __future__ import annotations

from ccstream.evidence.masking import Mask


def test_identifiers_but_the_one_asked_about_are_hidden_and_can_be_told_apart() -> None:
    mask = Mask("customer:42", show=False)
    assert mask.key("customer:42") == "customer:42"
    one, other = mask.key("visitor:9f3c"), mask.key("visitor:8e2b")
    assert one.startswith("visitor:•") and one != other
    assert "9f3c" not in one
    assert mask.key("visitor:9f3c") == one


def test_an_id_that_a_channel_made_of_a_hidden_key_does_not_tell_it() -> None:
    mask = Mask("customer:42", show=False)
    mask.know(["visitor:9f3c", "customer:42"])
    assert "9f3c" not in mask.text("event-of-9f3c-1")
    assert mask.text("order-42") == "order-42"


def test_values_of_traits_are_hidden_and_others_are_not() -> None:
    mask = Mask("customer:42", show=False)
    assert "Lyon" not in mask.value("trait city", "Lyon")
    assert mask.value("trait likes", ["tea", "cups"]) == ["•••", "•••"]
    assert mask.value("line tea", 3) == 3
    said = [["call in app about tea"], ["call in app about tea", "intent refund", "outcome done"]]
    shown = [["call in app about tea"], ["call in app about tea", "intent •••", "outcome •••"]]
    assert mask.value("interaction c-9 (app/tills)", said) == shown
    assert mask.value("trait city", None) is None
    assert mask.value("account", "customer:7") == "customer:•••1"


def test_a_hidden_key_is_hidden_in_the_source_that_an_interaction_is_named_with() -> None:
    mask = Mask("customer:42", show=False)
    mask.know(["visitor:9f3c"])
    assert "9f3c" not in mask.name("interaction c-9 (chat/of-9f3c)")
    assert mask.name("interaction c-9 (chat/desk)") == "interaction c-9 (chat/desk)"
    assert mask.name("line tea (red)") == "line tea (red)"


def test_who_asks_for_values_sees_them() -> None:
    mask = Mask("customer:42", show=True)
    assert mask.key("visitor:9f3c") == "visitor:9f3c"
    assert mask.value("trait city", "Lyon") == "Lyon"
    assert mask.text("of-9f3c") == "of-9f3c"
