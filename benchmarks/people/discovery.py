"""Discovery: do groups hold together, do rules say them, how long does a million take, do groups foretell anything."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from sklearn.cluster import KMeans
from sklearn.metrics import silhouette_score

from benchmarks.people.line import Line, NoData, Result
from benchmarks.people.retail import retail
from engine.audience.clusters import Floats, scaled
from engine.audience.discover import Feature, Found, discover, foresee
from engine.audience.worth import fifths

DAY = 1440
AHEAD = 90 * DAY
SEED = 8
MILLION = 1_000_000
NAMES = ("orders", "spent", "money an order", "days since last", "days since first", "orders in 90 days")
FEATURES = tuple(Feature(name, name, f"much {name}", f"little {name}") for name in NAMES)


@dataclass(frozen=True, slots=True)
class People:
    """Figures of the customers before an instant, and what they spent in the 90 days after."""

    raw: Floats
    spent: Floats


@lru_cache(maxsize=4)
def people(data: Path, back: int) -> People:
    """Return everybody who had bought `back` days before the end of Online Retail."""
    _, _, bills, ids = retail(data)
    end = int(bills.minute.max()) + 1 - back * DAY
    past = bills.minute < end
    n = len(ids)
    who, minute, money = bills.who[past], bills.minute[past], bills.money[past]
    orders, spent = np.bincount(who, minlength=n), np.bincount(who, money, minlength=n)
    last, first = np.zeros(n), np.full(n, np.inf)
    np.maximum.at(last, who, minute)
    np.minimum.at(first, who, minute)
    recent = np.bincount(who[minute >= end - AHEAD], minlength=n)
    known = orders > 0
    columns = (orders, spent, spent / np.maximum(orders, 1), (end - last) / DAY, (end - first) / DAY, recent)
    after = (bills.minute >= end) & (bills.minute < end + AHEAD)
    came = np.bincount(bills.who[after], bills.money[after], minlength=n)
    return People(np.column_stack(columns)[known].astype(np.float64), came[known])


@lru_cache(maxsize=1)
def found(data: Path) -> Found:
    return discover(people(data, 90).raw, FEATURES, SEED)


def _data(data: Path | None) -> Path:
    if data is None:
        raise NoData("needs online_retail/ (--data DIR or SOJOURN_DATA)")
    return data


def steady(data: Path | None) -> Result:
    """How many groups hold, beside what a silhouette would choose."""
    groups = found(_data(data))
    points = scaled(people(_data(data), 90).raw)
    shapes = {
        k: float(
            silhouette_score(
                points, KMeans(k, n_init=4, random_state=SEED).fit_predict(points), sample_size=2000, random_state=SEED
            )
        )
        for k in range(2, 9)
    }
    held = groups.steady
    told = " ".join(f"{one.k}:{one.low:.2f}" for one in groups.tried)
    flat = " ".join(f"{k}:{shape:.2f}" for k, shape in shapes.items())
    low = held.low if held else 0.0
    said = f"{groups.k} groups, 5th percentile {low:.3f} ({told})"
    return Result(said, f"silhouette {flat}; Ward {groups.hierarchy:.2f}", low >= 0.75, {"k": groups.k, "low": low})


def fidelity(data: Path | None) -> Result:
    groups = found(_data(data))
    share = groups.book.fidelity if groups.book else 0.0
    leaves = sum(len(paths) for paths in groups.book.paths) if groups.book else 0
    return Result(f"{share:.3f} with {leaves} leaves", "", share >= 0.9, {"fidelity": share})


def foretelling(data: Path | None) -> Result:
    """Who buys in 90 days: a forest and a logistic regression by figures, groups and RFM by their own rates."""
    older, newer = people(_data(data), 180), people(_data(data), 90)
    told = foresee((older.raw, older.spent > 0), (newer.raw, newer.spent > 0), SEED)
    if told is None:
        raise NoData("too few came")
    groups = found(_data(data))
    log = np.log1p(newer.spent)
    kinds = np.full(len(log), -1)
    for n, rows in enumerate(groups.members):
        kinds[rows] = n
    marks = fifths(-newer.raw[:, 3]) * 100 + fifths(newer.raw[:, 0]) * 10 + fifths(newer.raw[:, 1])
    shares = {"groups": _explained(log, kinds), "125 RFM cells": _explained(log, marks)}
    others = ", ".join(f"{name} explain {share:.2f} of log spend" for name, share in shares.items())
    figures = {"forest": told.forest[0], "logistic": told.logistic[0], **shares}
    measured = f"forest AUC {told.forest[0]:.3f}, logistic {told.logistic[0]:.3f}"
    return Result(measured, others, told.forest[0] > 0.7, figures)


def _explained(values: Floats, kinds: np.ndarray) -> float:
    """Return the share of variance that lies between the kinds."""
    _, of = np.unique(kinds, return_inverse=True)
    means = np.bincount(of, values) / np.bincount(of)
    return float(((means[of] - values.mean()) ** 2).sum() / ((values - values.mean()) ** 2).sum())


def million(_: Path | None) -> Result:
    """Find groups among a million made-up people with eight figures."""
    rng = np.random.default_rng(SEED)
    kinds = rng.integers(0, 4, MILLION)
    raw = rng.lognormal(1, 0.6, (MILLION, 8)) * (1 + 6 * rng.random((4, 8)))[kinds]
    features = [Feature(f"f{n}", f"f{n}", "much", "little") for n in range(8)]
    began = time.perf_counter()
    groups = discover(raw, features, SEED)
    took = time.perf_counter() - began
    share = groups.book.fidelity if groups.book else 0.0
    return Result(f"{took:.1f} s, {groups.k} groups, rules {share:.3f}", "", took < 30, {"seconds": took})


LINES = (
    Line("G13 groups that hold, Online Retail", "5th percentile >= .75", steady),
    Line("G13 rules that say them", "fidelity >= .9", fidelity),
    Line("G13 who buys in 90 days, a forest", "AUC > .70", foretelling),
    Line("G13 a million people x 8", "< 30 s", million),
)
