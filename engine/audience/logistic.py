"""Logistic regression by Newton's method: a dozen weights, exact in a handful of rounds, numpy alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

ROUNDS = 50
RIDGE = 1.0
CLOSE = 1e-8
Vector = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Logistic:
    """`weights` belong to features that were brought to mean 0 and spread 1 by `mean` and `spread`."""

    bias: float
    weights: Vector
    mean: Vector
    spread: Vector

    def parts(self, rows: npt.NDArray[np.float32]) -> Vector:
        """Return what each feature adds to the log-odds [rows, features]; 0 is the average person."""
        return np.asarray((rows - self.mean) / self.spread * self.weights, np.float64)

    def chances(self, rows: npt.NDArray[np.float32]) -> Vector:
        """Return the chance of each row."""
        slopes = (self.weights / self.spread).astype(np.float32)
        told = rows @ slopes + np.float32(self.bias - float(self.mean @ (self.weights / self.spread)))
        return np.asarray(1 / (1 + np.exp(-told.astype(np.float64))), np.float64)


def fit(rows: npt.NDArray[np.float32], happened: npt.NDArray[np.bool_], times: npt.NDArray[np.float32]) -> Logistic:
    """Return the fit of `rows` [n, features] to whether it `happened`; `times` is what each row stands for."""
    total = float(times.sum())
    mean = np.asarray((times[:, None] * rows).sum(0, dtype=np.float64) / total)
    spread = np.sqrt(np.maximum((times[:, None] * (rows - mean) ** 2).sum(0, dtype=np.float64) / total, 1e-12))
    spread[spread < 1e-5] = 1.0  # a feature that never differs
    design = np.column_stack([np.ones(len(rows)), (rows - mean) / spread])
    share = float(np.clip((times * happened).sum() / total, 1e-9, 1 - 1e-9))
    found = np.zeros(design.shape[1])
    found[0] = np.log(share / (1 - share))
    keeps = np.full(len(found), RIDGE)
    keeps[0] = 0.0
    lost = _loss(design, happened, times, found, keeps)
    for _ in range(ROUNDS):
        chance = 1 / (1 + np.exp(-(design @ found)))
        slope = design.T @ (times * (happened - chance)) - keeps * found
        bend = (design * (times * chance * (1 - chance))[:, None]).T @ design + np.diag(keeps + 1e-9)
        step = np.linalg.solve(bend, slope)
        while (now := _loss(design, happened, times, found + step, keeps)) > lost and float(np.abs(step).max()) > CLOSE:
            step = step / 2  # a whole step can lead past the valley
        found, lost = found + step, now
        if float(np.abs(step).max()) < CLOSE:
            break
    return Logistic(float(found[0]), found[1:], mean, spread)


def _loss(
    design: Vector, happened: npt.NDArray[np.bool_], times: npt.NDArray[np.float32], at: Vector, keeps: Vector
) -> float:
    told = design @ at
    return float((times * (np.logaddexp(0, told) - happened * told)).sum() + (keeps * at * at).sum() / 2)
