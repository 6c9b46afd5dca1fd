"""Contact points leave a channel hashed, the same from every channel, and never by mistake raw."""

from __future__ import annotations

import hmac
from pathlib import Path

import pytest

from ccstream.client.contact_points import ContactPoints
from ccstream.errors import InvalidEventError, SettingsError
from ccstream.ops.settings import Settings
from ccstream.wire.validate import is_entity_key

KEY = "k" * 32


@pytest.fixture
def points() -> ContactPoints:
    return ContactPoints(Settings.load(identity__contact_key=KEY))


@pytest.mark.parametrize("written", ["ADA@example.org", " ada@Example.ORG ", "Ada@EXAMPLE.org"])
def test_one_mailbox_has_one_hash_however_it_is_written(
    points: ContactPoints, written: str
) -> None:
    expected = hmac.digest(KEY.encode(), b"email:ada@example.org", "sha256").hex()
    assert points.email(written) == expected
    assert points.email("ada+news@example.org") != expected


@pytest.mark.parametrize(
    ("written", "region"),
    [
        ("+33 6 12 34 56 78", None),
        ("06 12 34 56 78", "FR"),
        ("0033612345678", "FR"),
        ("+33612345678", "DE"),
    ],
)
def test_one_number_has_one_hash_however_it_is_written(
    points: ContactPoints, written: str, region: str | None
) -> None:
    expected = hmac.digest(KEY.encode(), b"phone:+33612345678", "sha256").hex()
    assert points.phone(written, region) == expected


def test_keys_made_of_them_are_keys_and_raw_ones_are_not(points: ContactPoints) -> None:
    assert is_entity_key(points.email_key("ada@example.org"))
    assert is_entity_key(points.phone_key("+33612345678"))
    for raw in ("email:ada@example.org", "customer:ada@example.org", "phone:+33612345678"):
        assert not is_entity_key(raw)
    for raw in ("phone:0612345678", "loyalty:+33612345678", "email:ada"):
        assert not is_entity_key(raw)


@pytest.mark.parametrize("wrong", ["ada", "ada@", "ada@localhost", ""])
def test_what_is_no_address_is_refused_without_being_repeated(
    points: ContactPoints, wrong: str
) -> None:
    with pytest.raises(InvalidEventError) as raised:
        points.email(wrong)
    assert not wrong or wrong not in str(raised.value)
    assert raised.value.__suppress_context__


@pytest.mark.parametrize(
    ("wrong", "region"), [("06 12 34 56 78", None), ("12", "FR"), ("hello", "FR")]
)
def test_what_is_no_number_is_refused_without_being_repeated(
    points: ContactPoints, wrong: str, region: str | None
) -> None:
    with pytest.raises(InvalidEventError) as raised:
        points.phone(wrong, region)
    assert wrong not in str(raised.value)


def test_another_key_makes_another_hash_and_none_is_shown(points: ContactPoints) -> None:
    other = ContactPoints(Settings.load(identity__contact_key="j" * 32))
    assert other.email("ada@example.org") != points.email("ada@example.org")
    assert KEY not in repr(points) and KEY not in repr(vars(Settings.load()))


def test_the_key_may_be_in_a_file(tmp_path: Path, points: ContactPoints) -> None:
    file = tmp_path / "key"
    file.write_text(KEY + "\n", encoding="utf-8")
    read = ContactPoints(Settings.load(identity__contact_key_file=str(file)))
    assert read.email("ada@example.org") == points.email("ada@example.org")


@pytest.mark.parametrize(("key", "says"), [(None, "is not set"), ("short", "fewer than 32")])
def test_without_a_good_key_nothing_is_hashed(key: str | None, says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        ContactPoints(Settings.load(identity__contact_key=key))
