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
    if not pmf:
        return ()
    wanted = min_share if math.isfinite(min_share) else 0.0
    least = min(max(wanted, LEAST), 1.0 / len(pmf))
    rest = max(0.0, 1.0 - len(pmf) * least)
    return stable([least + rest * p for p in stable(pmf)])
