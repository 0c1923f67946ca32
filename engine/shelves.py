"""The catalogue that recommendations are taken from, as the night made it and with the stock of this hour.

Rules
- The arrays of the newest night are used; without any (no scipy, no night yet, damaged) what is popular counts.
- Products are read again after FRESH, so that what is sold out goes; arrays when there is a newer file.
- What people bought is read when it is asked for: what they ordered this morning counts, too.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import ConfigError
from engine.store.products import every_product
from journeys.project import Buying, Project

if TYPE_CHECKING:
    import sqlalchemy as sa

    from channels.asking import Showing
    from engine.audience.recommend import Bought, Shelf

LOG = logging.getLogger("sojourn")

FRESH = timedelta(minutes=5)
OLD = timedelta(days=14)
"""Arrays that are older than this say nothing about what is popular now."""

STANDARD = ("name", "family", "department", "price", "stock", "url", "image")
"""What a template may print of any product; what the catalogue does not say prints nothing."""
FOLDER = Path(".sojourn")


@dataclass(frozen=True)
class Stock:
    """A shelf with the products of this hour. `blank`: every attribute that some product has, as None."""

    shelf: Shelf
    products: Mapping[str, Mapping[str, Any]]
    blank: Mapping[str, None]
    buying: Buying
    new: Sequence[str]  # what the shelf does not know yet and can be had

    def histories(self, conn: sa.Connection, ids: Sequence[str], now: datetime) -> Mapping[str, Bought]:
        """Return what these people bought, in one statement."""
        from engine.audience.recommend import histories  # noqa: PLC0415 - numpy

        return histories(conn, self.buying, self.shelf, sorted(set(ids)), now) if self.buying.event and ids else {}

    def best(self, bought: Bought | None, wish: Showing, hidden: Collection[str]) -> list[str]:
        """Return skus, the best first: `hidden` (shown lately), then what was bought lately comes back for the last."""
        from engine.audience.recommend import NOTHING, Wish  # noqa: PLC0415 - numpy

        had = NOTHING if bought is None else bought
        found: list[str] = []
        for mine, out in ((had, hidden), (had, ()), *([] if wish.new else [(NOTHING, ())])):
            if len(found) < wish.count:
                asked = Wish(wish.count, wish.new, {*out, *found}, wish.repeat_after)
                found += self.shelf.next(mine, asked)[: wish.count - len(found)]
        found += [sku for sku in self.new if sku not in found][: wish.count - len(found)]
        return found


@dataclass(slots=True)
class Shelves:
    """Keeps the stock of a project between batches."""

    project: Project
    secrets: Sequence[bytes]
    _stock: Stock | None = None
    _read_at: datetime | None = None
    _arrays: tuple[tuple[str, int], Any] | None = None
    _popular: tuple[datetime, Any] | None = field(default=None)

    def stock(self, conn: sa.Connection, now: datetime) -> Stock:
        """Return what can be recommended now."""
        if self._stock is None or self._read_at is None or not timedelta(0) <= now - self._read_at < FRESH:
            self._stock, self._read_at = self._made(conn, now), now
        return self._stock

    def _made(self, conn: sa.Connection, now: datetime) -> Stock:
        from engine.audience.recommend import Shelf  # noqa: PLC0415 - numpy

        products = dict(every_product(conn))
        buying = self.project.data.buying or Buying("")
        arrays = self._of_a_night(now) or self._of_now(conn, buying, now)
        gone = {"stock": 0}  # an order may name what the catalogue does not have any more
        known = {sku: products.get(sku, gone) for sku in arrays.skus} | products
        blank: dict[str, None] = dict.fromkeys((*STANDARD, *(name for one in products.values() for name in one)))
        new = [sku for sku, one in products.items() if sku not in arrays.place and _can_be_had(one)]
        return Stock(Shelf(arrays, known), products, blank, buying, new)

    def _of_a_night(self, now: datetime) -> Any:
        """Return the newest arrays, None when there are none that can be used."""
        from engine.audience import arrays_file  # noqa: PLC0415 - numpy
        from engine.store.columns import to_micros  # noqa: PLC0415

        path = arrays_file.newest(self.project.root / FOLDER)
        if path is None:
            return None
        try:
            mark = (path.name, path.stat().st_mtime_ns)
            if self._arrays is None or self._arrays[0] != mark:
                self._arrays = mark, arrays_file.load(path, self.secrets)
        except (ConfigError, OSError) as error:
            LOG.warning("recommendations go by what is popular: %s", error)
            return None
        found = self._arrays[1]
        age = to_micros(now) // 60_000_000 - found.minute
        return found if len(found.ease) and age <= OLD // timedelta(minutes=1) else None

    def _of_now(self, conn: sa.Connection, buying: Buying, now: datetime) -> Any:
        """Return what is popular by the orders of the last weeks; counted once a day."""
        from engine.audience.recommend import popular  # noqa: PLC0415 - numpy

        if self._popular is None or not timedelta(0) <= now - self._popular[0] < timedelta(days=1):
            self._popular = now, popular(conn, buying, now).arrays
        return self._popular[1]


def _can_be_had(product: Mapping[str, Any]) -> bool:
    stock = product.get("stock")
    return not (isinstance(stock, int | float) and stock <= 0)
