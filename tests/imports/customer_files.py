"""Customer files of two data bases that overlap and contradict each other, and what is true.

The CRM knows accounts by number. The loyalty data base knows cards, and addresses; of some cards it
has the account's number, of others nothing but an address that the CRM has, too.
"""

from __future__ import annotations

import csv
import random
from pathlib import Path
from typing import NamedTuple

__all__ = ["CRM_MAP", "LOYALTY_MAP", "Truth", "write_files"]

CRM_MAP = """
format = 1
source = "crm"
channel = "call_centre"
[row]
key = "id"
changed_at = "updated"
region = "FR"
[account]
namespace = "customer"
column = "number"
[[identifier]]
namespace = "email"
column = "mail"
[[identifier]]
namespace = "phone"
column = "tel"
[[trait]]
name = "city"
column = "city"
[[consent]]
purpose = "newsletter"
channel = "email"
column = "optin"
point = "mail"
yes = ["1"]
no = ["0"]
form_version = "crm-1"
"""

LOYALTY_MAP = """
format = 1
source = "loyalty"
channel = "store"
[row]
key = "card"
changed_at = "changed"
[account]
namespace = "customer"
column = "customer"
[subject]
namespace = "loyalty"
column = "card"
[[identifier]]
namespace = "email"
column = "email"
[[trait]]
name = "city"
column = "town"
[[trait]]
name = "shoe_size"
column = "size"
"""

CITIES = ("Lyon", "Paris", "Lille", "Nice", "Brest")


class Truth(NamedTuple):
    """By account: the city stated last, and the shoe size, of those that any file tells.

    ``cards`` is each card's account.
    """

    city: dict[str, str]
    size: dict[str, str]
    cards: dict[str, str]


def _day(rng: random.Random) -> str:
    return (
        f"20{rng.randint(15, 25)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}"
        f"T{rng.randint(0, 23):02}:{rng.randint(0, 59):02}:{rng.randint(0, 59):02}Z"
    )


def write_files(folder: Path, rows: int, seed: int = 1) -> tuple[Path, Path, Truth]:
    """Two files with as many rows together, each in an order of its own, and the truth."""
    rng = random.Random(seed)
    customers = rows // 2
    stated: dict[str, list[tuple[str, str]]] = {}
    sizes: dict[str, str] = {}
    cards: dict[str, str] = {}
    crm, loyalty = [], []
    for number in range(1, customers + 1):
        account = f"customer:{number}"
        mail = f"Person{number}@Example.org"
        when, city = _day(rng), rng.choice(CITIES)
        stated.setdefault(account, []).append((when, city))
        tel = f"06{number:08}"
        crm.append((f"c{number}", number, mail, tel, city, rng.choice("01"), when))
    for number in range(1, customers + 1):
        account = f"customer:{number}"
        when, city, size = _day(rng), rng.choice(CITIES), str(rng.randint(35, 47))
        named = rng.random() < 0.5
        # Case does not count, and one in a hundred has no address at all.
        mail = f"PERSON{number}@example.org" if named or rng.random() < 0.99 else ""
        stated[account].append((when, city)) if named or mail else None
        if named or mail:
            sizes[account] = size
            cards[f"loyalty:k{number}"] = account
        loyalty.append((f"k{number}", number if named else "", mail, city, size, when))
    rng.shuffle(crm)
    rng.shuffle(loyalty)
    paths = folder / "crm.csv", folder / "loyalty.csv"
    heads = (
        ("id", "number", "mail", "tel", "city", "optin", "updated"),
        ("card", "customer", "email", "town", "size", "changed"),
    )
    for path, head, body in zip(paths, heads, (crm, loyalty), strict=True):
        with path.open("w", newline="", encoding="utf-8") as opened:
            writer = csv.writer(opened)
            writer.writerow(head)
            writer.writerows(body)
    (folder / "crm.toml").write_text(CRM_MAP)
    (folder / "loyalty.toml").write_text(LOYALTY_MAP)
    latest = {account: max(said)[1] for account, said in stated.items()}
    ties = {a for a, said in stated.items() if len({w for w, _ in said}) < len(said)}
    return *paths, Truth({a: c for a, c in latest.items() if a not in ties}, sizes, cards)
