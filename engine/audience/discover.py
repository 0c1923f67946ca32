"""Groups that hold together, said as rules: what `segment discover` finds in a table of people and figures. Pure.

Rules
- Clusters are only the way there: what comes out is the rule, its members are those for whom it holds.
- Clusters describe; they do not predict. What is said about the time ahead is counted: who looked so a while ago, and
  what they did since.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.audience import clusters
from engine.audience.clusters import Floats, Ints, Steady
from engine.audience.extra import taken_up
from engine.audience.lead import area
from engine.audience.logistic import fit
from engine.audience.rulebook import Flags, Rulebook, rules

LIKELY = 16.0
"""People per group for 80 % power at 5 %: n = 16 p (1 - p) / difference squared."""
FOREST = 20_000
"""People whom the forest learns from."""


@dataclass(frozen=True, slots=True)
class Feature:
    """A figure of a person: how our language says it, what it is called, and a word for much and for little of it."""

    said: str
    label: str
    much: str
    little: str


@dataclass(frozen=True, slots=True)
class Group:
    """People for whom a rule holds."""

    number: int
    title: str
    rule: str
    people: int
    share: float
    medians: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """What was found among `people`; k 1: nothing holds together, people differ by degrees."""

    people: int
    k: int
    tried: tuple[Steady, ...]
    groups: tuple[Group, ...] = ()
    members: tuple[Flags, ...] = ()
    book: Rulebook | None = None
    labels: Ints | None = None
    points: Floats | None = None
    hierarchy: float = 0.0
    nowhere: int = 0
    order: tuple[int, ...] = ()  # which of the book's groups each of `groups` is

    @property
    def steady(self) -> Steady | None:
        return next((one for one in self.tried if one.k == self.k), None)

    @property
    def next(self) -> Steady | None:
        """Return what was tried with one group more."""
        return next((one for one in self.tried if one.k == self.k + 1), None)


def discover(raw: Floats, features: Sequence[Feature], seed: int, k: int | None = None) -> Found:
    """Return the groups among people whose figures are `raw` [people, features]; nothing may be missing."""
    points = clusters.scaled(raw)
    chosen, tried = clusters.choose(points, seed, k)
    if chosen < 2:
        return Found(len(raw), 1, tried, points=points)
    labels = clusters.grouped(points, chosen, seed)
    book = rules(raw, labels, seed)
    members = tuple(book.members(raw, group) for group in range(chosen))
    said = [feature.said for feature in features]
    order = sorted((n for n in range(chosen) if book.paths[n]), key=lambda n: -int(members[n].sum()))
    titles = _titles(points, [members[n] for n in order], features)
    groups = tuple(
        Group(
            place + 1, titles[place], book.condition(n, said), int(members[n].sum()), float(members[n].mean()),
            tuple(np.median(raw[members[n]], axis=0).tolist()),
        )
        for place, n in enumerate(order)
    )  # fmt: skip
    nowhere = len(raw) - sum(group.people for group in groups)
    return Found(
        len(raw), chosen, tried, groups, tuple(members[n] for n in order), book, labels, points,
        clusters.hierarchy(points, labels, seed), nowhere, tuple(order),
    )  # fmt: skip


def _titles(points: Floats, members: Sequence[Flags], features: Sequence[Feature]) -> list[str]:
    """Name each group by the two figures in which it differs most from everybody; equal names get a number."""
    found: list[str] = []
    for rows in members:
        off = points[rows].mean(axis=0) if rows.any() else np.zeros(len(features))
        first = np.argsort(-np.abs(off), kind="stable")[:2]
        words = [features[n].much if off[n] > 0 else features[n].little for n in first if abs(off[n]) > 0.2]
        title = ", ".join(words) or "in the middle"
        found.append(title if title not in found else f"{title} ({len(found) + 1})")
    return found


def smallest_lift(people: int, rate: float) -> float | None:
    """Return the smallest relative lift that a test on these people, half against half, can show; None: none."""
    arm = people / 2
    if arm < 1 or not 0 < rate < 1:
        return None
    return float(np.sqrt(LIKELY * rate * (1 - rate) / arm) / rate)


def guard(people: int, rate: float, lifts: Sequence[float] = (0.1, 0.2, 0.3, 0.5)) -> list[tuple[float, int, int]]:
    """Return for each lift the people per arm that show it, and how many disjoint groups of two arms there can be."""
    if not 0 < rate < 1:
        return []
    found = []
    for lift in lifts:
        better = min(rate * (1 + lift), 0.999)
        spread = rate * (1 - rate) + better * (1 - better)
        arm = int(np.ceil((1.959964 + 0.841621) ** 2 * spread / (better - rate) ** 2))
        found.append((lift, arm, people // (2 * arm)))
    return found


@dataclass(frozen=True, slots=True)
class Foresight:
    """How well the figures foretell who buys next: AUC (with its interval) of a forest and of a logistic regression."""

    forest: tuple[float, float, float]
    logistic: tuple[float, float, float]
    people: int
    came: int
    first: tuple[tuple[int, float], ...] = ()  # features that the forest goes by most


def foresee(older: tuple[Floats, Flags], newer: tuple[Floats, Flags], seed: int) -> Foresight | None:
    """Learn who came after an earlier instant, and judge by a later one; None when too few came."""
    if min(int(older[1].sum()), int(newer[1].sum())) < 30 or older[1].all() or newer[1].all():
        return None
    ensemble = taken_up("sklearn.ensemble", clusters.WHAT)
    rows = clusters.some(len(older[0]), FOREST, seed)
    learned, judged = (np.sign(part) * np.log1p(np.abs(part)) for part in (older[0][rows], newer[0]))
    model = ensemble.RandomForestClassifier(200, min_samples_leaf=20, random_state=seed, n_jobs=1)
    model.fit(learned, older[1][rows])
    plain = fit(learned.astype(np.float32), older[1][rows], np.ones(len(rows), dtype=np.float32))
    weight = model.feature_importances_
    return Foresight(
        area(model.predict_proba(judged)[:, 1], newer[1]),
        area(plain.chances(judged.astype(np.float32)), newer[1]),
        len(newer[0]),
        int(newer[1].sum()),
        tuple((int(n), float(weight[n])) for n in np.argsort(-weight)[:3]),
    )
