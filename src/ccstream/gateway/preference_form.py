"""What a person's preferences are, as a form: what it shows, and what of it was changed.

Pure: consents in, fields out; an answered form in, events' fields out. Each field says along with
its answer what it had shown, and only what differs from that is said: so what has changed in
another channel since the page was opened is not taken back by a page that did not know it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from msgspec import Struct

from ccstream.client.records import ConsentSynced
from ccstream.domain.consent import CONTACT_CHANNELS
from ccstream.domain.events import (
    ConsentChanged,
    ConsentProof,
    ContactChoice,
    ContactPreferencesChanged,
)
from ccstream.gateway.preference_links import Link

__all__ = [
    "CHANNEL_NAMES",
    "FORM_VERSION",
    "OBJECTION",
    "ONE_CLICK_VERSION",
    "Choice",
    "Form",
    "said",
    "shown",
    "withdrawal",
]

FORM_VERSION: Final = "preference-page-1"
"""The wording that a consent given on the page is the proof of."""

ONE_CLICK_VERSION: Final = "one-click-1"

OBJECTION: Final = "objection"

CHANNEL_NAMES: Final[Mapping[str, str]] = {
    "email": "e-mail",
    "sms": "text message",
    "phone": "telephone",
    "push": "notification in the app",
    "post": "letter",
    "chat": "chat",
    "social": "social network",
}

_POINT_CHARS: Final = 16
"""Of a hash; a person has a handful of them."""


class Choice(Struct, frozen=True):
    """A question with yes or no. ``name`` is the field's."""

    name: str
    label: str
    yes: bool


class Form(Struct, frozen=True):
    """All questions. ``objects`` is whether the person objects to all marketing."""

    consents: tuple[Choice, ...]
    channels: tuple[Choice, ...]
    objects: bool


def shown(link: Link, consents: ConsentSynced | None) -> Form:
    """What the page shows: each consent that is known and the one that the link is about."""
    known = _known(link, consents)
    opted_out = set()
    objects = False
    if consents is not None:
        opted_out = {one.contact_channel for one in consents.channels if one.opted_out}
        flag = consents.objects_to_marketing
        objects = flag is not None and flag.value
    counts: dict[tuple[str, str], int] = {}
    choices = []
    for name, (about, granted) in known.items():
        same = (about.contact_channel, about.purpose)
        counts[same] = counts.get(same, 0) + 1
        which = f" (address {counts[same]})" if counts[same] > 1 else ""
        purpose = about.purpose.replace("_", " ").capitalize()
        label = f"{purpose} by {CHANNEL_NAMES[about.contact_channel]}{which}"
        choices.append(Choice(name, label, granted))
    return Form(
        tuple(choices),
        tuple(
            Choice(
                f"channel.{channel}", CHANNEL_NAMES[channel].capitalize(), channel not in opted_out
            )
            for channel in CONTACT_CHANNELS
        ),
        objects,
    )


def said(
    link: Link, consents: ConsentSynced | None, answers: Mapping[str, str], now_ms: int
) -> list[tuple[type[Any], dict[str, Any]]]:
    """The events, as class and fields, that a form's answers come to: none if nothing changed."""
    events: list[tuple[type[Any], dict[str, Any]]] = []
    for name, (about, _) in _known(link, consents).items():
        answer = _changed(name, answers)
        if answer is not None:
            events.append(_consent(about, "granted" if answer else "withdrawn", now_ms))
    channels = tuple(
        ContactChoice(channel, not answer)
        for channel in CONTACT_CHANNELS
        if (answer := _changed(f"channel.{channel}", answers)) is not None
    )
    objects = _changed(OBJECTION, answers)
    if channels or objects is not None:
        fields = {"channels": channels, "objects_to_marketing": objects}
        events.append((ContactPreferencesChanged, fields))
    return events


def withdrawal(link: Link, now_ms: int) -> tuple[type[Any], dict[str, Any]]:
    """What one click on a link to unsubscribe says."""
    return _consent(link, "withdrawn", now_ms, ONE_CLICK_VERSION)


def _known(link: Link, consents: ConsentSynced | None) -> dict[str, tuple[Link, bool]]:
    """Each consent by its field's name, with what it is about and whether it is given."""
    kept: Sequence[Any] = () if consents is None else consents.consents
    found = {
        _name(about): (about, one.status == "granted")
        for one in kept
        if one.contact_channel in CHANNEL_NAMES
        for about in (Link(link.subject, one.contact_point, one.contact_channel, one.purpose),)
    }
    found.setdefault(_name(link), (link, False))
    return found


def _name(about: Link) -> str:
    point = about.contact_point[:_POINT_CHARS]
    return f"consent.{about.contact_channel}.{about.purpose}.{point}"


def _changed(name: str, answers: Mapping[str, str]) -> bool | None:
    """The answer to a question, if it is another one than was shown."""
    answer, was = answers.get(name), answers.get(f"was.{name}")
    if answer not in {"yes", "no"} or was not in {"yes", "no"} or answer == was:
        return None
    return answer == "yes"


def _consent(
    about: Link, status: str, now_ms: int, version: str = FORM_VERSION
) -> tuple[type[Any], dict[str, Any]]:
    return ConsentChanged, {
        "contact_point": about.contact_point,
        "contact_channel": about.contact_channel,
        "purpose": about.purpose,
        "status": status,
        "proof": ConsentProof(version, "web", now_ms),
    }
