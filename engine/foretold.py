"""What the value model would have said some time ago, and what came: the test that every forecast must stand.

Rules
- The model sees nothing after the cut; what is judged lies wholly after it.
- Beside it stand two that need no model: everybody goes on as so far, and everybody does what all do on the average.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import sqlalchemy as sa

from engine.audience.value import Floats
from engine.audience.worth import Customers, too_few, valued
from engine.valuing import When, customers
from journeys.project import Data

LONGEST = 26 * 7
"""Days ahead that are judged at most."""
MOST = 7


@dataclass(frozen=True, slots=True)
class Row:
    """People who had ordered again `orders` times before the cut (MOST: or more): foretold and actual, per person."""

    orders: int
    people: int
    foretold: float
    actual: float
    alive: float


@dataclass(frozen=True, slots=True)
class Foretold:
    """How far forecasts of `days` were off; errors are mean absolute ones, in orders a person."""

    days: int
    customers: int
    rows: tuple[Row, ...] = ()
    error: float = 0.0
    error_as_so_far: float = 0.0
    error_of_the_mean: float = 0.0
    top: float = 0.0  # share of the orders' money that the tenth held whom the model put first
    missing: str = ""


def foretold(conn: sa.Connection, data: Data, when: When) -> Foretold:
    """Cut the past in two, forecast the younger part from the older one, and compare."""
    now = customers(conn, data, when)
    if not len(now):
        return Foretold(0, 0, missing="orders: data.yaml says how they read under `buying`")
    days = int(min(LONGEST, (when.today - int(now.first.min())) // 3))
    if days < 14:
        return Foretold(days, len(now), missing="six weeks of orders")
    cut = When(when.now - timedelta(days=days), when.offset)
    then = customers(conn, data, cut)
    missing = too_few(then)
    if missing:
        return Foretold(days, len(then), missing=f"{missing} before {cut.now:%Y-%m-%d}")
    return judged(then, now, days)


def judged(then: Customers, now: Customers, days: int) -> Foretold:
    """Return how well `then` tells `now`, which is `days` later."""
    worth = valued(then, (0.2, 0.3), days / 7)
    if worth.alive is None or worth.ahead is None:
        raise AssertionError("there were enough for a fit")
    place = {id_: n for n, id_ in enumerate(now.ids)}
    same = np.array([place[id_] for id_ in then.ids])
    came = (now.days[same] - then.days).astype(np.float64)
    money = now.money[same] - then.money
    so_far = (then.days - 1) / np.maximum(then.today - then.first, 1) * days
    first = np.argsort(-(worth.ahead if worth.worth is None else worth.worth), kind="stable")[: max(1, len(then) // 10)]
    return Foretold(
        days,
        len(then),
        tuple(_rows(then, worth.ahead, came, worth.alive)),
        _off(worth.ahead, came),
        _off(so_far, came),
        _off(np.full(len(came), came.mean()), came),
        float(money[first].sum() / money.sum()) if money.sum() > 0 else 0.0,
    )


def _off(foretold: Floats, came: Floats) -> float:
    return float(np.abs(foretold - came).mean())


def _rows(then: Customers, ahead: Floats, came: Floats, alive: Floats) -> list[Row]:
    again = np.minimum(then.days - 1, MOST)
    return [
        Row(int(n), int(rows.sum()), float(ahead[rows].mean()), float(came[rows].mean()), float(alive[rows].mean()))
        for n in np.unique(again)
        for rows in [again == n]
    ]
