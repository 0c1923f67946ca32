"""A world whose truth is known: two features, three arms, a log drawn by somebody who already half knows."""

from __future__ import annotations

import numpy as np

from engine.offpolicy.logged import Floats, Logged

ARMS = {"email/a": "m=email/a", "email/b": "m=email/b", "nothing": "m=nothing"}
TRUTH = np.array([[0.12, 0.04, 0.02], [0.04, 0.12, 0.02]])  # by group, by arm
OUTLIERS = 0.25


def drawn_log(seed: int, n: int, floor: float = 0.05, runs: int = 1) -> Logged:
    """Return n decisions; `runs` of each contact. The log favours the arm that is best for most."""
    rng = np.random.default_rng(seed)
    group = (rng.random(n // runs) < OUTLIERS).repeat(runs).astype(int)
    other = rng.integers(0, 4, n)
    lean = np.where(rng.random(n)[:, None] < 0.5, [[0.8, 0.15, 0.05]], [[0.5, 0.4, 0.1]])
    chances = floor + (1 - 3 * floor) * lean
    eligible = np.ones_like(chances, dtype=bool)
    eligible[rng.random(n) < 0.1, 1] = False
    chances = np.where(eligible, chances, 0.0)
    chances /= chances.sum(axis=1, keepdims=True)
    taken = (rng.random(n)[:, None] > chances.cumsum(axis=1)).sum(axis=1)
    reward = (rng.random(n) < TRUTH[group, taken]).astype(float)
    lines = tuple(f"group={g} other=o{o}" for g, o in zip(group, other, strict=True))
    return Logged(ARMS, lines, np.arange(n) // runs, chances, taken, reward)


def groups(log: Logged) -> np.ndarray:
    return np.array([line.startswith("group=1") for line in log.lines]).astype(int)


def oracle(log: Logged) -> Floats:
    """Return the policy that knows the groups, where it may."""
    wanted = TRUTH[groups(log)] * log.eligible
    chances = np.zeros_like(log.chances)
    chances[np.arange(len(log)), wanted.argmax(axis=1)] = 1.0
    return chances


def truth(log: Logged, chances: Floats) -> float:
    """Return what a policy earns on these very contexts, on average."""
    return float((chances * TRUTH[groups(log)]).sum(axis=1).mean())
