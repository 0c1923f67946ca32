"""Real purchases: 23,570 people and what they bought at CDNOW in 1997 and 1998, as contacts and `order_placed` events.

The file has days, no hours: each purchase gets an hour between 9 and 21 (New York) that is a hash of its id, so two
loads are the same to the byte. `python -m benchmarks.cdnow FOLDER` writes people.csv and orders.csv for
`sojourn contact import` and `sojourn event import`.
"""

from __future__ import annotations

import csv
import gzip
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import blake2b, sha256
from pathlib import Path
from zoneinfo import ZoneInfo

from engine.store.intake import NewContact, NewEvent

HERE = Path(__file__).resolve().parent
FILE = HERE / "data" / "cdnow" / "CDNOW_master.txt.gz"
SHOP = HERE / "shop_cdnow"
DIGEST = "eff6889ed364c5199d6eacbbeb7a6d559971df4406ac876f322c373f00a072ef"
ZONE = ZoneInfo("America/New_York")
FIRST, LAST = datetime(1997, 1, 1, tzinfo=UTC), datetime(1998, 7, 2, tzinfo=UTC)
OPENS, SECONDS_OPEN = timedelta(hours=9), 12 * 3600


@dataclass(frozen=True, slots=True)
class Order:
    """One purchase; `id` counts a customer's purchases in the order of the file."""

    id: str
    customer: str
    at: datetime
    cds: int
    total: float


@lru_cache(maxsize=1)
def orders() -> tuple[Order, ...]:
    """Return every purchase, oldest first; the file must be the one this was written for."""
    text = gzip.decompress(FILE.read_bytes())
    if sha256(text).hexdigest() != DIGEST:
        raise ValueError(f"{FILE} is not the CDNOW file that the README beside it describes")
    return tuple(sorted(_read(text.decode("ascii")), key=lambda order: (order.at, order.id)))


def _read(text: str) -> Iterator[Order]:
    bought: Counter[str] = Counter()
    for line in text.splitlines()[1:]:
        if not line.strip():
            continue
        customer, day, cds, dollars = line.split()
        bought[customer] += 1
        key = f"cdnow-{customer}-{bought[customer]}"
        yield Order(key, customer, _instant(day, key), int(cds), float(dollars))


def _instant(day: str, key: str) -> datetime:
    second = int.from_bytes(blake2b(key.encode(), digest_size=4).digest()) % SECONDS_OPEN
    local = datetime.strptime(day, "%Y%m%d").replace(tzinfo=ZONE) + OPENS + timedelta(seconds=second)
    return local.astimezone(UTC)


def customers(most: int | None = None) -> tuple[str, ...]:
    """Return the customer numbers, in the order of the file's numbering; the first `most` of them."""
    return tuple(sorted({order.customer for order in orders()}))[:most]


def contacts(most: int | None = None) -> list[NewContact]:
    """Return the customers as contacts who agreed to offers."""
    return [
        NewContact(
            id=f"c{customer}",
            attributes={"email": f"c{customer}@cdnow.example", "cohort": _cohort()[customer]},
            addresses={"email": f"c{customer}@cdnow.example"},
            consents=frozenset({"promo"}),
            source="cdnow",
        )
        for customer in customers(most)
    ]


@lru_cache(maxsize=1)
def _cohort() -> dict[str, str]:
    """Return the month of each customer's first purchase."""
    return {order.customer: order.at.strftime("%Y-%m") for order in reversed(orders())}


def events(most: int | None = None) -> list[NewEvent]:
    """Return the purchases of those customers as events, oldest first."""
    chosen = set(customers(most))
    return [
        NewEvent(
            id=order.id,
            contact_id=f"c{order.customer}",
            name="order_placed",
            at=order.at,
            data={"order_id": order.id, "total": order.total, "cds": order.cds},
            source="cdnow",
        )
        for order in orders()
        if order.customer in chosen
    ]


def write_csv(folder: Path, most: int | None = None) -> tuple[Path, Path]:
    """Write people.csv and orders.csv; return their paths."""
    people, bought = folder / "people.csv", folder / "orders.csv"
    with people.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["id", "email", "cohort", "consent"])
        table.writerows([c.id, c.addresses["email"], c.attributes["cohort"], "promo"] for c in contacts(most))
    with bought.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["id", "contact", "event", "at", "order_id", "total", "cds"])
        for e in events(most):
            at = "" if e.at is None else e.at.isoformat()
            table.writerow([e.id, e.contact_id, e.name, at, e.data["order_id"], e.data["total"], e.data["cds"]])
    return people, bought


if __name__ == "__main__":
    print(*write_csv(Path(sys.argv[1])), sep="\n")
