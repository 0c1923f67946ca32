"""A watch over what is believed: a sum of surprises per arm and token that only a lasting change drives up.

CUSUM (Page 1954) on residuals: per arm and column, the log likelihood ratio of "the log-odds have moved by SHIFT"
against "they are what the model says", summed up and never below 0; up and down apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.learner.evidence import Evidence, Floats
from engine.learner.posterior import Batch, rates, slopes

SHIFT = 0.5  # a change of the log-odds worth noticing: 12 % become 7.6 or 18.4
ALARM = 12.0  # log likelihood ratio: with 200 cells watched a false alarm in about 1,000 looks
KNOWN = 30.0  # precision of a cell before its surprises mean anything: about 600 decisions at 5 %


@dataclass(frozen=True, slots=True)
class Watch:
    """The sums, [arms, columns] each."""

    up: Floats
    down: Floats

    def seen(self, batch: Batch, before: Evidence, weights: Floats, scatter: float) -> Watch:
        """Return the watch after a batch that was not learned yet; `weights` are the means [arms, columns] by now."""
        arms, columns = weights.shape
        surprise, expected = np.zeros((arms, columns)), np.zeros((arms, columns))
        for arm in range(arms):
            rows = np.flatnonzero((batch.arm == arm) & (batch.trials > 0.0))
            x, trials = batch.x[rows], batch.trials[rows]
            logits = x @ weights[arm]
            surprise[arm] = x.T @ (batch.earned[rows] - trials * rates(logits))
            expected[arm] = (x**2).T @ (trials * slopes(logits))
        known = np.diagonal(before.precision, axis1=1, axis2=2)
        trust = np.where(known >= KNOWN, known / np.maximum(known + expected, KNOWN), 0.0) / scatter
        step, cost = trust * SHIFT * surprise, trust * SHIFT**2 / 2.0 * expected
        grown = self.for_arms(arms)
        return Watch(np.maximum(0.0, grown.up + step - cost), np.maximum(0.0, grown.down - step - cost))

    def alarmed(self) -> Floats:
        """Return, for every arm, whether something about it has changed for good."""
        worst = np.maximum(self.up, self.down).max(axis=1, initial=0.0)
        return np.asarray(worst > ALARM, np.float64)

    def for_arms(self, arms: int) -> Watch:
        more = arms - len(self.up)
        return self if more <= 0 else Watch(*(np.pad(sums, ((0, more), (0, 0))) for sums in (self.up, self.down)))


def calm(arms: int, columns: int) -> Watch:
    return Watch(np.zeros((arms, columns)), np.zeros((arms, columns)))
