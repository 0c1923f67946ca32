"""What is believed of every arm: one Gaussian over the columns' weights per arm, kept as what the data said.

Rules
- An arm's data are its precision J and shift h; the prior is added when one asks. So the prior may learn: how large
  the effects of a feature are (one variance per feature, the same for all arms: automatic relevance determination,
  MacKay 1992) and what all arms have in common (the prior's mean). A feature that tells nothing is shrunk to nothing.
- A reward r in [-1, 1] enters as it is: the score x (r - p) is right for every mean, whatever the distribution
  (quasi-likelihood, Wedderburn 1974); how much the rewards scatter beside p (1 - p) scales the precision. Means are
  logistic down to a quarter of a percent and linear below, so a message that costs more than it earns has its place.
- A step of Newton never moves a logit by more than STRIDE: it cannot run away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from engine.learner.evidence import Evidence, Floats, none

Ints = npt.NDArray[np.int64]

STRIDE = 4.0
FARTHEST = 30.0  # logits beyond are as good as certain
KNEE = -6.0  # a logit: 0.25 %; rewards below it are a straight line
SLOPE = float(np.exp(KNEE) / (1.0 + np.exp(KNEE)) ** 2)
LARGEST = 4.0  # variance of a feature's effects; and of the arms'
OUTERMOST = 8.0  # logit that is expected of anything
PSEUDO = 50.0  # rewards that the prior's scatter of 1 counts for


@dataclass(frozen=True, slots=True)
class Batch:
    """Examples as arrays: columns, number of the arm, how many decisions each is (trials), how much they earned."""

    x: Floats
    arm: Ints
    trials: Floats
    earned: Floats


@dataclass(frozen=True, slots=True)
class Prior:
    """Mean [arms, columns] and variance [columns] of the weights, scatter of the rewards."""

    mean: Floats
    variance: Floats
    scatter: float = 1.0


def means(prior: Prior, evidence: Evidence) -> Floats:
    """Return the posterior's mean [arms, columns]."""
    wanted = evidence.shift / prior.scatter + prior.mean / prior.variance
    return np.asarray(np.linalg.solve(_precision(prior, evidence), wanted[:, :, None])[:, :, 0], np.float64)


def covariance(prior: Prior, evidence: Evidence) -> Floats:
    """Return the posterior's covariance [arms, columns, columns]."""
    return np.asarray(np.linalg.inv(_precision(prior, evidence)), np.float64)


def _precision(prior: Prior, evidence: Evidence) -> Floats:
    found = evidence.precision / prior.scatter
    columns = np.arange(found.shape[1])
    found[:, columns, columns] += 1.0 / prior.variance
    return found


def rates(logits: Floats) -> Floats:
    """Return the mean reward: logistic, and below KNEE a straight line on, so that what loses has a place."""
    rate: Floats = 1.0 / (1.0 + np.exp(-np.clip(logits, KNEE, FARTHEST)))
    return rate + np.minimum(logits - KNEE, 0.0) * SLOPE


def slopes(logits: Floats) -> Floats:
    """Return the derivative of `rates`."""
    rate: Floats = 1.0 / (1.0 + np.exp(-np.clip(logits, KNEE, FARTHEST)))
    return rate * (1.0 - rate)


def told(prior: Prior, before: Evidence, batch: Batch, start: Floats, steps: int) -> Evidence:
    """Return what the batch says, its curve taken where it and what was known before agree best."""
    arms, columns = start.shape
    parts = [np.flatnonzero(batch.arm == arm) for arm in range(arms)]
    at, found = start, none(arms, columns)
    for step in range(steps):
        found = _straight(batch, parts, at)
        if step < steps - 1:
            at = _nearer(batch, parts, at, means(prior, before + found))
    return found


def _straight(batch: Batch, parts: Sequence[Ints], at: Floats) -> Evidence:
    """Return the batch's likelihood as a Gaussian that touches it at these weights."""
    found = none(*at.shape)
    for arm, rows in enumerate(parts):
        if len(rows):
            x, trials = batch.x[rows], batch.trials[rows]
            logits = x @ at[arm]
            curve = x.T @ (x * (trials * slopes(logits))[:, None])
            found.precision[arm] = curve
            found.shift[arm] = curve @ at[arm] + x.T @ (batch.earned[rows] - trials * rates(logits))
    return found


def _nearer(batch: Batch, parts: Sequence[Ints], at: Floats, wanted: Floats) -> Floats:
    """Return the way to what is wanted, as far as no logit moves more than STRIDE."""
    moved = at.copy()
    for arm, rows in enumerate(parts):
        if len(rows):
            step = wanted[arm] - at[arm]
            farthest = float(np.abs(batch.x[rows] @ step).max())
            moved[arm] += step * min(1.0, STRIDE / max(farthest, 1e-9))
    return moved


def scatter_of(batch: Batch, weights: Floats) -> float:
    """Return how much the rewards scatter beside p (1 - p), drawn towards 1."""
    logits = np.einsum("nc,nc->n", batch.x, weights[batch.arm])
    rate, expected = rates(logits), float((batch.trials * slopes(logits)).sum())
    seen = float(((batch.earned - batch.trials * rate) ** 2)[batch.trials > 0].sum())
    usual = expected / max(1.0, float(batch.trials.sum()))
    return float(np.clip((seen + PSEUDO * usual) / max(expected + PSEUDO * usual, 1e-12), 0.1, 4.0))


def learned_prior(prior: Prior, evidence: Evidence, groups: Ints, terms: Terms) -> Prior:
    """Return the prior that makes what was seen more likely: one step of MacKay's fixed point."""
    mean, spread = means(prior, evidence), covariance(prior, evidence)
    share = np.clip(1.0 - np.diagonal(spread, axis1=1, axis2=2) / prior.variance, 0.0, 1.0)
    mean = np.clip(mean, -OUTERMOST, OUTERMOST)  # one arm that only loses says nothing about the others
    common = terms.alike @ (share * mean) + terms.doubt * terms.start
    common /= terms.alike @ share + terms.doubt
    count = int(groups.max()) + 1
    size = np.bincount(groups, ((mean - common) ** 2 * (share > 0.0)).sum(axis=0), count)
    weight = np.bincount(groups, share.sum(axis=0), count)
    variance = (size + terms.pseudo * terms.usual) / (weight + terms.pseudo)
    common = np.clip(common, -OUTERMOST, OUTERMOST)
    return replace(prior, mean=common, variance=np.clip(variance, terms.least, LARGEST)[groups])


@dataclass(frozen=True, slots=True)
class Terms:
    """What the prior itself is drawn to: means `start` [columns] with weight `doubt`; variances `usual` [groups] with
    weight `pseudo`, never below `least`; `alike` [arms, arms] says how much arms have in common.
    """

    start: Floats
    usual: Floats
    alike: Floats
    doubt: float = 1.0
    pseudo: float = 2.0
    least: float = 0.002
