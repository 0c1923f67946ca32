"""Orders as they come out of the store, to columns: ids and skus get numbers, a whole batch is read at a time.

Rules
- Nothing is done line by line in Python that can be done for a batch: ten million lines take seconds.
- A line without a sku is no line. Money that is no number, or is beyond MOST, counts as none; a quantity as one.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Collection, Mapping, Sequence
from itertools import chain, compress, repeat
from operator import itemgetter
from types import NoneType
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.audience.arrays import Rows
from journeys.project import Buying

MOST = 1e15
"""Money above it is no money: two of them multiplied still fit into what the arrays hold."""
PIECE = 1_000
"""Orders that are taken apart together: what is made of them stays near, and is gone before anybody collects it."""
_MINUTE = 60_000_000  # microseconds
Numbers = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]


class _Numbered(dict[str, int]):
    """Gives every text that is asked for a number: its place in the order of asking."""

    def __missing__(self, text: str) -> int:
        self[text] = found = len(self)
        return found

    def all(self, texts: Sequence[str]) -> npt.NDArray[np.int32]:
        return np.fromiter(map(self.__getitem__, texts), np.int32, len(texts))


class Collector:
    """Takes batches of orders and visits; `rows` gives what was taken. Whoever is in `refusing` is passed over."""

    def __init__(self, buying: Buying, refusing: Collection[str] = ()) -> None:
        self.buying, self.refusing = buying, refusing
        self.people, self.skus = _Numbered(), _Numbered()
        self._lines = array("i"), array("i"), array("f"), array("i")  # who, minute, money, what
        self._visits = array("i"), array("i"), array("f")

    def orders(self, batch: Sequence[Sequence[Any]]) -> None:
        """Take orders: contact, microseconds since 1970, body as JSON."""
        if self.refusing:
            batch = [row for row in batch if row[0] not in self.refusing]
        for start in range(0, len(batch), PIECE):
            self._orders(batch[start : start + PIECE])

    def _orders(self, batch: Sequence[Sequence[Any]]) -> None:
        ids, at, texts = zip(*batch, strict=True)
        bodies = json.loads(f"[{','.join(texts)}]")
        who, minute = self.people.all(ids), _minutes(at)
        order, lines = self._read(bodies)
        skus = self._named(lines)
        money = _numbers(_column(lines, self.buying.price), 0.0)
        money *= _numbers(_column(lines, self.buying.quantity), 1.0)
        order, what, money = order[skus >= 0], skus[skus >= 0], money[skus >= 0]
        _add(self._lines, who[order], minute[order], money, what)
        total: Numbers = np.bincount(order, money, minlength=len(batch)).astype(np.float64)
        if self.buying.value:
            total = _numbers(_column(bodies, self.buying.value), total)
        _add(self._visits, who, minute, total)

    def _read(self, bodies: Sequence[Mapping[str, Any]]) -> tuple[Places, Sequence[Mapping[str, Any]]]:
        """Return the lines of these orders, and which order each is of."""
        key = self.buying.items
        if not key:
            return np.arange(len(bodies)), bodies
        lists = _column(bodies, key)
        if set(map(type, lists)) != {list}:
            lists = [one if type(one) is list else [] for one in lists]
        order = np.repeat(np.arange(len(bodies)), np.fromiter(map(len, lists), np.int64, len(lists)))
        lines = list(chain.from_iterable(lists))
        if set(map(type, lines)) <= {dict}:
            return order, lines
        able = [type(one) is dict for one in lines]
        return order[able], list(compress(lines, able))

    def _named(self, lines: Sequence[Mapping[str, Any]]) -> npt.NDArray[np.int32]:
        """Return the number of each line's sku, -1 where it has none."""
        skus = _column(lines, self.buying.sku)
        if set(map(type, skus)) <= {str}:
            return self.skus.all(skus)
        able = np.array([type(one) in (str, int) for one in skus], np.bool_)
        found = np.full(len(skus), -1, np.int32)
        found[able] = self.skus.all([str(one) for one in compress(skus, able)])
        return found

    def visits(self, batch: Sequence[Sequence[Any]]) -> None:
        """Take days on which people came: contact, day since 1970. Nobody is known by visits alone."""
        if not batch:
            return
        ids, days = zip(*batch, strict=True)
        who = np.fromiter(map(self.people.get, ids, repeat(-1)), np.int32, len(ids))
        day = np.array(days, np.int64)[who >= 0]
        _add(self._visits, who[who >= 0], day * 1440, np.zeros(len(day)))

    def rows(self) -> tuple[Rows, Rows]:
        """Return lines and visits."""
        who, minute, money, what = (np.frombuffer(one, one.typecode) if one else np.empty(0, one.typecode)
                                    for one in self._lines)  # fmt: skip
        visitor, came, spent = (np.frombuffer(one, one.typecode) if one else np.empty(0, one.typecode)
                                for one in self._visits)  # fmt: skip
        return Rows(who, minute, money, what), Rows(visitor, came, spent)


def _column(rows: Sequence[Mapping[str, Any]], key: str) -> list[Any]:
    """Return what stands under `key` in each row, None where nothing does."""
    try:
        return list(map(itemgetter(key), rows))
    except KeyError:
        return [one.get(key) for one in rows]


def _minutes(at: Sequence[int]) -> Places:
    return np.array(at, np.int64) // _MINUTE


def _add(columns: Sequence[array[Any]], *added: npt.NDArray[Any]) -> None:
    for column, values in zip(columns, added, strict=True):
        column.frombytes(values.astype(column.typecode).tobytes())


def _numbers(values: Sequence[Any], otherwise: float | Numbers) -> Numbers:
    """Return what was said as numbers, `otherwise` where it is none, or none that money can be."""
    if not set(map(type, values)) <= {int, float, NoneType}:
        values = [one if type(one) in (int, float) else None for one in values]
    try:
        found = np.array(values, np.float64)
    except OverflowError:
        found = np.array([one if one is None or abs(one) <= MOST else None for one in values], np.float64)
    return np.where(np.abs(found) <= MOST, found, otherwise)
