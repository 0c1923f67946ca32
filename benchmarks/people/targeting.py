"""G1-G7: who buys a product in the next 14 days, on Online Retail, beside the rules that shops go by.

Three dates before Christmas, every product that 25 people buy in the next 14 days; the base is everybody who ever
bought. What a choice catches is its share of all buyers (and their money) when it may take a tenth of the base.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np

from benchmarks.people.line import Line, NoData, Result
from benchmarks.people.retail import before, end, retail
from engine.audience.arrays import WINDOW, Arrays
from engine.audience.features import Past, features, past
from engine.audience.rules import RULES, fifths_of
from engine.audience.targeting import Targeting, _looked, interval, taught, wanted

SHARE = 0.10
DATES = 3
Caught = dict[str, tuple[float, float]]  # way -> share of money, share of buyers


class Campaign:
    """One product at one date: what each way of choosing caught, forecast and bought."""

    def __init__(self, date: int, caught: Caught, forecast: float, bought: int) -> None:
        self.date, self.caught, self.forecast, self.bought = date, caught, forecast, bought


@lru_cache(maxsize=1)
def campaigns(data: Path) -> tuple[list[Campaign], list[Campaign], dict[int, Targeting]]:
    """Return every campaign, the same as if its product were new, and what each night had learned."""
    warm: list[Campaign] = []
    cold: list[Campaign] = []
    nights: dict[int, Targeting] = {}
    for back in range(DATES, 0, -1):
        date = end(data) - back * WINDOW
        arrays = before(data, date)
        nights[date] = taught(arrays)
        known = past(arrays, date)
        base = np.flatnonzero(np.bincount(known.who, minlength=known.people))
        for product, money in _bought(data, arrays, date):
            own = np.zeros(len(arrays.skus), np.bool_)
            own[product] = True
            warm.append(_played(known, (nights[date].warm.weights, wanted(arrays, own)), (date, money, base)))
            look = _looked(arrays, own, product)
            weights = nights[date].cold.weights
            cold.append(_played(known, (weights, look), (date, money, base), new=True))
    return warm, cold, nights


def _bought(data: Path, arrays: Arrays, date: int) -> Iterator[tuple[int, np.ndarray]]:
    """Yield each product that 25 people bought in the window after `date`, with the money by person."""
    products, lines, _, ids = retail(data)
    inside = (lines.minute >= date) & (lines.minute < date + WINDOW)
    place = np.array([arrays.place[sku] for sku in products])
    rank = arrays.find(ids)
    what, who, money = place[np.asarray(lines.what)[inside]], rank[lines.who[inside]], lines.money[inside]
    pairs = np.unique(who.astype(np.int64) * len(products) + what)
    for product in np.flatnonzero(np.bincount(pairs % len(products), minlength=len(products)) >= 25):
        at = what == product
        yield int(product), np.bincount(who[at], money[at], minlength=arrays.people)


def _played(known: Past, how: tuple, truth: tuple, *, new: bool = False) -> Campaign:
    weights, look = how
    date, money, base = truth
    rows = features(known, look)[base]
    money = money[base]
    chances = weights.chances(rows)
    blur = np.random.default_rng(1).random(len(base)) * 1e-7
    count = round(SHARE * len(base))
    rfm = fifths_of(known)[base]
    if new:
        rows = rows.copy()
        rows[:, :3] = 0  # nobody has it: rules by the product itself know nothing
    ways: dict[str, Callable[[], np.ndarray]] = {"model": lambda: chances}
    ways |= {name: (lambda rule=rule: rule(rows, rfm)) for name, rule in RULES.items()}
    caught: Caught = {}
    for name, score in ways.items():
        top = np.argpartition(-(score() + blur), count)[:count]
        caught[name] = float(money[top].sum() / money.sum()), float((money[top] > 0).sum() / (money > 0).sum())
    return Campaign(date, caught, float(chances.sum()), int((money > 0).sum()))


def mean(found: list[Campaign], way: str, what: int) -> float:
    return float(np.mean([one.caught[way][what] for one in found]))


def against(way: str, what: int, aim: float) -> Callable[[Path | None], Result]:
    """Return the line that compares the model with a rule; `what` 0 is money, 1 buyers."""

    def run(data: Path | None) -> Result:
        found, _, _ = campaigns(_given(data))
        ours, theirs = mean(found, "model", what), mean(found, way, what)
        gain = ours / theirs - 1
        low, high = _bootstrap(found, way, what)
        says = f"{gain:+.1%} [{low:+.1%}, {high:+.1%}], catches {ours:.3f}"
        return Result(says, f"{way} {theirs:.3f}; {len(found)} campaigns", gain >= aim, {"gain": gain, "ours": ours})

    return run


def _bootstrap(found: list[Campaign], way: str, what: int) -> tuple[float, float]:
    both = np.array([(one.caught["model"][what], one.caught[way][what]) for one in found])
    chance = np.random.default_rng(0)
    drawn = [both[chance.integers(0, len(both), len(both))].mean(0) for _ in range(500)]
    return tuple(np.percentile([ours / theirs - 1 for ours, theirs in drawn], [2.5, 97.5]))


def best_rule(data: Path | None) -> Result:
    found, _, _ = campaigns(_given(data))
    rules = {name: mean(found, name, 1) for name in RULES if name != "rfm_in_segment"}
    best = max(rules, key=lambda name: rules[name])
    money = mean(found, "model", 0) / mean(found, best, 0) - 1
    gain = mean(found, "model", 1) / rules[best] - 1
    return Result(f"{gain:+.1%} buyers, {money:+.1%} money", f"{best} {rules[best]:.3f}", gain >= 0.08, {"gain": gain})


def not_worse(data: Path | None) -> Result:
    found, _, _ = campaigns(_given(data))
    share = float(np.mean([one.caught["model"][1] >= one.caught["rfm_in_segment"][1] for one in found]))
    return Result(f"{share:.1%} of {len(found)}", "rfm_in_segment", share >= 0.95, {"share": share})


def cold(data: Path | None) -> Result:
    _, found, _ = campaigns(_given(data))
    rules = {name: mean(found, name, 0) for name in ("rfm", "rfm_in_segment", "family_frequency", "segment")}
    best = max(rules, key=lambda name: rules[name])
    gain = mean(found, "model", 0) / rules[best] - 1
    buyers = mean(found, "model", 1) / max(mean(found, name, 1) for name in rules) - 1
    says = f"{gain:+.1%} money, {buyers:+.1%} buyers"
    return Result(says, f"{best} {rules[best]:.3f}", gain >= 0.30, {"gain": gain, "buyers": buyers})


def calibration(data: Path | None) -> Result:
    found, _, nights = campaigns(_given(data))
    off, raw, inside = [], [], []
    for date, night in nights.items():
        mine = [one for one in found if one.date == date]
        bought = sum(one.bought for one in mine)
        raw.append(sum(one.forecast for one in mine) / bought)
        off.append(raw[-1] * night.warm.ratio)
        for one in mine:
            low, high = interval(night.warm, one.forecast * night.warm.ratio)
            inside.append(low <= one.bought <= high)
    ok = 0.9 <= float(np.median(off)) <= 1.1 and all(0.6 <= one <= 1.4 for one in off)
    says = " ".join(f"{one:.2f}" for one in off) + f"; interval holds {np.mean(inside):.0%}"
    return Result(says, "uncorrected " + " ".join(f"{one:.2f}" for one in raw), ok, {"median": float(np.median(off))})


def _given(data: Path | None) -> Path:
    if data is None:
        raise NoData("needs online_retail/ (--data DIR or SOJOURN_DATA)")
    return data


LINES = (
    Line("G1 buyers at a tenth, RFM in the segment", ">= +30 %", against("rfm_in_segment", 1, 0.30)),
    Line("G2 money, RFM in the segment", ">= +22 %", against("rfm_in_segment", 0, 0.22)),
    Line("G3 money, members of the segment at random", ">= +60 %", against("segment", 0, 0.60)),
    Line("G4 buyers, the best rule found afterwards", ">= +8 %", best_rule),
    Line("G5 campaigns not worse than RFM", ">= 95 %", not_worse),
    Line("G6 new products, best of RFM and family rules", ">= +30 % money", cold),
    Line("G7 forecast / buyers, three dates", "median .9-1.1, each .6-1.4", calibration),
)
