"""What is left of people who are erased, as plainly as it can be said.

One of these stands beside each partition's truth (`truth.py`). It shares nothing with the engine,
and not even the domain's steps of erasures: only how a fingerprint is made.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from msgspec import structs

from ccstream.domain import reasons
from ccstream.domain.events import (
    ErasureRequested,
    Event,
    IdentifiersLinked,
    IdentifierUnlinked,
    LegalHoldChanged,
)
from ccstream.wire.cause import Cause
from ccstream.wire.mail import Mail
from ccstream.wire.rows import ROW_CODECS
from tests.properties.reference_links import roots_of
from tests.simulation.process import ERASURE_DEADLINE_MS, ERASURE_KEY
from tests.simulation.told_profiles import is_account, plain_of

__all__ = ["ABOUT_ALL", "Erased", "Erasures"]

ABOUT_ALL = (ErasureRequested, LegalHoldChanged)
"""Events about all that there is of a person."""

_PUBLISHED = ("carts", "touches", "profiles", "consents", "aliases", "interactions")
"""Tables with sync topics whose rows an entity has one of each."""


@dataclass
class Erased:
    """What is known of one entity; ``times`` it was erased because it was asked for itself.

    ``rows`` were deleted at the last of them, and one more if ``spare`` timers were still there.
    """

    held: bool = False
    waits: bool = False
    request: str = ""
    requested_at: int = 0
    named: tuple[str, ...] = ()
    at: int = 0
    times: int = 0
    due: int = 0
    rows: int = 0
    spare: bool = False
    orders: int = 0
    told: int = 0
    part_of: str = ""
    as_member: bool = False


class Erasures:
    """Of one partition; ``truth`` is the rest of what is true of it."""

    def __init__(self, truth: Any) -> None:
        self._truth = truth
        self.known: dict[str, Erased] = {}
        self.names: set[str] = set()
        """Of all who were erased, also if they have come back."""

    def at(self, entity: str) -> int:
        """When it was erased, 0 if it was not."""
        known = self.known.get(ERASURE_KEY.fingerprint(entity))
        return known.at if known else 0

    def is_gone(self, entity: str) -> bool:
        """Whether it was erased and has not come back."""
        return self.at(entity) > 0 and not self._truth.has_window(entity)

    def links_of(self, entity: str) -> Any:
        """What it knows of links, which is kept under the fingerprint while it is gone."""
        rows = self._truth.rows["links"]
        kept = rows.get(ERASURE_KEY.fingerprint(entity))
        if entity in rows or kept is None:
            return rows.get(entity)
        pointed, root = (
            ERASURE_KEY.unseal(one) if one else entity for one in (kept.coordinator, kept.root)
        )
        return structs.replace(kept, coordinator=pointed, root=root)

    def keep_links(self, entity: str, links: Any) -> None:
        pointed, root = (
            "" if one == entity else ERASURE_KEY.seal(one)
            for one in (links.coordinator, links.root)
        )
        nothing = {"waiting": (), "carried": ()}
        kept = structs.replace(links, coordinator=pointed, root=root, **nothing)
        self._truth.rows["links"][ERASURE_KEY.fingerprint(entity)] = kept

    def bring_back(self, entity: str) -> None:
        links = self.links_of(entity)
        if links is not None:
            self._truth.rows["links"].pop(ERASURE_KEY.fingerprint(entity), None)
            self._truth.rows["links"][entity] = links

    def turns_away(self, entity: str, event: Event, value: bytes, origin: Any, hops: int) -> bool:
        """Whether an event of somebody who has no window is of somebody who was erased."""
        at = self.at(entity)
        if not at or isinstance(event, ABOUT_ALL):
            return False
        if entity == event.subject and event.occurred_at > at:
            self._truth.begin_anew(entity, at)
            self._truth.show_root(entity, event, value, origin, hops)
            return False
        if entity != event.subject:
            self._tell(event.subject, entity, at, value, origin, hops)
        self._truth.reject(reasons.ERASED, entity, event, None, origin)
        return True

    def opens(self, mail: Mail, event: Event, origin: Any) -> bool:
        """Whether a letter that is not about an event was for whom it is no more, or says so."""
        if mail.kind == "erase":
            self._erase_member(mail, event, origin)
            return True
        if mail.kind == "erase_linked":
            self._tell_linked(mail, event, origin)
            return True
        at = 0 if mail.kind in {"acknowledge", "give_back"} else self.at(mail.to)
        if not at:
            return False
        if mail.kind == "link":
            self._linked(mail, event, at, origin)
            return False
        if event.occurred_at > at:
            if not self._truth.has_window(mail.to):
                self._truth.begin_anew(mail.to, at)
            return False
        goes_back = mail.kind == "hand_back"
        holder = mail.key.partition("#")[0] if goes_back else mail.holder or event.subject
        if holder != mail.to:
            self._tell(holder, mail.to, at, mail.value, origin, mail.hops)
        if mail.kind == "hand_over" and mail.table != "windows":
            about = ("acknowledge", mail.table, mail.key)
            self._truth.write(holder, mail.value, origin, mail.hops, *about)
            if mail.table == "orders":
                key = mail.to + mail.key[len(holder) :]
                self._truth.publish_as_is("orders", mail.to, key, event, origin, "rejected")
        if goes_back and mail.table == "orders":
            self._keep_order(mail, mail.key[len(holder) :], event, origin)
        return True

    def _linked(self, mail: Mail, event: Event, at: int, origin: Any) -> None:
        """A letter about links, which who was erased reads for others, whoever else has to go."""
        named: tuple[str, ...] = ()
        if isinstance(event, IdentifiersLinked | IdentifierUnlinked):
            named = (event.subject, *event.identifiers)
        if event.occurred_at > at and mail.to in named and self.is_gone(mail.to):
            self._truth.begin_anew(mail.to, at)
        told = mail.to
        if (
            event.occurred_at <= at
            and named
            and event.subject != mail.to
            and not is_account(event.subject)
        ):
            told = event.subject
            was_linked = isinstance(event, IdentifiersLinked) and mail.to in event.identifiers
            table = "links" if was_linked else ""
            self._tell(told, mail.to, at, mail.value, origin, mail.hops, table)
        links = self.links_of(mail.to)
        gathers = links is None or links.coordinator == mail.to
        brings = mail.key in ("told", "proposed", "gathered")
        if self.is_gone(mail.to) and gathers and brings:
            said = ROW_CODECS["links"].decode_row(mail.row or b"").state
            facts = {*said.facts, *(links.facts if links else ())}
            by_these = structs.replace(said, facts=frozenset(facts))
            for one in _linked_to(mail.to, by_these, at) - {told}:
                self._tell(one, mail.to, at, mail.value, origin, mail.hops)

    def _keep_order(self, mail: Mail, order_id: str, event: Event, origin: Any) -> None:
        """Orders that go back to who is erased stay, as all of theirs."""
        truth, fingerprint = self._truth, ERASURE_KEY.fingerprint(mail.to)
        truth.publish_as_is("orders", mail.to, mail.to + order_id, event, origin, "rejected")
        order = ROW_CODECS["orders"].decode_row(mail.row or b"").state
        known = truth.rows["orders"].get(fingerprint + order_id)
        if known is not None and known.event_id != order.event_id:
            truth.refuse_letter(reasons.ORDER_ALREADY_PLACED, event, mail, origin)
        else:
            self._keep(fingerprint, fingerprint + order_id, order, origin)

    def ask(self, entity: str, event: Event, value: bytes, origin: Any, hops: int, now: int) -> str:
        """A request or a legal hold; whether it was ``erased``, ``noted``, or ``nothing``."""
        fingerprint = ERASURE_KEY.fingerprint(entity)
        known = self.known.get(fingerprint)
        state = known or Erased()
        verdict = self._said(state, entity, event, now)
        named: tuple[str, ...] = ()
        if isinstance(event, ErasureRequested):
            named = _named(entity, event)
        if verdict == "erased":
            state.request = state.request or event.event_id
            self._erase(state, entity, fingerprint, event, value, origin, hops, now)
            return verdict
        if verdict == "noted":
            if state.held or state.at:
                self.known[fingerprint] = state
            else:
                self.known.pop(fingerprint, None)
        elif isinstance(event, ErasureRequested) and event.event_id != state.request:
            for one in named:
                self._tell(one, entity, now, value, origin, hops)
        self._truth.publish_all(entity, event, origin, "no_effect")
        return verdict

    def _said(self, state: Erased, entity: str, event: Event, now: int) -> str:
        if isinstance(event, LegalHoldChanged):
            if state.held == event.held:
                return "nothing"
            state.held = event.held
            return "erased" if state.waits and not event.held else "noted"
        assert isinstance(event, ErasureRequested)
        if state.request == event.event_id:
            return "nothing"
        if not state.held and state.at and not self._truth.has_window(entity):
            return "nothing"
        state.request, state.requested_at = event.event_id, now
        state.named = _named(entity, event)
        state.waits = state.held
        state.part_of = ""
        return "noted" if state.held else "erased"

    def _erase(
        self,
        state: Erased,
        entity: str,
        fingerprint: str,
        event: Event,
        value: bytes,
        origin: Any,
        hops: int,
        now: int,
    ) -> None:
        links = self.links_of(entity)
        self._delete(state, entity, fingerprint, origin)
        state.at = max(now, state.at)
        state.times += 1
        state.due = now + ERASURE_DEADLINE_MS
        state.waits = state.as_member = False
        state.told = len(state.named)
        self.known[fingerprint] = state
        for one in state.named:
            self._tell(one, entity, state.at, value, origin, hops)
        if links is not None and links.coordinator != entity:
            self._ask(links.coordinator, entity, state.at, value, origin, hops)
        for one in _linked_to(entity, links, state.at, entity) - {*state.named}:
            self._tell(one, entity, state.at, value, origin, hops)
        state.named = ()
        self._forget(entity, [entity], links, state.at, event, value, origin)

    def _forget(
        self,
        entity: str,
        names: list[str],
        links: Any,
        at: int,
        event: Event,
        value: bytes,
        origin: Any,
    ) -> None:
        """What it knew of links of others it goes on knowing, on its own."""
        if links is None:
            return
        if links.since <= at:
            links = structs.replace(links, root=entity, since=0, event_id="")
        self.keep_links(entity, links)
        if links.coordinator == entity:
            self._truth.forget(entity, names, at, event, value, origin)

    def _tell_linked(self, mail: Mail, event: Event, origin: Any) -> None:
        """Somebody was erased to whom others may be linked by facts that are gathered here."""
        me, links = mail.to, self.links_of(mail.to)
        if links is None:
            return
        if links.coordinator != me:
            self._ask(links.coordinator, mail.key, mail.since, mail.value, origin, mail.hops)
            return
        if links.root == mail.key and self._erase_member(mail, event, origin):
            return
        for one in _linked_to(mail.key, links, mail.since) - {me}:
            self._tell(one, mail.key, mail.since, mail.value, origin, mail.hops)
        self._truth.forget(me, [mail.key], mail.since, event, mail.value, origin)

    def _erase_member(self, mail: Mail, event: Event, origin: Any) -> bool:
        """An identifier goes with the account whose alias it is, and only with that."""
        aliases = self._truth.rows["aliases"]
        alias = aliases.get(mail.to)
        root = "" if alias is None else alias.root
        if root == "" and mail.table == "links":
            pass  # nobody's, and linked to the account once
        elif alias is None:
            return False
        elif root != mail.key:
            self._truth.forget_tenures(mail.to, mail.key)
            return False
        links = self.links_of(mail.to)
        for gone in (mail.key, mail.to):
            if links is not None and links.coordinator != mail.to:
                self._ask(links.coordinator, gone, mail.since, mail.value, origin, mail.hops)
            for one in _linked_to(gone, links, mail.since, mail.to) - {mail.to}:
                self._tell(one, gone, mail.since, mail.value, origin, mail.hops)
        fingerprint = ERASURE_KEY.fingerprint(mail.to)
        state = self.known.setdefault(fingerprint, Erased())
        self._delete(state, mail.to, fingerprint, origin)
        state.at = max(mail.since, state.at)
        state.told, state.waits, state.as_member, state.named = 0, False, True, ()
        state.part_of = ERASURE_KEY.fingerprint(mail.key)
        names = [mail.key, mail.to]
        self._forget(mail.to, names, links, state.at, event, mail.value, origin)
        return True

    def _delete(self, state: Erased, entity: str, fingerprint: str, origin: Any) -> None:
        """Nothing of the entity is left but its orders, under another name."""
        truth = self._truth
        self.names.add(entity)
        state.orders = 0
        for key in sorted(truth.rows["orders"]):
            if key.partition("#")[0] != entity:
                continue
            order = truth.rows["orders"].pop(key)
            truth.publish_bare("orders", key, origin)
            self._keep(fingerprint, fingerprint + key[len(entity) :], order, origin)
            state.orders += 1
        state.rows = truth.has_window(entity)
        for table in (*_PUBLISHED, "links"):
            rows = truth.rows.get(table, {})
            state.rows += rows.pop(entity, None) is not None
            if table != "links":
                truth.publish_bare(table, entity, origin)
        state.spare = truth.end_life(entity)

    def _keep(self, fingerprint: str, key: str, order: Any, origin: Any) -> None:
        self._truth.rows["orders"][key] = structs.replace(order, origin="")
        at = origin.appended_at
        cause = Cause("", "Erased", "", "", at, at, "erased")
        self._truth.publish_caused("orders", fingerprint, key, cause)

    def _tell(
        self,
        identifier: str,
        account: str,
        since: int,
        value: bytes,
        origin: Any,
        hops: int,
        table: str = "",
    ) -> None:
        self._truth.write(identifier, value, origin, hops, "erase", table, key=account, since=since)

    def _ask(
        self,
        coordinator: str,
        account: str,
        since: int,
        value: bytes,
        origin: Any,
        hops: int,
    ) -> None:
        """By the facts that are there somebody is to tell who is linked, and to forget these."""
        self._truth.write(
            coordinator, value, origin, hops, "erase_linked", key=account, since=since
        )


def _linked_to(account: str, links: Any, at: int, coordinator: str = "") -> set[str]:
    """Whose root an account was then, by the facts that are gathered here, or are in a letter."""
    if links is None or (coordinator and links.coordinator != coordinator):
        return set()
    before = [one for one in links.facts if one.at <= at or account not in (one.one, one.other)]
    roots, _ = roots_of(map(plain_of, before), is_account)
    return {name for name, root in roots.items() if root == account != name}


def _named(entity: str, event: ErasureRequested) -> tuple[str, ...]:
    everybody = dict.fromkeys((*event.identifiers, event.subject))
    return tuple(one for one in everybody if one != entity)
