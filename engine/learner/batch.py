"""Chances for many decisions at once: what the core's policies give for one, on whole columns.

Rules
- The chances are those of `engine.core.policy`, to rounding: floored, over what is eligible, summing to 1.
- Checked after every call: a row that is no distribution becomes even over what is eligible, and is said once a call.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from engine.core.policy import LEAST, Bells, SquareCb
from engine.learner.models import Model
from engine.learner.winners import chances_of_best

LOG = logging.getLogger("sojourn")

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


def chances(
    model: Model, features: Sequence[str], arms: Mapping[str, str], eligible: Flags, min_share: float
) -> Floats:
    """Return [lines, arms]: the floored chances that the core would draw from; `eligible` is [lines, arms]."""
    eligible = np.asfortranarray(eligible)
    return checked(floored(_wanted(model, features, arms, eligible), eligible, min_share), eligible)


def _wanted(model: Model, features: Sequence[str], arms: Mapping[str, str], eligible: Flags) -> Floats:
    policy = model.policy("batch")
    numbers = np.asfortranarray(model.numbers(features, list(arms.values())))  # arm by arm: sums over arms are short
    match policy:
        case SquareCb():
            return square_cb(numbers, eligible, policy.gamma)
        case Bells():
            means = np.where(eligible, numbers[:, : len(arms)], -np.inf)
            return np.asarray(chances_of_best(means, numbers[:, len(arms) :]), np.float64)
    return numbers * eligible


def square_cb(rewards: Floats, eligible: Flags, gamma: float) -> Floats:
    """Return inverse gap weighting [rows, arms]: the best eligible arm has what the others leave."""
    some = np.where(eligible, rewards, -np.inf)
    best = some.argmax(axis=1)
    count = eligible.sum(axis=1, keepdims=True)
    found = np.where(
        eligible, 1.0 / (count + gamma * (some.max(axis=1, keepdims=True) - np.where(eligible, rewards, 0.0))), 0.0
    )
    rows = np.arange(len(found))
    found[rows, best] = 0.0
    found[rows, best] = 1.0 - found.sum(axis=1)
    return found


def floored(wanted: Floats, eligible: Flags, min_share: float) -> Floats:
    """Return the chances with a least share for every eligible arm."""
    count = np.maximum(eligible.sum(axis=1, keepdims=True), 1)
    least = np.minimum(max(min_share, LEAST), 1.0 / count)
    total = wanted.sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(eligible, least + (1.0 - count * least) * wanted / total, 0.0), np.float64)


def checked(found: Floats, eligible: Flags) -> Floats:
    """Return the chances, rows that are no distribution made even."""
    good = np.isfinite(found).all(axis=1) & (found >= 0.0).all(axis=1) & (np.abs(found.sum(axis=1) - 1.0) < 1e-6)
    bad = ~good & eligible.any(axis=1)
    if bad.any():
        LOG.warning("%d decisions of %d get even chances: the model's numbers are none", bad.sum(), len(found))
        found = np.where(bad[:, None], eligible / np.maximum(eligible.sum(axis=1, keepdims=True), 1), found)
    return np.where(eligible.any(axis=1, keepdims=True), found, 0.0)


def drawn(found: Floats, u: Floats) -> npt.NDArray[np.int64]:
    """Return the number of the arm on which each u in [0, 1) falls, as the core's `pick` does."""
    total = np.asfortranarray(found).cumsum(axis=1)
    last = found.shape[1] - 1 - (found[:, ::-1] > 0.0).argmax(axis=1)
    return np.asarray(np.minimum((u[:, None] >= total).sum(axis=1), last), np.int64)
