"""Whom a campaign is for: the likeliest buyers, a few by chance, and some who hear nothing on purpose. Pure.

Rules
- The same arrays, weights and seed choose the same people: nothing else is looked at but who may be reached.
- A few are drawn at random from the rest, so that there is always a picture of those whom the model does not choose.
- The holdout is drawn from all who were chosen: it alone tells whom the message persuades.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from engine.audience.arrays import WINDOW, Arrays, Flags, Ints
from engine.audience.features import Matrix, Past, features, past
from engine.audience.logistic import Logistic, Vector
from engine.audience.rules import RULES, fifths_of
from engine.audience.targeting import Model, Targeting, contributions, interval, wanted, wanted_new
from journeys.campaign import Products, Volume


@dataclass(frozen=True)
class Scored:
    """Everybody's chance to buy the products, as forecast; `rows` are the features that it comes from."""

    model: Model
    chances: Vector
    rows: Matrix
    known: Past
    own: Flags
    money: float  # of one buyer, usually

    @cached_property
    def rfm(self) -> Vector:
        """Return everybody's fifths; a run writes them down, to be compared with later."""
        return fifths_of(self.known)


@dataclass(frozen=True, slots=True)
class Terms:
    """How many, and which parts of them: the random slice of the volume, and the holdout of all."""

    volume: Volume
    random: float
    holdout: float
    seed: int


@dataclass(frozen=True, slots=True)
class Audience:
    """Positions in the arrays, the likeliest first; flags for who was drawn by chance and who hears nothing."""

    people: Ints
    by_chance: Flags
    held: Flags
    forecast: float
    low: float
    high: float

    @property
    def hearing(self) -> int:
        return int((~self.held).sum())


@dataclass(frozen=True, slots=True)
class Caught:
    """What a choice of the same size caught of the last complete window: its share of buyers and of money."""

    way: str
    buyers: float
    money: float
    count: int  # buyers


def flags_of(arrays: Arrays, products: Products) -> Flags:
    """Return which products are meant; with words alone, none."""
    said = zip(arrays.skus, arrays.families, arrays.departments, strict=True)
    wished = set(products.skus), set(products.families), set(products.departments)
    return np.array([sku in wished[0] or fam in wished[1] or dep in wished[2] for sku, fam, dep in said], np.bool_)


def scored(arrays: Arrays, targeting: Targeting, products: Products) -> Scored:
    """Return everybody's chance, now."""
    known = past(arrays, arrays.minute)
    own = flags_of(arrays, products)
    model = targeting.cold if products.words else targeting.warm
    look = wanted_new(arrays, products.words, own if own.any() else None) if products.words else wanted(arrays, own)
    rows = features(known, look)
    chances = np.minimum(model.weights.chances(rows) * model.ratio, 1.0)
    return Scored(model, chances, rows, known, look.own, _money(arrays, look.own))


def _money(arrays: Arrays, own: Flags) -> float:
    """Return what one buyer spent on these products in a window, lately."""
    at = np.flatnonzero(own[arrays.item])
    if not len(at):
        return 0.0
    came = arrays.who[at].astype(np.int64) << 20 | arrays.when[at] // WINDOW  # in order: by person, then by time
    visits = 1 + np.count_nonzero(np.diff(came))
    return float(arrays.money[at].sum() / visits)


def chosen(found: Scored, reached: Flags, terms: Terms) -> Audience:
    """Return the audience among the people who can be `reached`."""
    chance = np.random.default_rng(terms.seed)
    able = chance.permutation(np.flatnonzero(reached).astype(np.int32))  # equals are taken by chance, not by name
    size = _size(terms.volume, found, able)
    order = able[np.argsort(-found.chances[able], kind="stable")]
    by_chance = min(round(size * terms.random), max(len(able) - size, 0)) if size else 0
    top = order[: size - by_chance]
    drawn = chance.choice(order[size - by_chance :], by_chance, replace=False) if by_chance else order[:0]
    drawn = drawn[np.argsort(-found.chances[drawn], kind="stable")]
    people = np.concatenate([top, drawn])
    held = np.zeros(len(people), np.bool_)
    held[chance.choice(len(people), round(len(people) * terms.holdout), replace=False)] = True
    forecast = float(found.chances[people].sum())
    low, high = interval(found.model, forecast)
    return Audience(people.astype(np.int32), np.arange(len(people)) >= len(top), held, forecast, low, high)


def _size(volume: Volume, found: Scored, able: Ints) -> int:
    if volume.worth is not None:
        return int((found.chances[able] * found.money >= volume.worth).sum())
    return min(volume.number if volume.number is not None else round((volume.share or 0) * len(able)), len(able))


def reasons(found: Scored, people: Ints) -> list[list[tuple[str, float, float]]]:
    """Return for each of these people the three features that speak most for them."""
    return contributions(found.model.weights, found.rows[people])


def replayed(arrays: Arrays, targeting: Targeting, products: Products, share: float) -> tuple[Caught, ...]:
    """Return what the model of then, RFM and every rule would have caught of the last complete window, at one size.

    The model did not know that window. () when nobody bought these products in it, or they are new.
    """
    own = flags_of(arrays, products)
    if products.words or not own.any():
        return ()
    start = arrays.minute - WINDOW
    known = past(arrays, start)
    base = np.flatnonzero(np.bincount(known.who, minlength=known.people))
    inside = (arrays.when >= start) & own[arrays.item]
    spent = np.bincount(arrays.who[inside], arrays.money[inside], minlength=arrays.people)[base]
    bought = np.bincount(arrays.who[inside], minlength=arrays.people)[base] > 0
    count = round(share * len(base))
    if not bought.any() or not count:
        return ()
    rows, rfm = features(known, wanted(arrays, own, before=True))[base], fifths_of(known)[base]
    ways: dict[str, Vector] = {"model": _judged(targeting.warm.judge, rows)}
    ways |= {name: rule(rows, rfm) for name, rule in RULES.items()}
    return tuple(_caught(name, score, (bought, np.asarray(spent, np.float64)), count) for name, score in ways.items())


def _judged(judge: Logistic, rows: Matrix) -> Vector:
    return judge.chances(rows)


def _caught(way: str, score: Vector, truth: tuple[Flags, Vector], count: int) -> Caught:
    bought, money = truth
    blur = np.random.default_rng(0).random(len(score))
    top = np.lexsort((blur, -score))[:count]
    whole = float(money.sum()) or 1.0
    return Caught(way, float(bought[top].sum() / bought.sum()), float(money[top].sum() / whole), int(bought[top].sum()))


WORDS: Mapping[str, str] = {
    "own_recent": "bought it {n:.0f} times in 12 weeks", "own_ever": "bought it {n:.0f} times",
    "own_since": "last bought it {n:.0f} days ago", "near_recent": "{n:.0f} of its family in 12 weeks",
    "near_since": "last bought of its family {n:.0f} days ago", "affinity": "what they have goes with it",
    "visits_month": "came {n:.0f} times in 4 weeks", "visits_recent": "came {n:.0f} times in 12 weeks",
    "visits_ever": "came {n:.0f} times", "spent_recent": "spent {n:,.0f} in 12 weeks",
    "visit_since": "last came {n:.0f} days ago",
}  # fmt: skip


def said(reason: Sequence[Any], *, new: bool = False) -> str:
    """Return a reason (feature, what it adds, its value) in words; `new`: of products that nobody has bought yet."""
    name, _, value = reason
    words = WORDS[name].format(n=value)
    words = (
        words.replace(" 1 times", " once").replace(" 1 days", " 1 day").replace("last came 0 days ago", "came today")
    )
    return words.replace("bought it", "bought what is called alike") if new else words
