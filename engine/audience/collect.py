"""Orders as they come out of the store, to columns: ids and skus get numbers, bodies are parsed many at a time."""

from __future__ import annotations

import json
from array import array
from collections.abc import Collection, Mapping, Sequence
from itertools import repeat
from typing import Any

import numpy as np

from engine.audience.arrays import Rows
from journeys.project import Buying

_MINUTE = 60_000_000  # microseconds


class Collector:
    """Takes batches of orders and visits; `rows` gives what was taken. Whoever is in `refusing` is passed over."""

    def __init__(self, buying: Buying, refusing: Collection[str] = ()) -> None:
        self.buying, self.refusing = buying, refusing
        self.people: dict[str, int] = {}
        self.skus: dict[str, int] = {}
        self._lines = array("i"), array("i"), array("f"), array("i")  # who, minute, money, what
        self._visits = array("i"), array("i"), array("f")

    def orders(self, batch: Sequence[tuple[str, int, str]]) -> None:
        """Take orders: contact, microseconds since 1970, body as JSON."""
        bodies = json.loads("[" + ",".join([row[2] for row in batch]) + "]")
        people, refusing = self.people, self.refusing
        for (contact, at, _), body in zip(batch, bodies, strict=True):
            if contact in refusing:
                continue
            who = people.setdefault(contact, len(people))
            self._order(who, at // _MINUTE, body)

    def _order(self, who: int, minute: int, body: Mapping[str, Any]) -> None:
        how = self.buying
        items = body.get(how.items) if how.items else [body]
        total = 0.0
        lines, skus = self._lines, self.skus
        for one in items if isinstance(items, list) else ():
            sku = one.get(how.sku) if isinstance(one, dict) else None
            if not isinstance(sku, str | int) or isinstance(sku, bool):
                continue
            money = _number(one.get(how.price), 0.0) * _number(one.get(how.quantity), 1.0)
            total += money
            lines[0].append(who)
            lines[1].append(minute)
            lines[2].append(money)
            lines[3].append(skus.setdefault(str(sku), len(skus)))
        visits = self._visits
        visits[0].append(who)
        visits[1].append(minute)
        visits[2].append(_number(body.get(how.value), total) if how.value else total)

    def visits(self, batch: Sequence[tuple[str, int]]) -> None:
        """Take days on which people came: contact, day since 1970. Nobody is known by visits alone."""
        known = [(self.people[contact], day) for contact, day in batch if contact in self.people]
        self._visits[0].extend(who for who, _ in known)
        self._visits[1].extend(day * 1440 for _, day in known)
        self._visits[2].extend(repeat(0.0, len(known)))

    def rows(self) -> tuple[Rows, Rows]:
        """Return lines and visits."""
        who, minute, money, what = (np.frombuffer(one, one.typecode) if one else np.empty(0, one.typecode)
                                    for one in self._lines)  # fmt: skip
        visitor, came, spent = (np.frombuffer(one, one.typecode) if one else np.empty(0, one.typecode)
                                for one in self._visits)  # fmt: skip
        return Rows(who, minute, money, what), Rows(visitor, came, spent)


def _number(value: Any, otherwise: float) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    return otherwise
