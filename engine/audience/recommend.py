"""What to show a person next: their own habit, what goes with it, then what is popular where they buy.

Pure but for `popular` and `histories`, which read the store where no night has made arrays yet.

    score(j) = habit(j) + SHARE * (sum over what the person has of fading(i) * B[i, j] + popular(j))

Habit is what was bought before, fading by half in HALF_LIFE; B is EASE (Steck 2019), where a product fades by half in
TASTE; popular is the share of the last weeks' buyers who took it. Together they were better than each alone on the
next 28 days of a real shop, on three dates.

Rules
- Left out: what has no stock, what was returned, what was bought so lately that nobody needs it again, and what was
  shown in the last days. Of a family at most PER_FAMILY come.
- Never fewer than asked for while the catalogue has them: what is popular in the family that the person buys from
  most comes after, then what is popular at all.
- One row times one matrix: under a millisecond for five thousand products.
- Without arrays, or without scipy, there is no B: what is popular in a family counts by how much of what the person
  bought is of it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from engine.audience.arrays import DAY, Arrays, assemble
from engine.audience.collect import Collector
from engine.store.buying import refusing
from engine.store.columns import to_micros
from engine.store.orders import orders, orders_of
from engine.store.products import every_product
from journeys.project import Buying

HALF_LIFE = 60.0  # days
TASTE = 180.0  # days
SHARE = 0.5
MOST_HAD = 200  # products of a person that are looked at, the latest
PER_FAMILY = 2
RECENT = 28  # days in which popularity is counted
MOST_READ = 5  # batches of orders that tell what is popular where there are no arrays

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Bought:
    """What one person bought: places of products, and how many days ago each line was."""

    items: npt.NDArray[np.int32]
    days: Floats


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked: how many, whether only new ones; what not to show; after how many days one may come again."""

    count: int = 3
    new: bool = False
    hidden: Collection[str] = ()  # skus: returned, shown lately
    repeat_after: float = 0.0  # days


NOTHING = Bought(np.empty(0, np.int32), np.empty(0))


@dataclass(frozen=True)
class Shelf:
    """The catalogue for recommendations: made once a night, asked for each message.

    `products`: sku -> attributes, of which `stock` (0 = none) and `repeat_after` (days) are looked at.
    """

    arrays: Arrays
    products: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def best(self, contact_id: str, wish: Wish = Wish(), minute: int | None = None) -> list[str]:
        """Return skus for a contact, the best first; whoever is not known gets what is popular."""
        at = int(self.arrays.find([contact_id])[0])
        if at < 0:
            return self.next(NOTHING, wish)
        start, end = self.arrays.start[at], self.arrays.start[at + 1]
        now = self.arrays.minute if minute is None else minute
        days = (now - self.arrays.when[start:end].astype(np.float64)) / DAY
        return self.next(Bought(self.arrays.item[start:end], np.maximum(days, 0)), wish)

    def next(self, bought: Bought, wish: Wish) -> list[str]:
        """Return skus for somebody who bought this, the best first."""
        score = self.scores(bought, new=wish.new)
        barred = self._barred(bought, wish)
        found = self._picked(_ordered(score, 8 * wish.count + len(wish.hidden)), barred, wish.count, [])
        if len(found) < wish.count:
            found = self._picked(self._usual(bought), barred, wish.count, found)
        if len(found) < wish.count:  # rather a third one of a family than nothing
            rest = (n for n in self.popular if n not in found and not barred[n])
            found += [n for n, _ in zip(rest, range(wish.count - len(found)), strict=False)]
        return [self.arrays.skus[n] for n in found]

    def scores(self, bought: Bought, *, new: bool = False) -> Floats:
        """Return the score of every product; `new`: without those that the person has."""
        table = self.arrays.ease
        found = SHARE * self.share if len(table) else self._liked(bought)
        items, first = np.unique(bought.items[::-1], return_index=True)  # lines come in the order of time
        days = bought.days[::-1][first]
        had = np.argsort(days, kind="stable")[:MOST_HAD]
        had = had[items[had] < len(table)]
        if len(had):
            fading = (SHARE * 2.0 ** (-days[had] / TASTE)).astype(np.float32)
            found[: len(table)] += fading @ table[items[had]]
        if new:
            found[bought.items] = 0
        else:
            np.add.at(found, bought.items, 2.0 ** (-bought.days / HALF_LIFE))
        return found

    def _liked(self, bought: Bought) -> Floats:
        """Return what is popular, more of it in the families that the person buys from."""
        mine = np.bincount(self.family[bought.items], 2.0 ** (-bought.days / HALF_LIFE), minlength=len(self.by_family))
        return np.asarray(SHARE * self.share * (1 + mine[self.family]))

    def _barred(self, bought: Bought, wish: Wish) -> npt.NDArray[np.bool_]:
        found = self.sold_out.copy()
        place = self.arrays.place
        found[[place[sku] for sku in wish.hidden if sku in place]] = True
        again = np.maximum(self.repeat_after[bought.items], wish.repeat_after)
        found[bought.items[bought.days < again]] = True
        if wish.new:
            found[bought.items] = True
        return found

    def _picked(
        self, order: Iterator[int] | Sequence[int], barred: npt.NDArray[np.bool_], count: int, found: list[int]
    ) -> list[int]:
        """Return `found` with what comes next, at most PER_FAMILY of a family."""
        families = self.arrays.families
        held: dict[str, int] = {}
        for n in found:
            held[families[n]] = held.get(families[n], 0) + 1
        for n in order:
            if len(found) == count:
                break
            family = families[n]
            if not barred[n] and n not in found and (not family or held.get(family, 0) < PER_FAMILY):
                found.append(n)
                held[family] = held.get(family, 0) + 1
        return found

    def _usual(self, bought: Bought) -> Iterator[int]:
        """Yield what is popular in the person's first family, then at all."""
        families = self.arrays.families
        mine = [families[n] for n in bought.items if families[n]]
        first = max(sorted(set(mine)), key=mine.count) if mine else ""
        yield from self.by_family.get(first, ())
        yield from self.popular

    @cached_property
    def popular(self) -> list[int]:
        """Return all products, the most bought of the last weeks first."""
        return [int(n) for n in np.argsort(-self.share, kind="stable")]

    @cached_property
    def share(self) -> Floats:
        """Return the share of the last weeks' buyers who took each product."""
        a = self.arrays
        lately = a.when >= a.minute - RECENT * DAY
        who, item = a.who[lately].astype(np.int64), a.item[lately]
        took = np.unique(who * max(len(a.skus), 1) + item) % max(len(a.skus), 1)
        return np.bincount(took, minlength=len(a.skus)) / max(len(np.unique(who)), 1)

    @cached_property
    def by_family(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for n in self.popular:
            found.setdefault(self.arrays.families[n], []).append(n)
        return found

    @cached_property
    def family(self) -> npt.NDArray[np.int64]:
        """Return the family of each product as a number."""
        place = {name: n for n, name in enumerate(self.by_family)}
        return np.array([place[name] for name in self.arrays.families], np.int64)

    @cached_property
    def sold_out(self) -> npt.NDArray[np.bool_]:
        stock = (self.products.get(sku, {}).get("stock") for sku in self.arrays.skus)
        return np.array([isinstance(one, int | float) and one <= 0 for one in stock], np.bool_)

    @cached_property
    def repeat_after(self) -> Floats:
        days = (self.products.get(sku, {}).get("repeat_after") for sku in self.arrays.skus)
        return np.array([float(one) if isinstance(one, int | float) else 0.0 for one in days])


def _ordered(score: Floats, most: int) -> list[int]:
    """Return the places of the highest scores above 0, the highest first."""
    able = np.flatnonzero(score > 0)
    if len(able) > most:
        able = able[np.argpartition(-score[able], most)[:most]]
    return [int(n) for n in able[np.lexsort((able, -score[able]))]]


def popular(conn: sa.Connection, how: Buying, now: datetime) -> Shelf:
    """Return a shelf without arrays of a night: the whole catalogue, ranked by the orders of the last RECENT days."""
    taker = Collector(how, refusing(conn))
    since = now - timedelta(days=RECENT)
    for batch, _ in zip(orders(conn, how.event, now, since), range(MOST_READ), strict=False):
        taker.orders(batch)
    known = dict(every_product(conn))
    lines, visits = taker.rows()
    products = {sku: known.get(sku, {}) for sku in taker.skus} | known
    fields = assemble(list(taker.people), products, lines, visits, to_micros(now) // 60_000_000)
    none = np.zeros((0, 0), np.float32)
    return Shelf(Arrays(version="", ease=none, before=none, **fields), known)


def histories(conn: sa.Connection, how: Buying, shelf: Shelf, ids: Sequence[str], now: datetime) -> dict[str, Bought]:
    """Return what each of these people bought until now, in one statement; whoever bought nothing is left out."""
    taker = Collector(how)
    taker.orders(orders_of(conn, how.event, ids, now))
    lines, _ = taker.rows()
    place = np.array([shelf.arrays.place.get(sku, -1) for sku in taker.skus], np.int32)
    what = place[lines.what] if lines.what is not None and len(lines.what) else np.empty(0, np.int32)
    days = np.maximum(to_micros(now) / 60_000_000 - lines.minute, 0) / DAY
    return {
        id_: Bought(what[mine], days[mine])
        for id_, n in taker.people.items()
        if len(mine := np.flatnonzero((lines.who == n) & (what >= 0)))
    }
