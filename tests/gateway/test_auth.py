"""Grants, and what they allow."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccstream.errors import SettingsError
from ccstream.gateway.app import make_app
from ccstream.gateway.auth import ACTIONS, Grant, Identity
from ccstream.ops.settings import Settings

TEXTS = (
    *("publish:web", "publish:*", "publish:app:self", "publish:*:self"),
    *("read", "read:self", "agent", "operate"),
)


@pytest.mark.parametrize("text", TEXTS)
def test_a_grant_is_written_as_it_is_read(text: str) -> None:
    grant = Grant.of(text)
    assert grant is not None
    assert str(grant) == text


@pytest.mark.parametrize(
    "text",
    [
        *("", "publish", "publish:", "publish:Web", "publish:web:other", "read:web", "write"),
        *("agent:self", "operate:self", "publish:web:self:self", "publish:web\n", " read", "*"),
    ],
)
def test_what_is_no_grant_grants_nothing(text: str) -> None:
    assert Grant.of(text) is None


def caller(*texts: str, customer: str | None = None) -> Identity:
    grants = tuple(grant for text in texts if (grant := Grant.of(text)))
    assert len(grants) == len(texts)
    return Identity(id="x", grants=grants, customer=customer)


def test_a_stores_key_cannot_publish_web_events() -> None:
    store = caller("publish:store")
    assert store.may("publish", channel="store", key="customer:1")
    assert not store.may("publish", channel="web", key="customer:1")
    assert not store.may("read", key="customer:1")


def test_a_customer_sees_and_speaks_for_itself_only() -> None:
    customer = caller("publish:app:self", "read:self", customer="customer:42")
    assert customer.may("publish", channel="app", key="customer:42")
    assert customer.may("read", key="customer:42")
    for key in ("customer:43", "customer:421", "visitor:42", ""):
        assert not customer.may("publish", channel="app", key=key)
        assert not customer.may("read", key=key)
    assert not customer.may("publish", channel="web", key="customer:42")


def test_only_who_may_publish_about_anybody_need_not_be_asked_about_whom() -> None:
    def to_all(*grants: str) -> bool:
        found = tuple(grant for text in grants if (grant := Grant.of(text)) is not None)
        identity = Identity(id="somebody", grants=found, customer="customer:42")
        return identity.may_to_all("publish", channel="web")

    assert to_all("publish:web")
    assert to_all("publish:*")
    assert to_all("publish:web:self", "publish:web")
    assert not to_all("publish:web:self")
    assert not to_all("publish:*:self", "publish:store", "read")


def test_a_scope_of_oneself_without_a_self_allows_nothing() -> None:
    nobody = caller("read:self", "publish:*:self")
    assert not nobody.may("read")
    assert not nobody.may("read", key="customer:42")
    assert not nobody.may("publish", channel="web", key="customer:42")


@given(
    texts=st.lists(st.sampled_from(TEXTS), max_size=4),
    more=st.sampled_from(TEXTS),
    action=st.sampled_from(ACTIONS),
    channel=st.sampled_from([None, "web", "app", "store"]),
    key=st.sampled_from([None, "customer:42", "customer:43"]),
)
def test_a_further_grant_takes_nothing_away(
    texts: list[str], more: str, action: str, channel: str | None, key: str | None
) -> None:
    fewer = caller(*texts, customer="customer:42")
    larger = caller(*texts, more, customer="customer:42")
    if fewer.may(action, channel=channel, key=key):  # type: ignore[arg-type]
        assert larger.may(action, channel=channel, key=key)  # type: ignore[arg-type]


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "gateway.example"])
def test_without_authentication_it_listens_to_this_machine_only(host: str) -> None:
    with pytest.raises(SettingsError, match=r"set gateway\.auth to required"):
        make_app(Settings.load(gateway__host=host))


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.8.8.8"])
def test_every_address_of_the_loopback_interface_is_this_machine(host: str) -> None:
    make_app(Settings.load(gateway__host=host))


def test_required_authentication_needs_somebody_to_let_in_and_a_key_to_sign() -> None:
    with pytest.raises(SettingsError, match="lets nobody in"):
        make_app(Settings.load(gateway={"auth": "required", "signing_key": "k" * 32}))
    with pytest.raises(SettingsError, match=r"gateway\.signing_key"):
        make_app(
            Settings.load(
                gateway={
                    "auth": "required",
                    "oidc_issuer": "https://id.example",
                    "oidc_audience": "ccstream",
                    "oidc_jwks": "jwks.json",
                }
            )
        )
