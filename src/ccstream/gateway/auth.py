"""Who calls, and what they may do.

A *grant* is written ``action``, ``action:channel`` or with ``:self`` behind:

=========================  ================================================================
``publish:web``            post events of the channel web, about anybody
``publish:*``              of every channel
``publish:app:self``       of the channel app, about oneself only
``read``                   any profile
``read:self``              one's own
``agent``                  the pages of service staff
``operate``                the gateway's metrics and the page for those who run it
=========================  ================================================================

Whoever is not granted an action may not do it; there is no grant that takes another away.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final, Literal, Protocol, get_args

from msgspec import Struct
from starlette.requests import HTTPConnection

from ccstream.gateway.problems import ProblemError

__all__ = [
    "ACTIONS",
    "EVERYTHING",
    "Access",
    "Action",
    "Authenticator",
    "Everybody",
    "Grant",
    "Identity",
    "authorise",
    "identity_of",
]

Action = Literal["publish", "read", "agent", "operate"]
Access = Action | Literal["public"]
"""What a route asks for; ``public`` asks for nothing."""

ACTIONS: Final[tuple[Action, ...]] = get_args(Action)

ANY: Final = "*"

_NAMED: Final[Mapping[str, Action]] = {action: action for action in ACTIONS}

_GRANT: Final = re.compile(
    r"(?:(publish):(\*|[a-z][a-z0-9_]{0,49})|(read|agent|operate))(:self)?", re.ASCII
)


class Grant(Struct, frozen=True):
    """Something that a caller may do: on one channel or any, to anybody or oneself."""

    action: Action
    channel: str = ANY
    own: bool = False

    @classmethod
    def of(cls, text: str) -> Grant | None:
        """The grant that a text states, or None if it states none."""
        found = _GRANT.fullmatch(text)
        if found is None:
            return None
        publish, channel, other, own = found.groups()
        if own and other in {"agent", "operate"}:
            return None
        return cls("publish" if publish else _NAMED[other], channel or ANY, own is not None)

    def __str__(self) -> str:
        channel = f":{self.channel}" if self.action == "publish" else ""
        return f"{self.action}{channel}{':self' if self.own else ''}"


EVERYTHING: Final = tuple(Grant(action) for action in ACTIONS)


class Identity(Struct, frozen=True, kw_only=True):
    """Who calls.

    Args:
        id: names the caller in logs and limits; never a customer's key.
        grants: what it may do.
        customer: the entity's key that ``self`` means, if the caller is a customer.
        rate: events and requests a second that it may send, if not as configured.
    """

    id: str
    grants: tuple[Grant, ...]
    customer: str | None = None
    rate: int | None = None

    def may(self, action: Action, *, channel: str | None = None, key: str | None = None) -> bool:
        """Whether it may; without a channel or key, whether it may for any at all."""
        for grant in self.grants:
            if grant.action != action:
                continue
            if channel is not None and grant.channel not in {ANY, channel}:
                continue
            if not grant.own or (self.customer is not None and key in {None, self.customer}):
                return True
        return False

    def may_to_all(self, action: Action, *, channel: str) -> bool:
        """Whether it may whomever it is done to, so that nobody has to be asked about."""
        return any(
            grant.action == action and not grant.own and grant.channel in {ANY, channel}
            for grant in self.grants
        )

    def demand(self, action: Action, *, channel: str | None = None, key: str | None = None) -> None:
        """Go on only if it may.

        Raises:
            ProblemError: forbidden; the detail names what would be needed and no key.
        """
        if self.may(action, channel=channel, key=key):
            return
        if channel is not None and not self.may(action, channel=channel):
            raise _missing(f"{action}:{channel}")
        if not self.may(action):
            raise _missing(action)
        raise ProblemError("forbidden", "A customer's token reaches that customer only.")

    def channels(self, known: Iterable[str]) -> list[str]:
        """Those of the known channels that it may publish on."""
        return [channel for channel in known if self.may("publish", channel=channel)]


class Authenticator(Protocol):
    """Finds out who calls."""

    async def identify(self, connection: HTTPConnection) -> Identity:
        """Who it is; raises `ProblemError` (unauthenticated) if nobody we know."""


class Everybody:
    """``gateway.auth`` none: whoever calls may do everything. For the loopback interface."""

    async def identify(self, _connection: HTTPConnection) -> Identity:
        return Identity(id="everybody", grants=EVERYTHING)


def identity_of(connection: HTTPConnection) -> Identity:
    """Who called a route that is not public."""
    found: Identity = connection.state.identity
    return found


def authorise(
    connection: HTTPConnection,
    action: Action,
    *,
    channel: str | None = None,
    key: str | None = None,
) -> Identity:
    """The caller, if it may do this.

    Args:
        connection: the request, on a route that is not public.
        action: what is to be done.
        channel: on which channel, for ``publish``.
        key: to whom.

    Raises:
        ProblemError: forbidden; the detail names what would be needed and no key.
    """
    identity = identity_of(connection)
    identity.demand(action, channel=channel, key=key)
    return identity


def _missing(scope: str) -> ProblemError:
    return ProblemError("forbidden", f"It takes the scope {scope}, which is missing.")
