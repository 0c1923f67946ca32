"""What each arm would have earned for each decision, as a model of the rewards says: q, cross-fitted by contact.

One ridge regression per arm over the tokens of the context, shrunk towards the arm's mean: it need not be right, since
doubly robust estimates only lean on it. Nobody's rewards are used for their own estimate.
"""

from __future__ import annotations

import numpy as np

from engine.learner.schema import Schema, fitted
from engine.offpolicy.logged import Floats, Ints, Logged

RIDGE = 10.0  # as many decisions without any effect stand against every token
MOST_TOKENS = 200  # the most frequent ones; the rest say too little to matter


def crossfitted(log: Logged, folds: Ints) -> Floats:
    """Return q, n x K: the estimated reward of every arm, from the decisions of the other folds."""
    design = tokens(log)
    estimates = np.zeros_like(log.chances)
    for fold in range(int(folds.max(initial=0)) + 1):
        here = folds == fold
        for arm in range(len(log.arms)):
            learn = ~here & (log.taken == arm)
            estimates[here, arm] = _ridge(design[learn], log.reward[learn], design[here])
    return estimates


def _ridge(design: Floats, reward: Floats, asked: Floats) -> Floats:
    """Fit reward ~ mean + design, and return the fit for `asked`; 0 where nothing was seen."""
    if len(reward) == 0:
        return np.zeros(len(asked))
    centre, mean = design.mean(axis=0), float(reward.mean())
    shifted = design - centre
    gram = shifted.T @ shifted + RIDGE * np.eye(design.shape[1])
    weights = np.linalg.solve(gram, shifted.T @ (reward - mean))
    fit: Floats = mean + (asked - centre) @ weights
    return np.clip(fit, reward.min(), reward.max())


def tokens(log: Logged, schema: Schema | None = None) -> Floats:
    """Return the context of each decision as numbers, n x tokens: one column per token that is not rare."""
    schema = schema or fitted(log.lines)
    read = [schema.read(line) for line in log.lines]
    counts: dict[str, int] = {}
    for line in read:
        for token, _ in line:
            counts[token] = counts.get(token, 0) + 1
    kept = sorted((t for t, n in counts.items() if n >= 10), key=lambda t: (-counts[t], t))[:MOST_TOKENS]
    column = {token: n for n, token in enumerate(kept)}
    design = np.zeros((len(read), len(kept)))
    for n, line in enumerate(read):
        for token, value in line:
            if token in column:
                design[n, column[token]] = value
    return design
