"""Who will buy these products soon: one logistic regression for all campaigns, taught by windows that are over.

Rules
- Lessons look back from the start of a window and never beyond it; their affinities are older than all of them.
- What is forecast is multiplied by what came of the last complete window, and its interval comes from how wrong the
  forecasts of that window were: it is a forecast of buyers, and says nothing about whom a message persuades.
- The same arrays, the same seed: the same weights, whose digest is their version.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np

from engine.audience.arrays import WINDOW, Arrays, Flags, Floats, Ints
from engine.audience.features import NAMES, Matrix, Past, Wanted, features, past, some
from engine.audience.logistic import Logistic, Vector, fit

LESSONS: Final = 3  # windows
MOST: Final = 100  # products that teach, per window
PEOPLE: Final = 60_000  # who are learned from, drawn once a night
OTHERS: Final = 2_000  # of those who did not buy, per lesson; each stands for several
ENOUGH: Final = 25  # buyers that make a lesson
SHARP: Final = 3  # a product that is called much alike speaks more than several that are a little
ALIKE: Final = 20  # products by whose words a new one is judged


@dataclass(frozen=True, slots=True)
class Model:
    """The weights, and how its forecasts of the last complete window came out."""

    weights: Logistic
    judge: Logistic  # taught one window earlier: it forecast the last complete one
    ratio: float  # buyers / forecast in that window
    error: float  # spread of log(buyers / forecast) over its campaigns, chance taken off


@dataclass(frozen=True, slots=True)
class Targeting:
    """What a night learned. `cold` is for products that nobody has bought yet."""

    version: str
    arrays: str
    warm: Model
    cold: Model


class TooLittle(ValueError):
    """There is not enough past to learn from; the words say what is missing."""


def wanted(arrays: Arrays, own: Flags, *, before: bool = False) -> Wanted:
    """Return what a campaign for these products looks at; `before`: with the affinities of BACK ago."""
    table = arrays.before if before else arrays.ease
    affinity = np.zeros(len(arrays.skus), np.float32)
    affinity[: len(table)] = table[:, own[: len(table)]].sum(1)
    return Wanted(own, near(arrays, own), affinity)


def near(arrays: Arrays, own: Flags) -> Flags:
    """Return the wider circle: the products' families, their departments when these are whole families, else all."""
    for names in (arrays.families, arrays.departments):
        circle = _same(names, own)
        if circle is not None and bool((circle & ~own).any()):
            return circle
    return np.ones(len(own), np.bool_)


def _same(names: tuple[str, ...], own: Flags) -> Flags | None:
    numbers = _numbers(names)
    circle: Flags = np.isin(numbers, np.unique(numbers[own])) & (numbers > 0)
    return circle | own if bool(circle.any()) else None


@lru_cache(maxsize=8)
def _numbers(names: tuple[str, ...]) -> Ints:
    """Return names as numbers; 0 is no name."""
    place = {name: n for n, name in enumerate(sorted({"", *names}))}
    return np.array([place[name] for name in names], np.int32)


def wanted_new(arrays: Arrays, text: str, circle: Flags | None = None, apart: Flags | None = None) -> Wanted:
    """Return the same for new products called `text`: by the products whose words are most alike, but those `apart`.

    `circle`: the products of their family, where it is known; else the families of those that are alike.
    """
    like = arrays.words.like(text)
    if apart is not None:
        like = np.where(apart, 0, like).astype(np.float32)
    own = np.zeros(len(like), np.bool_)
    alike = np.argsort(-like, kind="stable")[:ALIKE]
    own[alike[like[alike] > 0]] = True
    if circle is None:
        circle = near(arrays, own) if own.any() else own
    return Wanted(own, circle & ~apart if apart is not None else circle, like**SHARP)


def taught(arrays: Arrays, seed: int = 0) -> Targeting:
    """Return what these arrays teach; TooLittle when they do not reach back far enough, or hold too few buyers."""
    people = _drawn(arrays, seed)
    warm, cold = _model(arrays, people, seed, new=False), _model(arrays, people, seed, new=True)
    told = json.dumps([_record(warm), _record(cold)], sort_keys=True)
    version = hashlib.sha256(f"{arrays.version} {seed} {told}".encode()).hexdigest()[:12]
    return Targeting(version, arrays.version, warm, cold)


def _drawn(arrays: Arrays, seed: int) -> Ints:
    count = min(arrays.people, PEOPLE)
    return np.sort(np.random.default_rng(seed).choice(arrays.people, count, replace=False)).astype(np.int32)


def _model(arrays: Arrays, people: Ints, seed: int, *, new: bool) -> Model:
    lessons = [list(_lessons(arrays, people, (seed, back), new=new)) for back in range(1, LESSONS + 1)]
    if not any(lessons):
        raise TooLittle(
            f"no product was bought by {ENOUGH} people in two of the last eight weeks: too little to learn from"
        )
    weights = _fitted([one for window in lessons for one in window])
    taught_before = [one for window in lessons[1:] for one in window]
    if not taught_before or not lessons[0]:
        return Model(weights, weights, 1.0, 1.0)
    judge = _fitted(taught_before)
    forecast = np.array([float(times @ judge.chances(rows)) for rows, _, times in lessons[0]])
    bought = np.array([float(times @ happened) for _, happened, times in lessons[0]])
    ratio = float(bought.sum() / max(forecast.sum(), 1e-9))
    off = np.log((bought + 0.5) / (forecast * ratio + 0.5))
    error = float(np.sqrt(max(np.mean(off**2) - np.mean(1 / np.maximum(bought, 1)), 0.0)))
    return Model(weights, judge, ratio, error)


Lesson = tuple[Matrix, Flags, Floats]


def _fitted(lessons: list[Lesson]) -> Logistic:
    rows, happened, times = (np.concatenate([one[n] for one in lessons]) for n in range(3))
    return fit(rows, happened, times)


def _lessons(arrays: Arrays, people: Ints, draw: tuple[int, int], *, new: bool) -> Iterator[Lesson]:
    """Yield a lesson for each product that was bought enough in one window: `draw` is (seed, windows back)."""
    start = arrays.minute - draw[1] * WINDOW
    later = past(arrays, start + WINDOW, people)
    inside = later.when >= start
    known = past(arrays, start, people)
    base = np.flatnonzero(np.bincount(known.who, minlength=known.people))
    chance = np.random.default_rng([*draw, int(new)])
    for product in _busy(later, inside, chance, len(arrays.skus)):
        own = np.zeros(len(arrays.skus), np.bool_)
        own[product] = True
        look = _looked(arrays, own, product) if new else wanted(arrays, own, before=True)
        bought = np.zeros(known.people, np.bool_)
        bought[later.who[inside & own[later.item]]] = True
        if bought[base].any() and not bought[base].all():
            kept, times = _asked(bought[base], chance)
            yield features(some(known, base[kept].astype(np.int32)), look), bought[base[kept]], times


def _looked(arrays: Arrays, own: Flags, product: int) -> Wanted:
    """Return what is seen of a product as if nobody had ever bought it."""
    texts = arrays.words
    words = texts.word[texts.start[product] : texts.start[product + 1]]
    return wanted_new(arrays, " ".join(texts.vocabulary[word] for word in words), near(arrays, own), own)


def _busy(later: Past, inside: Flags, chance: np.random.Generator, products: int) -> Ints:
    """Return products that ENOUGH people bought in the window, MOST of them at most, by chance."""
    pairs = np.unique(later.who[inside].astype(np.int64) * products + later.item[inside])
    busy = np.flatnonzero(np.bincount(pairs % products, minlength=products) >= ENOUGH)
    return np.asarray(chance.permutation(busy)[:MOST], np.int32)


def _asked(bought: Flags, chance: np.random.Generator) -> tuple[Ints, Floats]:
    """Return the places of all who bought and of some who did not, and how many each of them stands for."""
    yes, no = np.flatnonzero(bought), np.flatnonzero(~bought)
    others = chance.choice(no, min(OTHERS, len(no)), replace=False)
    times = np.concatenate([np.ones(len(yes)), np.full(len(others), len(no) / max(len(others), 1))])
    return np.concatenate([yes, others]).astype(np.int32), times.astype(np.float32)


def interval(model: Model, forecast: float) -> tuple[float, float]:
    """Return the 95 % interval of buyers where `forecast` are expected: chance, and past errors of both kinds."""
    if forecast <= 0:
        return 0.0, 0.0
    spread = 1.96 * np.sqrt(model.error**2 + float(np.log(max(model.ratio, 1e-9))) ** 2 + 1 / forecast)
    return float(forecast * np.exp(-spread)), float(forecast * np.exp(spread))


def contributions(weights: Logistic, rows: Matrix, most: int = 3) -> list[list[tuple[str, float, float]]]:
    """Return by row the features that speak most for the person: name, what it adds to the log-odds, its value."""
    parts = weights.parts(rows)
    best = np.argsort(-parts, axis=1, kind="stable")[:, :most]
    values = np.expm1(rows)
    return [
        [(NAMES[at], float(parts[n, at]), float(values[n, at])) for at in row if parts[n, at] > 0]
        for n, row in enumerate(best)
    ]


def to_record(found: Targeting) -> dict[str, Any]:
    """Return a targeting as JSON keeps it."""
    return {
        "version": found.version,
        "arrays": found.arrays,
        "warm": _record(found.warm),
        "cold": _record(found.cold),
    }


def from_record(record: Mapping[str, Any]) -> Targeting:
    """Return the targeting of a record; KeyError when it is none."""
    models = {name: _read(record[name]) for name in ("warm", "cold")}
    return Targeting(record["version"], record["arrays"], models["warm"], models["cold"])


def _record(model: Model) -> dict[str, Any]:
    return {
        "weights": _plain(model.weights),
        "judge": _plain(model.judge),
        "ratio": model.ratio,
        "error": model.error,
    }


def _plain(one: Logistic) -> dict[str, Any]:
    return {name: value if isinstance(value, float) else value.tolist() for name, value in asdict(one).items()}


def _read(record: Mapping[str, Any]) -> Model:
    fits = [Logistic(one["bias"], *(np.array(one[key], np.float64) for key in ("weights", "mean", "spread")))
            for one in (record["weights"], record["judge"])]  # fmt: skip
    return Model(fits[0], fits[1], record["ratio"], record["error"])


__all__ = ["Model", "Targeting", "TooLittle", "Vector", "contributions", "features", "from_record", "interval",
           "taught", "to_record", "wanted", "wanted_new"]  # fmt: skip
