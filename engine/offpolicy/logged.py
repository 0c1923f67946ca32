"""A log of decisions as arrays: what stood to choice, with which chances, what was taken, what it earned.

Rules
- Only decisions that somebody drew are here: one-arm sets, holdouts and the fixed baseline group have no chance to
  speak of. Void decisions and open windows are left out by who reads the log.
- `chances` are the whole vector that was drawn from; a logged chance is never estimated afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Drawn:
    """One decision. `arms` were eligible, `chances` are theirs in the same order and sum to 1."""

    contact: str
    at: datetime | None
    line: str  # features, as logged
    arms: tuple[str, ...]
    chances: tuple[float, ...]
    arm: str
    reward: float


@dataclass(frozen=True)
class Logged:
    """n decisions over K arms: `chances` n x K (0: not eligible), `taken` n indices, `reward` n, `contact` n codes.

    `arms` maps each arm id to its features, in the order of the columns.
    """

    arms: Mapping[str, str]
    lines: tuple[str, ...]
    contact: Ints
    chances: Floats
    taken: Ints
    reward: Floats

    def __len__(self) -> int:
        return len(self.taken)

    @cached_property
    def eligible(self) -> npt.NDArray[np.bool_]:
        return self.chances > 0.0

    @cached_property
    def propensity(self) -> Floats:
        """Return the chance of what was taken, n."""
        chance: Floats = self.chances[np.arange(len(self)), self.taken]
        return chance

    def rows(self, which: npt.NDArray[Any]) -> Logged:
        """Return these decisions alone (indices or a mask)."""
        at = np.flatnonzero(which) if which.dtype == bool else which
        return replace(
            self, lines=tuple(self.lines[n] for n in at), contact=self.contact[at], chances=self.chances[at],
            taken=self.taken[at], reward=self.reward[at],
        )  # fmt: skip

    def folds(self, count: int = 5) -> Ints:
        """Return the fold of each decision: all decisions of a contact are in one."""
        spread: Ints = self.contact * 2654435761 % 2**32 * count // 2**32  # Knuth's multiplicative hash
        return spread


def logged(drawn: Sequence[Drawn], features: Mapping[str, str]) -> Logged:
    """Make arrays of decisions in the order given; `features` of the arms that are known (others: their id).

    Decisions with one arm, with chances that do not sum to 1, or without a chance for what was taken are left out.
    """
    usable = [one for one in drawn if _usable(one)]
    arms = {**features, **{arm: f"m={arm}" for one in usable for arm in one.arms if arm not in features}}
    column = {arm: n for n, arm in enumerate(arms)}
    chances = np.zeros((len(usable), len(arms)))
    for n, one in enumerate(usable):
        chances[n, [column[arm] for arm in one.arms]] = one.chances
    _, contact = np.unique([one.contact for one in usable], return_inverse=True)
    return Logged(
        arms, tuple(one.line for one in usable), contact.astype(np.int64), chances,
        np.array([column[one.arm] for one in usable], dtype=np.int64),
        np.array([one.reward for one in usable], dtype=np.float64),
    )  # fmt: skip


def _usable(one: Drawn) -> bool:
    if len(one.arms) < 2 or one.arm not in one.arms or abs(sum(one.chances) - 1.0) > 1e-4:
        return False
    return one.chances[one.arms.index(one.arm)] > 0.0 and bool(np.isfinite(one.reward))
