"""Personal values can be read with their key alone, and keys with their master key alone."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccstream.errors import PersonalKeyError, SettingsError
from ccstream.ops.settings import Settings
from ccstream.ops.vault import SecretMasterKey, Vault
from ccstream.wire.personal import CIPHERTEXT_CHARS_MAX, is_ciphertext, key_id_of
from ccstream.wire.validate import TEXT_CHARS_MAX

OLD, NEW = SecretMasterKey("old" * 20), SecretMasterKey("new" * 20)
ADA = "customer:ada"


@given(st.text(max_size=200))
def test_what_was_encrypted_is_read_again_and_looks_like_ciphertext(text: str) -> None:
    key, _ = Vault(OLD).new_key(ADA)
    sealed = key.encrypt(text)
    assert key.decrypt(sealed) == text
    assert is_ciphertext(sealed) and key_id_of(sealed) == key.key_id
    assert len(text) < 3 or text not in sealed


def test_the_longest_text_fits() -> None:
    key, _ = Vault(OLD).new_key(ADA)
    assert len(key.encrypt("\U0001f600" * TEXT_CHARS_MAX)) <= CIPHERTEXT_CHARS_MAX


def test_of_one_person_the_same_value_is_the_same_ciphertext_and_of_two_it_is_not() -> None:
    vault = Vault(OLD)
    (ada, _), (bob, _) = vault.new_key(ADA), vault.new_key("customer:bob")
    assert ada.encrypt("Lyon") == ada.encrypt("Lyon")
    assert ada.encrypt("Lyon") != bob.encrypt("Lyon")


def test_a_ciphertext_of_another_key_or_a_changed_one_is_refused() -> None:
    vault = Vault(OLD)
    (ada, _), (bob, _) = vault.new_key(ADA), vault.new_key("customer:bob")
    sealed = ada.encrypt("Lyon")
    for wrong in (bob.encrypt("Lyon"), sealed[:-2] + ("AA" if sealed[-2:] != "AA" else "BB")):
        with pytest.raises(PersonalKeyError):
            ada.decrypt(wrong)


def test_a_wrapped_key_is_unwrapped_for_its_entity_alone() -> None:
    vault = Vault(OLD)
    key, wrapped = vault.new_key(ADA)
    again = Vault(SecretMasterKey("old" * 20)).unwrap(key.key_id, ADA, OLD.id, wrapped)
    assert again.decrypt(key.encrypt("Lyon")) == "Lyon"
    with pytest.raises(PersonalKeyError):
        vault.unwrap(key.key_id, "customer:bob", OLD.id, wrapped)
    with pytest.raises(PersonalKeyError, match="damaged"):
        vault.unwrap(key.key_id, ADA, OLD.id, wrapped[:-3])


def test_a_lost_master_key_is_told_by_its_id() -> None:
    key, wrapped = Vault(OLD).new_key(ADA)
    with pytest.raises(PersonalKeyError, match=f"{OLD.id}, which is not set"):
        Vault(NEW).unwrap(key.key_id, ADA, OLD.id, wrapped)


def test_a_key_is_wrapped_anew_while_both_master_keys_are_there_and_stays_the_same() -> None:
    key, wrapped = Vault(OLD).new_key(ADA)
    anew = Vault(NEW, [OLD]).wrapped_anew(key.key_id, ADA, OLD.id, wrapped)
    assert Vault(NEW).unwrap(key.key_id, ADA, NEW.id, anew).decrypt(key.encrypt("x")) == "x"


def test_secrets_are_not_shown() -> None:
    key, _ = Vault(OLD).new_key(ADA)
    assert "oldold" not in f"{OLD!r} {key!r}"


def test_settings_make_the_vault(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Vault.of(Settings.load()) is None
    with pytest.raises(SettingsError, match=r"privacy.master_key is not set"):
        Vault.required(Settings.load())
    both = Settings.load(privacy__master_key="new" * 20, privacy__previous_master_key="old" * 20)
    key, wrapped = Vault(OLD).new_key(ADA)
    vault = Vault.required(both)
    assert vault.master_id == NEW.id
    assert vault.unwrap(key.key_id, ADA, OLD.id, wrapped).key_id == key.key_id
    with pytest.raises(SettingsError, match="fewer than 32 characters"):
        Settings.load(privacy__master_key="short")


def test_a_key_management_system_may_have_the_master_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "my_kms", SimpleNamespace(make=lambda settings: NEW, bad=dict))
    vault = Vault.required(Settings.load(privacy__kms="my_kms:make"))
    assert vault.master_id == NEW.id
    with pytest.raises(SettingsError, match="cannot be imported"):
        Vault.of(Settings.load(privacy__kms="no_such_kms:make"))
    with pytest.raises(SettingsError, match="has not id, wrap and unwrap"):
        Vault.of(Settings.load(privacy__kms="my_kms:bad"))
    with pytest.raises(SettingsError, match="both given"):
        Settings.load(privacy__kms="my_kms:make", privacy__master_key="n" * 40)
