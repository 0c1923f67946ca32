"""P(this arm is the best), by draws that are the same in every replay."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

DRAWS = 200
SEED = 20_250_101

Floats = npt.NDArray[np.float64]


def normal_draws(arms: int) -> Floats:
    """Return [draws, arms] standard normal numbers, in pairs of opposite sign: so no arm is favoured by luck."""
    half = np.random.default_rng(SEED).standard_normal((DRAWS // 2, arms))
    return np.concatenate([half, -half])


def share_of_best(means: Floats, spreads: Floats) -> Floats:
    """Return [rows, arms]: how often each arm wins when every value is drawn from its own bell."""
    draws = normal_draws(means.shape[1])
    wins = np.zeros_like(means)
    rows = np.arange(len(means))
    for draw in draws:
        wins[rows, (means + spreads * draw).argmax(axis=1)] += 1.0
    return smoothed(wins, len(draws))


def smoothed(wins: Floats, draws: int) -> Floats:
    """Return shares of which none is 0: an arm that never won in so few draws may still be the best."""
    shares: Floats = (wins + 0.5) / (draws + 0.5 * wins.shape[-1])
    return shares
