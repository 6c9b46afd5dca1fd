"""``ccstream consent``: whether a person may be contacted."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from ccstream.cli.exits import ExitCode
from ccstream.cli.options import AppId, Bootstrap, Json
from ccstream.cli.when import instant_ms

if TYPE_CHECKING:
    from ccstream.domain.consent import Consents
    from ccstream.ops.entity import Entity
    from ccstream.rules import Context, Decision

__all__ = ["app"]

app = typer.Typer(help="Ask whether a person may be contacted.")

READ: Final = ("consents", "keys", "profiles")
PLACE: Final = ("country", "region", "time_zone")
"""Traits of the profile that say where somebody lives, if no option does."""


@app.callback()
def consent() -> None:
    """Ask whether a person may be contacted."""


@app.command()
def check(
    key: Annotated[str, typer.Argument(metavar="KEY", help="As customer:42.", show_default=False)],
    channel: Annotated[
        str,
        typer.Option(
            help="The channel of contact: email, sms, phone, push, post, chat or social.",
            show_default=False,
        ),
    ],
    purpose: Annotated[
        str,
        typer.Option(help="As in the consents; any but service is marketing.", show_default=False),
    ],
    at: Annotated[
        str | None,
        typer.Option(
            metavar="TIME", help="When, with its zone, as 2026-11-26T20:00+01:00; else now."
        ),
    ] = None,
    country: Annotated[
        str | None, typer.Option(help="Where they live, as FR; else the trait country.")
    ] = None,
    region: Annotated[
        str | None, typer.Option(help="Their region, as 67; else the trait region.")
    ] = None,
    time_zone: Annotated[
        str | None,
        typer.Option(help="Theirs; else the trait time_zone, else that of region or country."),
    ] = None,
    contact_point: Annotated[
        str | None,
        typer.Option(metavar="HASH", help="The keyed hash of the one to be used; else any."),
    ] = None,
    own_customer: Annotated[
        bool, typer.Option("--own-customer", help="They bought similar products from you.")
    ] = False,
    contract: Annotated[
        bool, typer.Option("--contract", help="A contract is in progress, and it is about that.")
    ] = False,
    register: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A list they are on, as bloctel; may be repeated."),
    ] = None,
    not_on: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME", help="A list that was looked up, and they are not on; may be repeated."
        ),
    ] = None,
    past_contact: Annotated[
        list[str] | None,
        typer.Option(metavar="TIME", help="When you tried it before; may be repeated."),
    ] = None,
    last_refusal: Annotated[
        str | None, typer.Option(metavar="TIME", help="When they last refused during a contact.")
    ] = None,
    appointment: Annotated[
        str | None, typer.Option(metavar="TIME", help="For when they agreed to exactly this.")
    ] = None,
    last_own_contact: Annotated[
        str | None, typer.Option(metavar="TIME", help="When they last got in touch themselves.")
    ] = None,
    rules: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Rule packs in place of or beside the shipped ones."),
    ] = None,
    bootstrap: Bootstrap = None,
    app_id: AppId = None,
    json: Json = False,
) -> int:
    """Say whether a contact is allowed, why, and by which event; exit code 1 if it is not.

    The person's row is read as `ccstream inspect` reads it, and judged by the rule pack of the
    country where they live. A pack is no legal advice. What is not known speaks against the
    contact.

    For example:

        ccstream consent check customer:42 --channel email --purpose newsletter --country FR
        ccstream consent check customer:42 --channel phone --purpose offers --country FR \
--region 67 --at 2026-12-26T10:30+01:00
    """
    from ccstream.cli.console import data, say
    from ccstream.domain.consent import CONTACT_CHANNELS, CONTACT_POINT
    from ccstream.ops.entity import entity
    from ccstream.ops.keyring import KeyRing
    from ccstream.ops.settings import Settings
    from ccstream.rules import Context, load_packs, may_contact
    from ccstream.wire.validate import is_entity_key

    if not is_entity_key(key):
        raise typer.BadParameter(f"{key!r} is no namespace:value, as customer:42 is")
    if channel not in CONTACT_CHANNELS:
        raise typer.BadParameter(
            f"there is no channel {channel}; there are {', '.join(CONTACT_CHANNELS)}"
        )
    if contact_point is not None and CONTACT_POINT.fullmatch(contact_point) is None:
        # What was given may be an address, which is not repeated.
        raise typer.BadParameter(
            "--contact-point is the keyed hash of an address or number, as the consents have it: "
            "32 to 128 lower-case hexadecimal digits"
        )
    packs = None if rules is None else load_packs(rules)
    now = int(time.time() * 1000) if at is None else instant_ms(at)
    known = Context(
        contact_point=contact_point,
        own_customer=own_customer,
        contract=contract,
        registers=frozenset(register or ()),
        not_on_registers=frozenset(not_on or ()),
        past_contacts=tuple(map(instant_ms, past_contact or ())),
        last_refusal_at=_maybe(last_refusal),
        appointment_at=_maybe(appointment),
        last_own_contact_at=_maybe(last_own_contact),
    )
    settings = Settings.load(kafka__bootstrap=bootstrap, app_id=app_id)
    found = entity(settings, key, say, READ)
    ring = KeyRing.of(settings, found)
    context = _placed(known, ring.open(_traits(found)), (country, region, time_zone))
    if context.unreadable:
        say(f"the traits {', '.join(context.unreadable)} are ciphertext: {ring.why}")
    decision = may_contact(_consents(found), channel, purpose, now, context, packs)
    if json:
        data(decision)
    else:
        _tell(decision)
    return ExitCode.OK if decision.allowed else ExitCode.NEGATIVE


def _maybe(text: str | None) -> int | None:
    return None if text is None else instant_ms(text)


def _traits(found: Entity) -> dict[str, str | None]:
    """The latest word on each that says where somebody lives."""
    return {
        trait["name"]: trait["statements"][-1]["value"]
        for row in found.rows.get("profiles", ())
        for trait in row.value["traits"]
        if trait["name"] in PLACE
    }


def _placed(
    known: Context, traits: Mapping[str, str | None], given: Sequence[str | None]
) -> Context:
    """The context with where the person lives: as given, else as the profile has it."""
    from msgspec.structs import replace

    from ccstream.wire.personal import is_ciphertext

    places = {
        name: traits.get(name) if value is None else value
        for name, value in zip(PLACE, given, strict=True)
    }
    sealed = tuple(name for name, value in places.items() if value and is_ciphertext(value))
    return replace(known, **{**places, **dict.fromkeys(sealed)}, unreadable=sealed)


def _consents(found: Entity) -> Consents | None:
    from msgspec import convert

    from ccstream.domain.consent import Consents

    rows = found.rows.get("consents", ())
    return convert(rows[0].value, Consents) if rows else None


def _tell(decision: Decision) -> None:
    from ccstream.cli.console import line

    line(f"{decision.verdict}: {decision.reason} ({decision.detail})")
    for name, value in (
        ("evidence", decision.evidence),
        ("rule", decision.source),
        ("contact point", decision.contact_point),
        ("on condition", ", ".join(decision.obligations)),
    ):
        if value:
            line(f"  {name}: {value}")
