"""G14: twenty campaigns over four weeks: the best pair first, beside the usual calendar and the optimum of an LP."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np
from scipy import sparse
from scipy.optimize import linprog

from benchmarks.people.line import Line, Result
from engine.audience.plan import Rules, Values, calendar, plan, total

CAMPAIGNS, WEEKS, CAP, NOISE = 20, 4, 2, 0.6
SEEDS = range(5)


def instance(people: int, seed: int) -> tuple[Values, Values, Rules]:
    """Return true values, predicted ones (with noise), and the rules: one or two weeks for each, volumes agreed."""
    chance = np.random.default_rng(seed)
    taste = chance.normal(size=(people, 6)).astype(np.float32)
    likes = chance.normal(size=(6, CAMPAIGNS)).astype(np.float32) * 0.5
    keen = chance.normal(0, 0.6, (people, 1)).astype(np.float32)
    level = chance.normal(-3, 0.5, CAMPAIGNS).astype(np.float32)
    true = np.exp(taste @ likes + keen + level)
    predicted = true * np.exp(chance.normal(0, NOISE, true.shape).astype(np.float32))
    weeks = np.zeros((CAMPAIGNS, WEEKS), np.bool_)
    for one in range(CAMPAIGNS):
        begin = chance.integers(0, WEEKS)
        weeks[one, begin] = True
        if chance.random() < 0.5:
            weeks[one, min(begin + 1, WEEKS - 1)] = True
    volumes = (people * chance.uniform(0.1, 0.5, CAMPAIGNS)).astype(np.int64)
    return true, predicted, Rules(weeks, volumes, np.arange(CAMPAIGNS), CAP)


def optimum(values: Values, rules: Rules) -> float:
    """Return the value of the LP: no plan under these rules brings more."""
    people = len(values)
    who, what = np.divmod(np.arange(values.size), CAMPAIGNS)
    pair, week = np.nonzero(rules.weeks[what])
    count = len(pair)
    cost = -values.ravel()[pair].astype(np.float64)
    columns = np.arange(count)
    rows = [
        sparse.csr_matrix((np.ones(count), (who[pair] * WEEKS + week, columns)), (people * WEEKS, count)),
        sparse.csr_matrix((np.ones(count), (pair, columns)), (values.size, count)),
        sparse.csr_matrix((np.ones(count), (what[pair], columns)), (CAMPAIGNS, count)),
    ]
    limits = np.concatenate([np.full(people * WEEKS, rules.cap), np.ones(values.size), rules.volumes])
    found = linprog(cost, sparse.vstack(rows), limits, bounds=(0, 1), method="highs")
    return float(-found.fun)


def of_optimum(_: Path | None) -> Result:
    shares, usual = [], []
    for seed in SEEDS:
        _, predicted, rules = instance(5_000, seed)
        best = optimum(predicted, rules)
        shares.append(total(predicted, plan(predicted, rules)) / best)
        usual.append(total(predicted, calendar(predicted, rules)) / best)
    says = " ".join(f"{one:.1%}" for one in shares)
    return Result(says, "calendar " + " ".join(f"{one:.1%}" for one in usual), min(shares) >= 0.98)


@lru_cache(maxsize=1)
def _gain(people: int) -> tuple[float, float, float]:
    true, predicted, rules = instance(people, 0)
    began = time.process_time()
    found = plan(predicted, rules)
    took = time.process_time() - began
    usual = calendar(predicted, rules)
    return total(predicted, found) / total(predicted, usual) - 1, total(true, found) / total(true, usual) - 1, took


def gain(_: Path | None) -> Result:
    predicted, true, _ = _gain(100_000)
    return Result(
        f"{predicted:+.1%} predicted, {true:+.1%} true", "calendar order, best people each", predicted >= 0.15
    )


def quick(people: int, most: float) -> Callable[[Path | None], Result]:
    def run(_: Path | None) -> Result:
        predicted, _, took = _gain(people)
        return Result(f"{took:.1f} CPU s, {predicted:+.1%} predicted", "", took < most, {"cpu_s": took})

    return run


LINES = (
    Line("G14 plan of the optimum (LP), 5 seeds", ">= 98 %", of_optimum),
    Line("G14 plan against the calendar, 100k", ">= +15 %", gain),
    Line("G14 plan of 100,000 x 20 x 4", "< 10 s", quick(100_000, 10)),
    Line("G14 plan of 1,000,000 x 20 x 4", "< 60 s", quick(1_000_000, 60)),
)
