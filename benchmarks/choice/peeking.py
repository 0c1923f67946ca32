"""People look every day: how often a holdout that changes nothing is called a difference, and how often a real one is.

60 looks over 50,000 contacts, 600 runs a row. `z` is the 95 % interval at each look; `any_day` is the interval the
product decides by while an experiment runs, when nobody said how large it is to become; `planned` when somebody did.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.report.intervals import PLANNED, Rate, any_day, newcombe

CONTACTS, LOOKS, RUNS = 50_000, 60, 600


@dataclass(frozen=True, slots=True)
class Peeked:
    """Shares of runs that were ever called a difference, and the half-widths at the end (a rate)."""

    treated: float
    control: float
    holdout: float
    z: float
    any_day: float
    planned: float
    half_z: float
    half_any_day: float


def peek(treated: float, control: float, holdout: float, seed: int = 7, runs: int = RUNS) -> Peeked:
    """Play `runs` experiments with these true rates and this share of people held out."""
    rng = np.random.default_rng([seed, int(1e4 * treated), int(1e4 * holdout)])
    at = np.linspace(CONTACTS / LOOKS, CONTACTS, LOOKS).astype(int)
    called = {"z": 0, "any": 0, "planned": 0}
    halves: list[tuple[float, float]] = []
    for _ in range(runs):
        held = rng.random(CONTACTS) < holdout
        goals = rng.random(CONTACTS) < np.where(held, control, treated)
        pairs = _counts(held, goals, at)
        called["z"] += any(newcombe(*pair).excludes_zero for pair in pairs)
        called["any"] += any(any_day(*pair, PLANNED).excludes_zero for pair in pairs)
        called["planned"] += any(any_day(*pair, CONTACTS).excludes_zero for pair in pairs)
        spans = newcombe(*pairs[-1]), any_day(*pairs[-1], PLANNED)
        halves.append(((spans[0].high - spans[0].low) / 2, (spans[1].high - spans[1].low) / 2))
    wide = np.mean(halves, axis=0)
    shares = [called[name] / runs for name in ("z", "any", "planned")]
    return Peeked(treated, control, holdout, *shares, half_z=float(wide[0]), half_any_day=float(wide[1]))


def _counts(held: np.ndarray, goals: np.ndarray, at: np.ndarray) -> list[tuple[Rate, Rate]]:
    """Return the two groups at every look."""
    n_held, g_held = held.cumsum()[at - 1], (held & goals).cumsum()[at - 1]
    g_all = goals.cumsum()[at - 1]
    return [
        (Rate(int(all_ - g), int(n - h)), Rate(int(g), int(h)))
        for n, h, g, all_ in zip(at, n_held, g_held, g_all, strict=True)
    ]


ROWS = ((0.12, 0.12, 0.05), (0.12, 0.12, 0.10), (0.14, 0.12, 0.10), (0.13, 0.12, 0.10))

if __name__ == "__main__":
    for row in ROWS:
        print(peek(*row))
