"""What a target policy would have earned, from decisions that another one drew.

With w = pi(a|x) / p the weight of a decision, r its reward and q the model of the rewards (n decisions):
- IPS      mean of w r                                          unbiased, wild where p is small
- SNIPS    sum of w r / sum of w                                calmer, nearly unbiased
- DM       mean of sum_a pi(a|x) q_a                            calm, as wrong as q
- DR       mean of sum_a pi(a|x) q_a + w (r - q_taken)          unbiased, and calm where q is right
- DR-clip  the same with w at most 20                           what policies are ranked by
Intervals are normal with standard errors clustered by contact: one person's decisions are not independent. That of
DR-clip is widened by what the cut may have moved, |DR-clip - DR|: without it 80 to 83 % of 30 runs held the truth where
the log hardly covers the target, with it 97 % (benchmarks/choice/estimates.py, seeds 100 to 129).
Sources: Dudik, Langford and Li (2011) for DR; Swaminathan and Joachims (2015) for SNIPS; Su and others (2020) for
clipping. Never DM alone, and no word at all where the log cannot carry it (`refusal`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from engine.offpolicy.logged import Floats, Ints, Logged
from engine.report.intervals import Z95, Span

CLIP = 20.0
LEAST_EFFECTIVE = 200.0
LARGEST_WEIGHT = 100.0


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its standard error; `parts` (n) average to it, so that two policies can be compared row by row.

    `bias` is what cutting weights off has moved the value, as far as the uncut estimate tells; `error` allows for it.
    """

    value: float
    error: float
    parts: Floats
    bias: float = 0.0

    @property
    def span(self) -> Span:
        """Return the 95 % interval."""
        return Span(self.value - Z95 * self.error, self.value + Z95 * self.error)


@dataclass(frozen=True, slots=True)
class Case:
    """One target policy against one log: `target` n x K sums to 1 a row, `q` n x K."""

    log: Logged
    target: Floats
    q: Floats

    @property
    def weights(self) -> Floats:
        wanted: Floats = self.target[np.arange(len(self.log)), self.log.taken]
        return wanted / self.log.propensity

    @property
    def effective(self) -> float:
        """Return how many decisions of the target's own the weighted ones are worth: (sum w)^2 / sum w^2."""
        return effective(self.weights)

    @property
    def modelled(self) -> Floats:
        """Return what the model of the rewards gives the target, n."""
        wanted: Floats = np.einsum("nk,nk->n", self.target, self.q)
        return wanted


def effective(weights: Floats) -> float:
    squares = float((weights**2).sum())
    return float(weights.sum()) ** 2 / squares if squares > 0 else 0.0


def ips(case: Case) -> Estimate:
    return averaged(case.weights * case.log.reward, case.log.contact)


def snips(case: Case) -> Estimate:
    weights, total = case.weights, float(case.weights.sum())
    if total <= 0:
        return Estimate(0.0, math.inf, np.zeros(len(case.log)))
    value = float((weights * case.log.reward).sum()) / total
    around = averaged(weights * (case.log.reward - value) * len(weights) / total, case.log.contact)
    return Estimate(value, around.error, around.parts + value)


def dm(case: Case) -> Estimate:
    return averaged(case.modelled, case.log.contact)


def dr(case: Case, clip: float = math.inf) -> Estimate:
    left = case.log.reward - case.q[np.arange(len(case.log)), case.log.taken]
    return averaged(case.modelled + np.minimum(case.weights, clip) * left, case.log.contact)


def clipped(case: Case) -> Estimate:
    """DR with weights of at most CLIP; what the cut may have moved widens the interval."""
    cut = dr(case, CLIP)
    moved = cut.value - dr(case).value
    return replace(cut, error=math.hypot(cut.error, moved), bias=moved)


ESTIMATORS: Mapping[str, Callable[[Case], Estimate]] = {
    "ips": ips, "snips": snips, "dm": dm, "dr": dr, "clipped": clipped,
}  # fmt: skip


def averaged(parts: Floats, contact: Ints) -> Estimate:
    """Return the mean of the parts and its standard error, clustered by contact."""
    n = len(parts)
    if n == 0:
        return Estimate(0.0, math.inf, parts)
    value = float(parts.mean())
    sums = np.bincount(contact, weights=parts - value)
    sizes = np.bincount(contact)
    groups = int((sizes > 0).sum())
    spread = float((sums**2).sum()) * groups / max(groups - 1, 1)
    return Estimate(value, math.sqrt(spread) / n if groups > 1 else math.inf, parts)


def gap(one: Estimate, other: Estimate, contact: Ints) -> Estimate:
    """Return one minus the other, paired: both stand on the same decisions."""
    found = averaged(one.parts - other.parts, contact)
    moved = one.bias - other.bias
    return replace(found, error=math.hypot(found.error, moved), bias=moved)


def refusal(case: Case) -> str:
    """Return why nothing may be said of this target, "" when something may (measures.md 4.5)."""
    largest = float(case.weights.max(initial=0.0))
    if largest > LARGEST_WEIGHT:
        return f"one decision would count {largest:,.0f} times: the log hardly ever did what this policy does"
    if case.effective < LEAST_EFFECTIVE:
        return f"worth only {case.effective:,.0f} decisions of its own, 200 are needed"
    return ""
