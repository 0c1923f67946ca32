"""P(this arm is the best): the integral over what the best one may be worth, for many contexts at once.

The core's `Bells` says the same for one decision; nothing is drawn, so a replay finds the same chances to the bit.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from engine.core.policy import ABOVE, BELOW, EDGES, LEAST_SPREAD, STEEP, SURE

Floats = npt.NDArray[np.floating]
PART = 4096  # rows at once: what they need stays in the cache

_STEPS = (np.arange(EDGES) / (EDGES - 1)) ** 2


def chances_of_best(means: Floats, spreads: Floats) -> Floats:
    """Return [rows, arms]; an arm whose mean is -inf is not there. Rows without any arm are 0."""
    if len(means) > PART:
        parts = range(0, len(means), PART)
        return np.concatenate([chances_of_best(means[at : at + PART], spreads[at : at + PART]) for at in parts])
    there = np.isfinite(means)
    spreads = np.maximum(spreads, LEAST_SPREAD)
    known = np.where(there, means, means.dtype.type(-1e6))
    low, high = (known - BELOW * spreads).max(axis=1), (known + ABOVE * spreads).max(axis=1)
    edges = low[:, None] + (high - low)[:, None] * _STEPS.astype(means.dtype)
    slope = STEEP / spreads
    far = np.clip((known[:, :, None] - edges[:, None, :]) * slope[:, :, None], -SURE, SURE)
    logs = np.where(there[:, :, None], -np.logaddexp(0.0, far), 0.0)
    total = logs.sum(axis=1)
    rise = np.maximum(np.diff(total), 1e-30)
    gained = np.diff(np.exp(total)) / rise
    wins: Floats = (np.diff(logs) * gained[:, None, :]).sum(axis=2)
    wins = np.maximum(wins, 0.0)
    shares: Floats = wins / np.maximum(wins.sum(axis=1, keepdims=True), 1e-30)
    return shares
