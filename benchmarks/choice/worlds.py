"""Worlds in which a quarter of the people prefer another message than everybody else; the truth is known.

Rules
- Eight categorical features with LEVELS, uniform. In `lin` the outliers are one level of the first feature, in `pair`
  those with the second level of features 4 and 8. Arms: the better one pays `high`, all others `low`.
- Everything follows from the seed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

LEVELS = (4, 3, 5, 2, 6, 3, 4, 2)
BATCH = 100  # contacts of a tick, one tick an hour


@dataclass(frozen=True)
class World:
    """Contacts in the order in which they are decided: their lines, what each arm pays them, what they may get."""

    name: str
    lines: list[str]
    means: Floats  # [contacts, arms]
    outliers: Flags
    eligible: Flags  # [contacts, arms]
    delayed: bool = False  # a click comes after a day on average, and counts for three
    penalty: float = 0.0  # how often anybody unsubscribes, for -1

    @property
    def arms(self) -> dict[str, str]:
        return {f"a{k}": f"m=a{k} ch=email" for k in range(self.means.shape[1])}

    @property
    def best(self) -> Ints:
        """Return the better eligible arm of every contact."""
        return np.asarray(np.where(self.eligible, self.means, -1.0).argmax(axis=1), np.int64)


def lin(seed: int, n: int = 30_000) -> World:
    return _two_groups("lin", seed, n, lambda codes: codes[:, 0] == 0)


def pair(seed: int, n: int = 30_000) -> World:
    return _two_groups("pair", seed, n, lambda codes: (codes[:, 3] == 1) & (codes[:, 7] == 1))


def pair_delayed(seed: int) -> World:
    return replace(pair(seed), name="pair, delay", delayed=True)


def lin_delayed(seed: int) -> World:
    return replace(lin(seed), name="lin, delay", delayed=True)


def new_arm(seed: int) -> World:
    """An arm that pays 18 % with the outliers appears half way."""
    world = lin(seed, 40_000)
    late = np.where(world.outliers, 0.18, 0.04)[:, None]
    there = np.ones((40_000, 7), dtype=bool)
    there[:20_000, 6] = False
    return replace(world, name="new arm", means=np.concatenate([world.means, late], axis=1), eligible=there)


def three_quarters(seed: int) -> World:
    """Each arm is eligible with probability 0.75."""
    world = lin(seed, 40_000)
    free = np.random.default_rng((seed, 1)).random(world.means.shape) < 0.75
    free[:, 5] |= ~free.any(axis=1)
    return replace(world, name="eligibility", eligible=free)


def flip(seed: int) -> World:
    """Half way the two groups change their minds: the outliers want what the others wanted."""
    world = lin(seed, 40_000)
    means = world.means.copy()
    means[20_000:, [0, 1]] = means[20_000:, [1, 0]]
    return replace(world, name="flip", means=means)


def busy(seed: int) -> World:
    """Nearly everybody clicks (70 and 60 %), and one in a hundred unsubscribes."""
    world = _two_groups("busy", seed, 30_000, lambda codes: codes[:, 0] == 0, (0.70, 0.60))
    return replace(world, penalty=0.01)


def _two_groups(
    name: str, seed: int, n: int, told: Callable[[Ints], Flags], rates: tuple[float, float] = (0.12, 0.04)
) -> World:
    chance = np.random.default_rng(seed)
    codes = np.stack([chance.integers(levels, size=n) for levels in LEVELS], axis=1)
    outliers = told(codes)
    means = np.full((n, 6), rates[1])
    means[np.arange(n), outliers.astype(int)] = rates[0]
    lines = [" ".join(f"f{at + 1}=v{code}" for at, code in enumerate(row)) for row in codes.tolist()]
    return World(name, lines, means, outliers, np.ones((n, 6), dtype=bool))
