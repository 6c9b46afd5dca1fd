"""The pages behind the links in messages: unsubscribing, and all preferences. No script."""

from __future__ import annotations

from html import escape
from string import Template
from typing import Final

from ccstream.gateway.pages.page_files import read_text
from ccstream.gateway.preference_form import CHANNEL_NAMES, OBJECTION, Choice, Form
from ccstream.gateway.preference_links import Link

__all__ = ["STYLE_PATH", "PreferencePages"]

STYLE_PATH: Final = "/preferences/preferences.css"


class PreferencePages:
    """Renders them."""

    def __init__(self) -> None:
        self._frame = Template(read_text("preferences.html"))

    def confirm(self, link: Link) -> str:
        """Asks whether to unsubscribe. Nothing has changed yet: scanners of mail follow links."""
        return self._page(
            f"Stop the {_what(link)}?",
            '<form method="post"><p class="lead">One click, and it holds in every channel.</p>'
            '<input type="hidden" name="List-Unsubscribe" value="One-Click">'
            '<button class="primary" type="submit">Unsubscribe</button></form>',
        )

    def unsubscribed(self, link: Link) -> str:
        """It is done."""
        return self._page(
            "You are unsubscribed",
            f'<p class="lead" role="status">The {_what(link)} will not come any more. A message '
            "that is already on its way may still arrive.</p>",
        )

    def preferences(self, form: Form, *, saved: bool) -> str:
        """All questions with their answers as they are."""
        note = (
            '<p class="saved" role="status">Saved. It holds in every channel.</p>' if saved else ""
        )
        consents = "".join(map(_row, form.consents))
        channels = "".join(map(_row, form.channels))
        objection = _row(Choice(OBJECTION, "No advertising at all, by any way", form.objects))
        return self._page(
            "How may we reach you?",
            f'{note}<form method="post">'
            f"<section><h2>News and offers</h2><p>What you agreed to. You can take it back at any "
            f"time.</p>{consents}</section>"
            f"<section><h2>Ways to reach you</h2><p>A way that is off is used for nothing but "
            f"what you ordered.</p>{channels}</section>"
            f"<section><h2>Objection</h2>{objection}</section>"
            '<button class="primary" type="submit">Save</button></form>',
        )

    def gone(self) -> str:
        """The link is none, or has ended."""
        return self._page(
            "This link does not work",
            '<p class="lead">It is incomplete, or too old. Take the one in our latest message.</p>',
        )

    def later(self) -> str:
        """It cannot be done just now."""
        return self._page(
            "Please try again in a minute",
            '<p class="lead" role="alert">We could not store it just now. Nothing has changed.</p>',
        )

    def _page(self, title: str, body: str) -> str:
        return self._frame.substitute(title=escape(title), body=body, style=STYLE_PATH)


def _what(link: Link) -> str:
    purpose = escape(link.purpose.replace("_", " "))
    return f"{purpose} by {CHANNEL_NAMES[link.contact_channel]}"


def _row(choice: Choice) -> str:
    name, now = escape(choice.name), "yes" if choice.yes else "no"
    answers = "".join(
        f'<label><input type="radio" name="{name}" value="{value}"'
        f"{' checked' if value == now else ''}><span>{text}</span></label>"
        for value, text in (("yes", "Yes"), ("no", "No"))
    )
    return (
        f'<fieldset><legend>{escape(choice.label)}</legend><div class="answers">{answers}</div>'
        f'<input type="hidden" name="was.{name}" value="{now}"></fieldset>'
    )
