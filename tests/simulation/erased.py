"""What is left of people who are erased, as plainly as it can be said.

One of these stands beside each partition's truth (`truth.py`). It shares nothing with the engine,
and not even the domain's steps of erasures: only how a fingerprint is made.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from msgspec import structs

from ccstream.domain import reasons
from ccstream.domain.events import ErasureRequested, Event, IdentifiersLinked, LegalHoldChanged
from ccstream.wire.cause import Cause
from ccstream.wire.mail import Mail
from ccstream.wire.rows import ROW_CODECS
from tests.properties.reference_links import roots_of
from tests.simulation.process import ERASURE_DEADLINE_MS, ERASURE_KEY
from tests.simulation.told_profiles import is_account, plain_of

__all__ = ["ABOUT_ALL", "Erased", "Erasures"]

ABOUT_ALL = (ErasureRequested, LegalHoldChanged)
"""Events about all that there is of a person."""

_PUBLISHED = ("carts", "touches", "profiles", "consents", "aliases")
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
        self.lost: set[str] = set()
        """Identifiers of whose links something was gathered at somebody who was erased, without
        their going along; and who was erased when nobody knew the links any more."""

    def at(self, entity: str) -> int:
        """When it was erased, 0 if it was not."""
        known = self.known.get(ERASURE_KEY.fingerprint(entity))
        return known.at if known else 0

    def turns_away(self, entity: str, event: Event, value: bytes, origin: Any, hops: int) -> bool:
        """Whether an event of somebody who has no window is of somebody who was erased."""
        at = self.at(entity)
        if not at or isinstance(event, ABOUT_ALL):
            return False
        if entity == event.subject and event.occurred_at > at:
            self._truth.begin_anew(entity, at)
            return False
        if entity != event.subject:
            self._tell(event.subject, entity, at, value, origin, hops)
        self._truth.reject(reasons.ERASED, entity, event, None, origin)
        return True

    def opens(self, mail: Mail, event: Event, origin: Any) -> bool:
        """Whether a letter that is not about an event was for whom it is no more, or says so."""
        if mail.kind == "erase":
            self._erase_member(mail, origin)
            return True
        if mail.kind == "erase_linked":
            self._tell_linked(mail, origin)
            return True
        at = 0 if mail.kind in {"acknowledge", "give_back"} else self.at(mail.to)
        if not at:
            return False
        if event.occurred_at > at:
            if not self._truth.has_window(mail.to):
                self._truth.begin_anew(mail.to, at)
            return False
        goes_back = mail.kind == "hand_back"
        holder = mail.key.partition("#")[0] if goes_back else mail.holder or event.subject
        late_link = mail.kind == "link" and isinstance(event, IdentifiersLinked)
        table = "links" if late_link and mail.to in event.identifiers else ""
        if holder != mail.to:
            self._tell(holder, mail.to, at, mail.value, origin, mail.hops, table)
        if mail.kind == "link" and not self._truth.has_window(mail.to):
            said = ROW_CODECS["links"].decode_row(mail.row or b"").state
            self._lose(said.facts, mail.to)
            for one in _linked_to(mail.to, said) - {holder}:
                self._tell(one, mail.to, at, mail.value, origin, mail.hops)
            for root in _roots(said.facts) - {mail.to}:
                if root != holder:
                    self._tell(root, mail.to, at, mail.value, origin, mail.hops)
                self._ask(root, root, at, mail.value, origin, mail.hops, said)
            if mail.key == "assigned" and said.root == mail.to:
                self._ask(said.coordinator, mail.to, at, mail.value, origin, mail.hops)
        if mail.kind == "hand_over" and mail.table != "windows":
            about = ("acknowledge", mail.table, mail.key)
            self._truth.write(holder, mail.value, origin, mail.hops, *about)
            if mail.table == "orders":
                key = mail.to + mail.key[len(holder) :]
                self._truth.publish_as_is("orders", mail.to, key, event, origin, "rejected")
        if goes_back and mail.table == "orders":
            self._keep_order(mail, mail.key[len(holder) :], event, origin)
        return True

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
            self._erase(state, entity, fingerprint, value, origin, hops, now)
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
        value: bytes,
        origin: Any,
        hops: int,
        now: int,
    ) -> None:
        links = self._truth.rows["links"].get(entity)
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
        for one in _linked_to(entity, links, entity) - {*state.named}:
            self._tell(one, entity, state.at, value, origin, hops)
        state.named = ()

    def _tell_linked(self, mail: Mail, origin: Any) -> None:
        """Somebody was erased to whom others may be linked by facts that are gathered here."""
        me, links = mail.to, self._truth.rows["links"].get(mail.to)
        if mail.row:
            said = ROW_CODECS["links"].decode_row(mail.row).state
            at = 0 if self._truth.has_window(me) else self.at(me)
            for one in _linked_to(me, said) if at else ():
                self._tell(one, me, at, mail.value, origin, mail.hops)
            return
        if links is None:
            self.lost.add(mail.key)
        elif links.coordinator != me:
            self._ask(links.coordinator, mail.key, mail.since, mail.value, origin, mail.hops)
            return
        goes = links is not None and links.coordinator == me and links.root == mail.key
        for one in {me} if goes else _linked_to(mail.key, links, me):
            self._tell(one, mail.key, mail.since, mail.value, origin, mail.hops)

    def _erase_member(self, mail: Mail, origin: Any) -> None:
        """An identifier goes with the account whose alias it is, and only with that."""
        aliases = self._truth.rows["aliases"]
        alias = aliases.get(mail.to)
        root = "" if alias is None else alias.root
        if root == "" and mail.table == "links":
            pass  # nobody's, and linked to the account once
        elif alias is None:
            return
        elif root != mail.key:
            self._truth.forget_tenures(mail.to, mail.key)
            return
        links = self._truth.rows["links"].get(mail.to)
        for gone in (mail.key, mail.to):
            for one in _linked_to(gone, links, mail.to) - {mail.to}:
                self._tell(one, gone, mail.since, mail.value, origin, mail.hops)
        if links is not None and links.root == mail.to != links.coordinator:
            self._ask(links.coordinator, mail.to, mail.since, mail.value, origin, mail.hops)
        fingerprint = ERASURE_KEY.fingerprint(mail.to)
        state = self.known.setdefault(fingerprint, Erased())
        self._delete(state, mail.to, fingerprint, origin, mail.key)
        state.at = max(mail.since, state.at)
        state.told, state.waits, state.as_member, state.named = 0, False, True, ()
        state.part_of = ERASURE_KEY.fingerprint(mail.key)

    def _delete(
        self, state: Erased, entity: str, fingerprint: str, origin: Any, account: str = ""
    ) -> None:
        """Nothing of the entity is left but its orders, under another name."""
        truth = self._truth
        state.orders = 0
        for key in sorted(truth.rows["orders"]):
            if key.partition("#")[0] != entity:
                continue
            order = truth.rows["orders"].pop(key)
            truth.publish_bare("orders", key, origin)
            self._keep(fingerprint, fingerprint + key[len(entity) :], order, origin)
            state.orders += 1
        if (links := truth.rows["links"].get(entity)) is not None:
            self._lose(links.facts, entity, account)
        state.rows = truth.has_window(entity)
        for table in (*_PUBLISHED, "links"):
            rows = truth.rows.get(table, {})
            state.rows += rows.pop(entity, None) is not None
            if table != "links":
                truth.publish_bare(table, entity, origin)
        state.spare = truth.end_life(entity)

    def _lose(self, facts: Any, *erased: str) -> None:
        """Facts go, with those of others among them, who belong to none of these."""
        roots, _ = roots_of(map(plain_of, facts), is_account)
        self.lost |= {name for name, root in roots.items() if root not in erased}

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
        facts: Any = None,
    ) -> None:
        """By the facts that are there, or by these, somebody is to tell who is linked."""
        about = ("erase_linked", "links" if facts else "")
        self._truth.write(
            coordinator, value, origin, hops, *about, key=account, since=since, row=facts
        )


def _linked_to(account: str, links: Any, coordinator: str = "") -> set[str]:
    """Whose root an account is by the facts that are gathered here, or are in a letter."""
    if links is None or (coordinator and links.coordinator != coordinator):
        return set()
    roots, _ = roots_of(map(plain_of, links.facts), is_account)
    return {name for name, root in roots.items() if root == account != name}


def _roots(facts: Any) -> set[str]:
    return {*roots_of(map(plain_of, facts), is_account)[0].values()}


def _named(entity: str, event: ErasureRequested) -> tuple[str, ...]:
    everybody = dict.fromkeys((*event.identifiers, event.subject))
    return tuple(one for one in everybody if one != entity)
