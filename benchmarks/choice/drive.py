"""The thin driver: batches of contacts through a player, and what came of it.

A player is anything with chances for a batch and a way to be told. The product's own player (`Product`) is the
learner's code and nothing else: `batch.chances`, the label rule of `lessons`, the delay curves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from benchmarks.choice.worlds import BATCH, Flags, Floats, Ints, World
from engine.learner import batch, delays
from engine.learner.lessons import Lesson, Open, serving, teach
from engine.learner.models import Model, new_model

WINDOW, MEAN_DELAY = 72.0, 24.0  # hours
WINDOW_OF_OUTLIERS, FOUND = 500, 0.90
FLOOR = 0.02  # of all decisions, shared out over the arms


@dataclass(frozen=True, slots=True)
class Told:
    """What became of some decisions: lines, numbers of the arms, rewards, chances of what was drawn."""

    lines: Sequence[str]
    arms: Ints
    rewards: Floats
    chances: Floats


class Player(Protocol):
    """Decides for a batch, and learns."""

    def chances(self, lines: Sequence[str], eligible: Flags) -> Floats: ...
    def learn(self, told: Told) -> None: ...


@dataclass
class Product:
    """One of our models behind one decision point."""

    model: Model
    arms: dict[str, str]
    warmup: int = 100
    decided: int = 0
    served: Model | None = None

    def chances(self, lines: Sequence[str], eligible: Flags) -> Floats:
        warm = self.decided >= self.warmup
        self.decided += len(lines)
        if not warm:
            return np.asarray(eligible / eligible.sum(axis=1, keepdims=True), np.float64)
        return batch.chances(self.served or self.model, lines, self.arms, eligible, FLOOR / len(self.arms))

    def learn(self, told: Told) -> None:
        self.teach(told, [None] * len(told.lines), "closed")

    def teach(self, told: Told, before: Sequence[float | None], stage: Any) -> None:
        features = list(self.arms.values())
        rows = zip(told.lines, told.arms, told.rewards, told.chances, before, strict=True)
        teach(
            self.model, [Lesson(line, features[arm], float(r), was, float(p), stage) for line, arm, r, p, was in rows]
        )

    def provide(self, told: Told, ages: Floats, curves: delays.Curves) -> None:
        """Serve with what is still open, too."""
        features = list(self.arms.values())
        rows = zip(told.lines, told.arms, told.rewards, ages, strict=True)
        some = [Open(line, features[arm], "email", float(r), not r, float(age)) for line, arm, r, age in rows]
        self.served = serving(self.model, some, curves)


def product(kind: str, world: World, **settings: Any) -> Product:
    return Product(new_model(kind, {"scale": 1.0, **settings}), world.arms)


@dataclass(frozen=True, slots=True)
class Run:
    """What one run gave: regret in rewards, the contact by which the outliers were found, how they fare at the end."""

    regret: float
    found_at: int | None
    last: float  # mean chance of the outliers' best eligible arms over the last 20 % of them
    reward: float  # a contact


def play(world: World, player: Player, seed: int) -> Run:
    """Let every contact be decided in its turn; rewards are known at once, or when they come."""
    chance = np.random.default_rng((seed, 2))
    u, luck, leaves = (chance.random(len(world.lines)) for _ in range(3))
    hours = chance.exponential(MEAN_DELAY, len(world.lines))
    late = _Late(world, player, hours) if world.delayed and isinstance(player, Product) else None
    given = np.zeros_like(world.means)
    for start in range(0, len(world.lines), BATCH):
        rows = slice(start, start + BATCH)
        lines = world.lines[rows]
        pmf = given[rows] = player.chances(lines, world.eligible[rows])
        arms = batch.drawn(pmf, u[rows])
        at = np.arange(len(lines))
        rewards = (luck[rows] < world.means[rows][at, arms]) - 1.0 * (leaves[rows] < world.penalty)
        told = Told(lines, arms, rewards, pmf[at, arms])
        player.learn(told) if late is None else late.tick(start, told)
    return _judged(world, given)


def _judged(world: World, given: Floats) -> Run:
    worth = np.where(world.eligible, world.means, -1.0)
    best, earned = worth.max(axis=1), (given * world.means).sum(axis=1)
    lost = best - earned
    right = (given * (worth == best[:, None])).sum(axis=1)[world.outliers]
    numbers = np.flatnonzero(world.outliers)
    totals = np.concatenate([[0.0], right.cumsum()])
    moving = (totals[WINDOW_OF_OUTLIERS:] - totals[:-WINDOW_OF_OUTLIERS]) / WINDOW_OF_OUTLIERS
    hits = np.flatnonzero(moving >= FOUND)
    found = int(numbers[hits[0] + WINDOW_OF_OUTLIERS - 1]) if len(hits) else None
    return Run(float(lost.sum()), found, float(right[int(0.8 * len(right)) :].mean()), float(earned.mean()))


class _Late:
    """News that comes late: clicks after hours, silence at the close of the window."""

    def __init__(self, world: World, player: Product, hours: Floats) -> None:
        self._player, self._hours = player, hours
        self._open: list[tuple[int, Told]] = []
        self._delays: list[float] = []

    def tick(self, start: int, told: Told) -> None:
        """An hour has passed: close what is due, tell what came, serve with what is open."""
        hour = start // BATCH
        self._open.append((hour, told))
        while self._open and hour - self._open[0][0] >= WINDOW:
            self._close(*self._open.pop(0))
        if self._player.model.patient:
            self._serve(hour)
        else:
            self._at_once(hour)

    def _close(self, hour: int, told: Told) -> None:
        delays_ = self._hours[hour * BATCH : hour * BATCH + len(told.lines)]
        came = (told.rewards > 0) & (delays_ <= WINDOW)
        self._delays += delays_[came].tolist()
        if self._player.model.patient:
            self._player.learn(Told(told.lines, told.arms, told.rewards * came, told.chances))

    def _serve(self, now: int) -> None:
        curves = delays.fitted({"email": self._delays}, WINDOW)
        parts = [
            (told, self._known(hour, now, told), np.full(len(told.lines), float(now - hour)))
            for hour, told in self._open
        ]
        if parts:
            lines = [line for told, _, _ in parts for line in told.lines]
            arms, chances = (
                np.concatenate([getattr(told, name) for told, _, _ in parts]) for name in ("arms", "chances")
            )
            rewards, ages = (np.concatenate([part[at] for part in parts]) for at in (1, 2))
            self._player.provide(Told(lines, arms, rewards, chances), ages, curves)

    def _known(self, hour: int, now: int, told: Told) -> Floats:
        some = self._hours[hour * BATCH : hour * BATCH + len(told.lines)]
        return np.asarray(told.rewards * (some <= now - hour), np.float64)

    def _at_once(self, now: int) -> None:
        """Silence at once, and again what changed in this hour."""
        for hour, told in self._open:
            known, before = self._known(hour, now, told), self._known(hour, now - 1, told)
            new = np.arange(len(told.lines)) if hour == now else np.flatnonzero(known != before)
            part = Told([told.lines[at] for at in new], told.arms[new], known[new], told.chances[new])
            self._player.teach(part, [None] * len(new) if hour == now else before[new].tolist(), "open")
