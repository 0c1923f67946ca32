"""Policies as values: from the arms' scores to the probabilities the core draws from.

Rules
- A policy never draws. The vector it returns, floored, is the vector that is logged and drawn from.
- Scores that cannot be used (missing, not finite) make the arms equally likely: odd numbers never pick a winner.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

LEAST = 1e-6  # no eligible arm is ever less likely: replay divides by what was logged


@dataclass(frozen=True, slots=True)
class Uniform:
    """Every eligible arm is equally likely: an A/B/n test."""

    version: str = "uniform"

    def pmf(self, scores: Mapping[str, float], eligible: Sequence[str]) -> tuple[float, ...]:
        return even(len(eligible))


@dataclass(frozen=True, slots=True)
class Fixed:
    """Shares that the author gave, taken over what is eligible."""

    version: str
    shares: Mapping[str, float]

    def pmf(self, scores: Mapping[str, float], eligible: Sequence[str]) -> tuple[float, ...]:
        return stable([self.shares.get(arm, 0.0) for arm in eligible])


@dataclass(frozen=True, slots=True)
class Shares:
    """The scores are chances already, such as P(this arm is the best): taken over what is eligible."""

    version: str

    def pmf(self, scores: Mapping[str, float], eligible: Sequence[str]) -> tuple[float, ...]:
        return stable([scores.get(arm, math.nan) for arm in eligible])


@dataclass(frozen=True, slots=True)
class SquareCb:
    """Inverse gap weighting (SquareCB): the further an arm's estimated reward lies below the best, the rarer."""

    version: str
    gamma: float

    def pmf(self, scores: Mapping[str, float], eligible: Sequence[str]) -> tuple[float, ...]:
        rewards = [scores.get(arm, math.nan) for arm in eligible]
        if not all(map(math.isfinite, (*rewards, self.gamma))):
            return even(len(rewards))
        best = rewards.index(max(rewards))
        chances = [1.0 / (len(rewards) + self.gamma * (rewards[best] - reward)) for reward in rewards]
        chances[best] = 1.0 - math.fsum(p for at, p in enumerate(chances) if at != best)
        return stable(chances)


STEEP = 1.702  # 1 / (1 + exp(-1.702 z)) is the normal distribution to within 0.01
BELOW, ABOVE = 4.0, 6.0  # deviations: where the best arm's worth is looked for
EDGES = 17  # closer together below, where the arms that are known well stand
SURE = 60.0
LEAST_SPREAD = 1e-6
FLAT = 1e-30


@dataclass(frozen=True, slots=True)
class Bells:
    """Thompson sampling without the sampling: each arm's worth is a bell, an arm's chance is P(it is the best).

    Scores are two numbers by arm: its mean, and under `spread_of(arm)` its deviation. The chances are over the arms
    that are eligible: an arm that cannot be had does not take the others' chances along. They are exact for bells
    that are piecewise log-linear between EDGES points (within 0.01 of a million draws).
    """

    version: str

    def pmf(self, scores: Mapping[str, float], eligible: Sequence[str]) -> tuple[float, ...]:
        means = [scores.get(arm, math.nan) for arm in eligible]
        spreads = [scores.get(spread_of(arm), math.nan) for arm in eligible]
        if len(means) < 2 or not all(map(math.isfinite, (*means, *spreads))):
            return even(len(means))
        return stable(_wins(means, [max(spread, LEAST_SPREAD) for spread in spreads]))


def spread_of(arm: str) -> str:
    """Return the name under which an arm's deviation stands; no arm has a space in its own."""
    return f"{arm} sd"


def _wins(means: Sequence[float], spreads: Sequence[float]) -> list[float]:
    """Return how likely each bell is the highest: dP = P(all below) x d log P(this one below)."""
    bells = [(mean, STEEP / spread) for mean, spread in zip(means, spreads, strict=True)]
    low = max(mean - BELOW * spread for mean, spread in zip(means, spreads, strict=True))
    high = max(mean + ABOVE * spread for mean, spread in zip(means, spreads, strict=True))
    wins = [0.0] * len(bells)
    before: list[float] = []
    was = all_were = 0.0
    for at in range(EDGES):
        edge = low + (high - low) * (at / (EDGES - 1)) ** 2
        logs = [_log_below((mean - edge) * steep) for mean, steep in bells]
        now = sum(logs)
        all_are = math.exp(now)
        if before:
            rise = now - was
            gained = (all_are - all_were) / (rise if rise > FLAT else FLAT)  # noqa: FURB136 - max() is half the time
            pairs = zip(wins, logs, before, strict=True)
            wins = [won + (late - early) * gained if late > early else won for won, late, early in pairs]
        before, was, all_were = logs, now, all_are
    return wins


def _log_below(far: float) -> float:
    return -math.log1p(math.exp(far if -SURE < far < SURE else math.copysign(SURE, far)))


def square_cb(version: str, gamma_scale: float, learned: int) -> SquareCb:
    """Return the policy of a model that has learned this many examples: it grows bolder with what it knows."""
    return SquareCb(version, gamma_scale * math.sqrt(learned))


def even(count: int) -> tuple[float, ...]:
    return (1.0 / count,) * count if count else ()


def stable(weights: Sequence[float]) -> tuple[float, ...]:
    """Return the weights scaled to sum to 1; equal chances when they say nothing usable."""
    largest = max(weights, default=0.0)
    if not all(math.isfinite(w) and w >= 0.0 for w in weights) or largest <= 0.0:
        return even(len(weights))
    scaled = [w / largest for w in weights]
    total = math.fsum(scaled)
    return tuple(w / total for w in scaled)


def floor(pmf: Sequence[float], min_share: float) -> tuple[float, ...]:
    """Give every arm at least `min_share`: p' = m + (1 - |E| m) p, with m at most 1/|E| and never nothing."""
    return floored(pmf, [min_share] * len(pmf))


def floored(pmf: Sequence[float], least: Sequence[float]) -> tuple[float, ...]:
    """Give each arm at least its own share: p' = m_a + (1 - sum of m) p. No m is more than 1/|E|, or nothing."""
    if not pmf:
        return ()
    shares = [min(max(share if math.isfinite(share) else 0.0, LEAST), 1.0 / len(pmf)) for share in least]
    rest = max(0.0, 1.0 - math.fsum(shares))
    return stable([share + rest * p for share, p in zip(shares, stable(pmf), strict=True)])
