"""Lifetime value on CDNOW's purchases, whose fits are published: 39 weeks to learn from, 39 weeks to be judged by.

Published: Fader, Hardie and Lee 2005 (BG/NBD, Pareto/NBD), Fader and Hardie 2013 (Gamma-Gamma).
"""

from __future__ import annotations

import gzip
import time
from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path

import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor

from benchmarks.cdnow import ZONE, orders
from benchmarks.people import pareto
from benchmarks.people.line import Line, Result
from engine.audience.value import Floats, History, Ints, Purchases, fit_purchases, fit_spending, histories

SAMPLE = Path(__file__).resolve().parents[1] / "data" / "cdnow" / "CDNOW_sample.txt.gz"
CUT, END = date(1997, 9, 30).toordinal(), date(1998, 6, 30).toordinal()
WEEKS = (END - CUT) / 7
MILLION = 1_000_000

Bought = dict[str, dict[int, float]]  # customer -> day -> money


@dataclass(frozen=True, slots=True)
class Shown:
    """What each customer did until a day, and after it."""

    x: Ints
    last: Ints
    age: Ints
    mean: Floats  # money of a repeat order; 0: there was none
    spent: Floats
    after: Floats  # orders
    after_spent: Floats

    @property
    def history(self) -> History:
        return histories(self.x, self.last, self.age)


def sample() -> Bought:
    """Return the tenth of the customers to which the published fits belong."""
    found: Bought = defaultdict(lambda: defaultdict(float))
    for line in gzip.decompress(SAMPLE.read_bytes()).decode("ascii").splitlines():
        if line.strip():
            customer, _, day, _, dollars = line.split()
            found[customer][date.fromisoformat(f"{day[:4]}-{day[4:6]}-{day[6:]}").toordinal()] += float(dollars)
    return found


@lru_cache(maxsize=1)
def master() -> Bought:
    """Return all 23,570 customers."""
    found: Bought = defaultdict(lambda: defaultdict(float))
    for order in orders():
        found[order.customer][order.at.astimezone(ZONE).date().toordinal()] += order.total
    return found


def shown(bought: Bought, cut: int = CUT, end: int = END) -> Shown:
    """Return what each customer did until `cut` and from then to `end`."""
    rows = []
    for spent in bought.values():
        days = sorted(day for day in spent if day <= cut)
        later = [day for day in spent if cut < day <= end]
        if not days:
            continue
        repeats = [spent[day] for day in days[1:]]
        mean = sum(repeats) / len(repeats) if repeats else 0.0
        total = sum(spent[day] for day in days)
        rows.append(
            (len(repeats), days[-1] - days[0], cut - days[0], mean, total, len(later), sum(spent[d] for d in later))
        )
    columns = np.array(rows, dtype=np.float64).T
    x, last, age = (column.astype(np.int64) for column in columns[:3])
    return Shown(x, last, age, *columns[3:])


@lru_cache(maxsize=1)
def judged() -> dict[str, dict[str, float]]:
    """Return by method how far its forecasts for the master's 39 weeks are off."""
    seen = shown(master())
    history = seen.history
    ours, judge = fit_purchases(history), pareto.fit(history)
    repeats = seen.mean > 0
    spending = fit_spending(seen.x[repeats].astype(float), seen.mean[repeats])
    money = spending.expected(seen.x.astype(float), seen.mean)
    forecasts = {
        "BG/NBD": _people(ours, history),
        "Pareto/NBD": _people(judge, history),
        "boosting": _boosted(seen),
        "own past rate": seen.x / (seen.age / 7) * WEEKS,
        "one mean": np.full(len(seen.x), seen.after.mean()),
    }
    ranks = {name: count * money for name, count in forecasts.items()} | {"spend so far": seen.spent}
    found = {name: {"mae": float(np.abs(count - seen.after).mean())} for name, count in forecasts.items()}
    for name, value in ranks.items():
        top = np.argsort(-value, kind="stable")[: len(value) // 10]
        found.setdefault(name, {})["top"] = float(seen.after_spent[top].sum() / seen.after_spent.sum())
    return found


def _people(model: Purchases | pareto.Pareto, seen: History) -> Floats:
    return model.expected(WEEKS, seen.x, seen.t_x, seen.T)[seen.of]


def _boosted(seen: Shown) -> Floats:
    """Return what gradient boosting says that learned from the last third of the first 39 weeks."""
    earlier = shown(master(), CUT - 91, CUT)
    model = HistGradientBoostingRegressor(loss="poisson", max_iter=100, learning_rate=0.05)
    model.fit(np.column_stack([earlier.x, earlier.last, earlier.age, earlier.spent]), earlier.after)
    return np.asarray(model.predict(np.column_stack([seen.x, seen.last, seen.age, seen.spent])) * WEEKS / 13)


def purchases(_: Path | None) -> Result:
    found = fit_purchases(shown(sample()).history)
    said = (found.r, found.alpha, found.a, found.b, found.log_likelihood)
    return _against("r {:.3f} alpha {:.3f} a {:.3f} b {:.3f} LL {:.1f}", said, (0.243, 4.414, 0.793, 2.426, -9582.4))


def spending(_: Path | None) -> Result:
    seen = shown(sample())
    repeats = seen.mean > 0
    found = fit_spending(seen.x[repeats].astype(float), seen.mean[repeats])
    return _against("p {:.2f} q {:.2f} gamma {:.2f}", (found.p, found.q, found.gamma), (6.25, 3.74, 15.44))


def judge(_: Path | None) -> Result:
    found = pareto.fit(shown(sample()).history)
    said = (found.r, found.alpha, found.s, found.beta, found.log_likelihood)
    return _against(
        "r {:.3f} alpha {:.3f} s {:.3f} beta {:.3f} LL {:.1f}", said, (0.553, 10.578, 0.606, 11.669, -9595.0)
    )


def _against(text: str, said: tuple[float, ...], published: tuple[float, ...]) -> Result:
    measured, wanted = text.format(*said), text.format(*published)
    return Result(measured, f"published {wanted}", measured == wanted)


def error(_: Path | None) -> Result:
    found = judged()
    others = ", ".join(f"{name} {one['mae']:.3f}" for name, one in found.items() if name != "BG/NBD" and "mae" in one)
    mae = found["BG/NBD"]["mae"]
    return Result(f"{mae:.3f} orders", others, mae <= 0.82, {name: one.get("mae", 0.0) for name, one in found.items()})


def top(_: Path | None) -> Result:
    found = judged()
    others = ", ".join(f"{name} {100 * one['top']:.1f} %" for name, one in found.items() if name != "BG/NBD")
    share = found["BG/NBD"]["top"]
    return Result(f"{100 * share:.1f} %", others, share >= 0.51, {name: one["top"] for name, one in found.items()})


def million(_: Path | None) -> Result:
    """Fit and forecast a million made-up customers of the last 39 weeks."""
    rng = np.random.default_rng(6)
    seen = shown(master())
    who = rng.integers(0, len(seen.x), MILLION)
    age = np.minimum(seen.age[who] + rng.integers(0, 200, MILLION), 4000)
    mean = np.maximum(seen.mean[who], 5.0) * rng.lognormal(0, 0.2, MILLION)
    began = time.perf_counter()
    history = histories(seen.x[who], seen.last[who], age)
    model = fit_purchases(history)
    count = model.expected(52.0, history.x, history.t_x, history.T)[history.of]
    alive = model.alive(history.x, history.t_x, history.T)[history.of]
    some = rng.choice(MILLION, 50_000, replace=False)
    money = fit_spending(seen.x[who][some] + 1.0, mean[some]).expected(seen.x[who] + 1.0, mean)
    worth = count * money
    took = time.perf_counter() - began
    sound = bool(np.isfinite(worth).all() and (alive <= 1).all())
    return Result(f"{took:.1f} s", f"{len(history.x):,} distinct histories", sound and took < 5, {"seconds": took})


LINES = (
    Line("G9 BG/NBD, CDNOW sample", "the published digits", purchases),
    Line("G9 Gamma-Gamma, CDNOW sample", "the published digits", spending),
    Line("G9 Pareto/NBD, the judge", "the published digits", judge),
    Line("G10 orders of 39 weeks, mean error", "<= 0.82", error),
    Line("G10 money held by the top 10 %", ">= 51 %", top),
    Line("G10 a million customers", "< 5 s", million),
)
