"""Two data bases that overlap and contradict each other, made by a seed, and what is true of them.

The CRM numbers accounts; some are in it twice, with another town, another word about the newsletter
or another address. Addresses are shared by families. The loyalty data base knows cards: of some it
has the account's number, now and then the wrong one or a second one, of others nothing but an
address, of which some are nobody's, malformed or missing; of some cards it has two states, with
addresses that may be two accounts'.

`expected` says what must come of both, from the cells alone. It shares no code with what is tested
but the hashes of addresses and numbers.
"""

from __future__ import annotations

import csv
import random
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from ccstream.client.contact_points import ContactPoints
from tests.imports.customer_files import CRM_MAP, LOYALTY_MAP

__all__ = ["Expected", "Files", "expected", "write_files"]

CRM_HEAD = ("id", "number", "mail", "tel", "city", "optin", "updated")
LOYALTY_HEAD = ("card", "customer", "email", "town", "size", "changed")
CITIES = ("Lyon", "Paris", "Lille", "Nice", "Brest", "Orléans")
BEGINS_S = 1_400_000_000
SPAN_S = 300_000_000

Cells = tuple[str, ...]


class Files(NamedTuple):
    crm: Path
    loyalty: Path
    crm_rows: list[Cells]
    loyalty_rows: list[Cells]


class Expected(NamedTuple):
    """By key: the root of every identifier that has another, traits, and consents by address."""

    roots: dict[str, str]
    traits: dict[str, dict[str, str]]
    consents: dict[str, dict[str, str]]
    rejected: int


def write_files(folder: Path, rows: int, seed: int, *, shared: float = 0.05) -> Files:
    """Files of ``rows`` rows together, each in an order of its own.

    Of ``shared`` accounts the address is the neighbour's, too: a family's.
    """
    rng = random.Random(seed)
    # No two rows have one time: which of two statements is the later must be sure.
    times = iter(rng.sample(range(SPAN_S), rows))

    def when() -> str:
        return datetime.fromtimestamp(BEGINS_S + next(times), UTC).isoformat()

    crm = _crm(rng, rows // 2, when, shared)
    loyalty = _loyalty(rng, rows - rows // 2, rows // 2, when)
    paths = folder / "crm.csv", folder / "loyalty.csv"
    for path, head, body in (
        (paths[0], CRM_HEAD, crm),
        (paths[1], LOYALTY_HEAD, loyalty),
    ):
        rng.shuffle(body)
        with path.open("w", newline="", encoding="utf-8") as opened:
            writer = csv.writer(opened)
            writer.writerow(head)
            writer.writerows(body)
    (folder / "crm.toml").write_text(CRM_MAP)
    (folder / "loyalty.toml").write_text(LOYALTY_MAP)
    return Files(*paths, crm, loyalty)


def _mail(account: int) -> str:
    return f"Person{account}@Example.org"


def _crm(rng: random.Random, rows: int, when: object, shared: float) -> list[Cells]:
    made: list[Cells] = []
    account = 0
    while len(made) < rows:
        account += 1
        mail = _mail(account - 1 if rng.random() < shared and account > 1 else account)
        for copy in range(2 if rng.random() < 0.1 else 1):
            if copy:
                mail = rng.choice((mail, f"old.{_mail(account)}"))
            roll = rng.random()
            stated = "" if roll < 0.02 else "nowhere(at)example" if roll < 0.03 else mail
            tel = f"06{account % 10**8:08}" if rng.random() < 0.7 else ""
            at = "" if rng.random() < 0.002 else when()  # type: ignore[operator]
            cells = (stated, tel, rng.choice(CITIES), rng.choice(("0", "1", "")), at)
            made.append((f"c{account}-{copy}", str(account), *cells))
            if rng.random() < 0.01:
                made.append(made[-1])
    return made[:rows]


def _loyalty(rng: random.Random, rows: int, accounts: int, when: object) -> list[Cells]:
    made: list[Cells] = []
    card = 0
    while len(made) < rows:
        card += 1
        account = rng.randint(1, accounts)
        named = rng.random() < 0.4
        mail = _mail(account).upper() if rng.random() < 0.85 else f"stranger{card}@example.net"
        for copy in range(2 if rng.random() < 0.15 else 1):
            number = str(account) if named else ""
            if named and rng.random() < 0.03:
                number = str(account % accounts + 1)  # the neighbour's
            if copy and not named:
                others = f"moved{card}@example.net", "", _mail(rng.randint(1, accounts))
                mail = rng.choice((mail, *others))
            size = str(rng.randint(35, 47)) if rng.random() < 0.8 else ""
            at = "last year" if rng.random() < 0.002 else when()  # type: ignore[operator]
            made.append((f"k{card}", number, mail, rng.choice(CITIES), size, at))
    return made[:rows]


class _Row(NamedTuple):
    at: float
    account: str | None
    own: str
    identifiers: tuple[str, ...]
    traits: dict[str, str]
    consents: dict[str, str]


Claims = dict[str, list[tuple[float, str]]]
"""Of each identifier since when which accounts claim it."""


def expected(files: Files, points: ContactPoints) -> Expected:
    """What must come of the CRM's file, and then of the loyalty data base's."""
    crm = [row for cells in dict.fromkeys(files.crm_rows) if (row := _of_crm(cells, points))]
    loyalty = [
        row for cells in dict.fromkeys(files.loyalty_rows) if (row := _of_loyalty(cells, points))
    ]
    claims: Claims = defaultdict(list)
    for row in crm:
        _claim(claims, row, row.account or "")
    roots = {identifier: min(some) for identifier, some in claims.items()}
    known: Claims = defaultdict(list, {key: [one] for key, one in roots.items()})
    for row in loyalty:
        if row.account:
            _claim(known, row, row.account)
            _claim(claims, row, row.account)
    strangers = [row for row in loyalty if not row.account]
    while strangers:
        found = [(row, whose) for row in strangers if (whose := _whose(row, known))]
        if not found:
            break
        decided: dict[str, str] = {}  # all states of a card go with the first that is found
        for row, whose in sorted(found, key=lambda one: one[0].at):
            decided.setdefault(row.own, whose)
        found = [(row, decided[row.own]) for row, _ in found]
        for row, whose in found:
            _claim(known, row, whose)
            _claim(claims, row, whose)
        ended = {id(row) for row, _ in found}
        strangers = [row for row in strangers if id(row) not in ended]
    belongs = {identifier: min(some)[1] for identifier, some in claims.items()}
    traits: dict[str, dict[str, str]] = defaultdict(dict)
    consents: dict[str, dict[str, str]] = defaultdict(dict)
    for row in sorted((*crm, *loyalty), key=lambda row: row.at):  # later words replace earlier
        whose = row.account or belongs.get(row.own, row.own)
        if row.traits:
            traits[whose].update(row.traits)
        if row.consents:
            consents[whose].update(row.consents)
    rejected = sum(_at(cells[-1]) is None for cells in (*files.crm_rows, *files.loyalty_rows))
    return Expected(belongs, dict(traits), dict(consents), rejected)


def _claim(claims: Claims, row: _Row, account: str) -> None:
    for identifier in row.identifiers:
        claims[identifier].append((row.at, account))


def _whose(row: _Row, claims: Claims) -> str | None:
    return next((min(claims[one])[1] for one in row.identifiers if claims.get(one)), None)


def _at(text: str) -> float | None:
    return datetime.fromisoformat(text).timestamp() if text[:1].isdigit() else None


def _said(**cells: str) -> dict[str, str]:
    return {name: text for name, text in cells.items() if text}


def _of_crm(cells: Cells, points: ContactPoints) -> _Row | None:
    _, number, mail, tel, city, optin, updated = cells
    at = _at(updated)
    if at is None:
        return None
    keys: Iterable[str | None] = (
        points.email_key(mail) if "@" in mail else None,
        points.phone_key(f"+33{tel[1:]}") if tel else None,
    )
    consents = {}
    if optin and "@" in mail:
        consents[points.email(mail)] = "granted" if optin == "1" else "refused"
    account = f"customer:{number}"
    return _Row(at, account, account, tuple(filter(None, keys)), _said(city=city), consents)


def _of_loyalty(cells: Cells, points: ContactPoints) -> _Row | None:
    card, number, mail, town, size, changed = cells
    at = _at(changed)
    if at is None:
        return None
    own = f"loyalty:{card}"
    identifiers = (own, *((points.email_key(mail),) if mail else ()))
    account = f"customer:{number}" if number else None
    return _Row(at, account, own, identifiers, _said(city=town, shoe_size=size), {})
