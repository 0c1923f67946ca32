"""P(this arm is the best): the integral over what the best one may be worth, for many contexts at once.

The core's `Bells` says the same for one decision; nothing is drawn, so a replay finds the same chances to the bit.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from engine.core.policy import ABOVE, BELOW, EDGES, LEAST_SPREAD, STEEP, SURE

Floats = npt.NDArray[np.floating]
PART = 2048  # rows at once: what they need stays in the cache

_STEPS = ((np.arange(EDGES) / (EDGES - 1)) ** 2).tolist()


def chances_of_best(means: Floats, spreads: Floats) -> Floats:
    """Return [rows, arms]; an arm whose mean is -inf is not there. Rows without any arm are 0."""
    if len(means) > PART:
        parts = range(0, len(means), PART)
        return np.concatenate([chances_of_best(means[at : at + PART], spreads[at : at + PART]) for at in parts])
    there = np.isfinite(means)
    spreads = np.maximum(spreads, LEAST_SPREAD)
    known = np.where(there, means, means.dtype.type(-1e6))
    low, high = (known - BELOW * spreads).max(axis=1), (known + ABOVE * spreads).max(axis=1)
    slope = STEEP / spreads
    first, way = (known - low[:, None]) * slope, (high - low)[:, None] * slope
    wins = _wins(np.ascontiguousarray(first.T), np.ascontiguousarray(way.T), ~there.T).T
    shares: Floats = wins / np.maximum(wins.sum(axis=1, keepdims=True), 1e-30)
    return shares


def _wins(first: Floats, way: Floats, away: npt.NDArray[np.bool_]) -> Floats:
    """Return [arms, rows]: from edge to edge, how likely all are below times how each one's chance to be rises."""
    wins = np.zeros_like(first)
    logs = _log_below(first.copy(), away)
    total = logs.sum(axis=0)
    for step in _STEPS[1:]:
        late = _log_below(first - way * step, away)
        now = late.sum(axis=0)
        gained = (np.exp(now) - np.exp(total)) / np.maximum(now - total, 1e-30)
        wins += np.maximum(late - logs, 0.0) * gained
        logs, total = late, now
    return wins


def _log_below(far: Floats, away: npt.NDArray[np.bool_]) -> Floats:
    """Return log P(below the edge) by how far the mean lies above it; written over `far`, for speed."""
    np.exp(np.clip(far, -SURE, SURE, out=far), out=far)
    far += 1.0
    np.negative(np.log(far, out=far), out=far)
    far[away] = 0.0
    return far
