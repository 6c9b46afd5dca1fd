"""The demo's consent: whether a customer may be sent the newsletter by e-mail."""

from __future__ import annotations

import time
from typing import Final

from ccstream.client.publisher import ChannelPublisher
from ccstream.client.view import SyncView
from ccstream.domain.events import ConsentChanged, ConsentProof, Event

__all__ = ["consent", "status"]

NEWSLETTER: Final = "newsletter"
CONTACT_POINT: Final = "5f" * 32
"""In the form of an address's hash; nobody's."""


def consent(publisher: ChannelPublisher, subject: str, status: str) -> Event:
    """Granted, or withdrawn, in the channel of the publisher."""
    now = time.time_ns() // 1_000_000
    return publisher.event(
        ConsentChanged,
        subject,
        contact_point=CONTACT_POINT,
        contact_channel="email",
        purpose=NEWSLETTER,
        status=status,
        proof=ConsentProof("newsletter-1", publisher.channel, now),
    )


def status(view: SyncView, subject: str) -> str | None:
    """What this screen shows; None if the customer was never asked."""
    found = view.consents(subject)
    asked = () if found is None else found.consents
    return next((one.status for one in asked if one.purpose == NEWSLETTER), None)
