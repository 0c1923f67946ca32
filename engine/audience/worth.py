"""What customers are worth: recency, frequency and money in fifths, orders and money ahead, high, middle or low. Pure.

Rules
- Equal people get equal marks: a fifth is cut by the middle rank of all who are the same.
- People who first bought in the same quarter have a fit of their own when there are COHORT of them that say enough;
  the others share one. With too few people nobody can tell yet, and only the fifths are said.
- Money ahead = orders ahead (BG/NBD) x money of an order (Gamma-Gamma), for the next HORIZON.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import numpy.typing as npt

from engine.audience.value import (
    LEAST_CUSTOMERS,
    LEAST_REPEATERS,
    Floats,
    Ints,
    Purchases,
    Spending,
    fit_purchases,
    fit_spending,
    histories,
)

COHORT = 2000
HORIZON = 365.0 / 7.0
"""Weeks ahead."""
YOUNG = 12.0
"""Weeks that a cohort must be old on the average: before that its leaving cannot be told from its pausing."""
SAMPLE = 50_000
"""People whose orders tell the spread of money; more change nothing."""
TIERS = ("high", "middle", "low")


@dataclass(frozen=True, slots=True)
class Customers:
    """People as columns, by id: order days (since 1970), how many orders on how many days, money in all."""

    ids: Sequence[str]
    orders: Ints
    days: Ints
    first: Ints
    last: Ints
    money: Floats
    today: int

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True)
class Cohort:
    """People of one quarter ("" = all who have no fit of their own), and how they buy."""

    name: str
    people: int
    purchases: Purchases


@dataclass(frozen=True, slots=True)
class Valued:
    """What each customer is worth; `alive`, `ahead`, `worth` are None where nobody can tell yet."""

    recency: Ints
    frequency: Ints
    monetary: Ints
    alive: Floats | None = None
    ahead: Floats | None = None
    worth: Floats | None = None
    tier: Ints | None = None  # index of TIERS
    cohorts: tuple[Cohort, ...] = ()
    spending: Spending | None = None
    missing: str = ""  # what would be needed to tell more
    cuts: tuple[float, ...] = field(default=())  # worth from which on one is high, and middle


def fifths(values: Floats | Ints) -> Ints:
    """Return 1 to 5 for each, 5 for the largest; the same for equal ones."""
    n = len(values)
    order = np.sort(values)
    middle = (np.searchsorted(order, values, "left") + np.searchsorted(order, values, "right")) / 2
    return np.clip(np.floor(5 * middle / max(n, 1)), 0, 4).astype(np.int64) + 1


def valued(seen: Customers, shares: tuple[float, float], weeks: float = HORIZON) -> Valued:
    """Return what these customers are worth; `shares`: of high and middle among them."""
    recency, frequency, monetary = fifths(seen.last), fifths(seen.days), fifths(seen.money)
    missing = too_few(seen)
    if missing:
        return Valued(recency, frequency, monetary, missing=missing)
    alive, ahead, cohorts = _ahead(seen, weeks)
    spending = _spending(seen)
    if spending is None:
        return Valued(
            recency, frequency, monetary, alive, ahead, cohorts=cohorts, missing="orders with money in them"
        )  # fmt: skip
    mean = np.maximum(seen.money, 0.0) / seen.days
    worth = ahead * np.where(mean > 0, spending.expected(seen.days.astype(float), mean), 0.0)
    cuts = _cuts(worth, shares)
    tier = np.where(worth >= cuts[0], 0, np.where(worth >= cuts[1], 1, 2))
    return Valued(recency, frequency, monetary, alive, ahead, worth, tier, cohorts, spending, cuts=cuts)


def too_few(seen: Customers) -> str:
    """Return what is missing for a fit, "" when nothing is."""
    repeaters = int((seen.days > 1).sum())
    if len(seen) >= LEAST_CUSTOMERS and repeaters >= LEAST_REPEATERS:
        return ""
    return (
        f"{LEAST_CUSTOMERS} customers, {LEAST_REPEATERS} of whom ordered again "
        f"(there are {len(seen):,} and {repeaters:,})"
    )  # fmt: skip


def _ahead(seen: Customers, weeks: float) -> tuple[Floats, Floats, tuple[Cohort, ...]]:
    """Return the chance to be alive, the orders ahead, and the fits."""
    alive, ahead = np.empty(len(seen)), np.empty(len(seen))
    left = np.ones(len(seen), dtype=bool)
    cohorts = []
    quarter = _quarters(seen.first)
    for number in np.unique(quarter):
        rows = quarter == number
        if rows.sum() >= COHORT and _says_enough(seen, rows):
            cohorts.append(_apply(seen, (rows, _named(int(number))), (alive, ahead), weeks))
            left &= ~rows
    if left.any():
        everyone = left if _says_enough(seen, left) else np.ones(len(seen), dtype=bool)
        cohorts.append(_apply(seen, (left, ""), (alive, ahead), weeks, of=everyone))
    return alive, ahead, tuple(cohorts)


Rows = npt.NDArray[np.bool_]


def _apply(
    seen: Customers, which: tuple[Rows, str], into: tuple[Floats, Floats], weeks: float, of: Rows | None = None
) -> Cohort:
    """Fit the people `of` (those of `which`), and write down what it says of `which`."""
    rows, name = which
    x, last, age = seen.days - 1, seen.last - seen.first, seen.today - seen.first
    learned = rows if of is None else of
    model = fit_purchases(histories(x[learned], last[learned], age[learned]))
    told = histories(x[rows], last[rows], age[rows])
    into[0][rows] = model.alive(told.x, told.t_x, told.T)[told.of]
    into[1][rows] = model.expected(weeks, told.x, told.t_x, told.T)[told.of]
    return Cohort(name, int(rows.sum()), model)


def _says_enough(seen: Customers, rows: Rows) -> bool:
    age = (seen.today - seen.first[rows]).mean() / 7
    few = rows.sum() < LEAST_CUSTOMERS or (seen.days[rows] > 1).sum() < LEAST_REPEATERS
    return bool(not few and (age >= YOUNG or rows.all()))


def _spending(seen: Customers) -> Spending | None:
    paid = np.flatnonzero(seen.money > 0)
    if len(paid) < LEAST_CUSTOMERS:
        return None
    some = paid[:: max(1, len(paid) // SAMPLE)]
    return fit_spending(seen.days[some].astype(float), seen.money[some] / seen.days[some])


def _cuts(worth: Floats, shares: tuple[float, float]) -> tuple[float, float]:
    """Return the least worth of who is high, and of who is middle."""
    high, middle = (float(np.quantile(worth, 1 - min(part, 1.0))) for part in (shares[0], shares[0] + shares[1]))
    return high, middle


def _quarters(first: Ints) -> Ints:
    return np.asarray(first.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) // 3)


def _named(quarter: int) -> str:
    at = date(1970 + quarter // 4, 1 + quarter % 4 * 3, 1)
    return f"{at.year}-Q{quarter % 4 + 1}"
