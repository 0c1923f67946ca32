"""Policies whose worth is asked, as chances over the logged decisions: n x K, each row over what was eligible.

What learns from the log is cross-fitted by contact: a person's decisions are judged by what others' taught.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from engine.core.model import Policy
from engine.core.policy import floor
from engine.learner.models import Example, Model, new_model
from engine.learner.schema import fitted
from engine.offpolicy.estimators import Case, dr
from engine.offpolicy.logged import Floats, Ints, Logged
from engine.offpolicy.outcome import crossfitted


@dataclass(frozen=True, slots=True)
class Target:
    """A policy: from a log and its folds to chances, n x K. `personal`: different arms for different people."""

    chances: Callable[[Logged, Ints], Floats]
    personal: bool = False


def uniform() -> Target:
    """Return equal chances over what is eligible."""

    def chances(log: Logged, _: Ints) -> Floats:
        even: Floats = log.eligible / log.eligible.sum(axis=1, keepdims=True)
        return even

    return Target(chances)


def fixed(arm: str) -> Target:
    """Return the policy that always takes this arm; where it is not eligible, any of the others alike."""
    return Target(lambda log, _: _always(log, np.full(len(log), list(log.arms).index(arm))))


def best() -> Target:
    """Return the best single arm for everyone, chosen for each fold by what the others earned (doubly robust)."""

    def chances(log: Logged, folds: Ints) -> Floats:
        q = crossfitted(log, folds)
        chosen = np.zeros(len(log), dtype=np.int64)
        for fold in np.unique(folds):
            others = log.rows(folds != fold)
            chosen[folds == fold] = _best_of(others, q[folds != fold])
        return _always(log, chosen)

    return Target(chances)


def _best_of(log: Logged, q: Floats) -> int:
    every = range(len(log.arms))
    return int(np.argmax([dr(Case(log, _always(log, np.full(len(log), arm)), q)).value for arm in every]))


def learned(kind: str, min_share: float) -> Target:
    """Return the policy that a model of this kind would follow, having learned the other folds in their order."""

    def chances(log: Logged, folds: Ints) -> Floats:
        found = np.zeros_like(log.chances)
        for fold in np.unique(folds):
            model = taught(kind, log.rows(folds != fold))
            here = np.flatnonzero(folds == fold)
            found[here] = _asked(model, log.rows(here), min_share)
        return found

    return Target(chances, personal=True)


def taught(kind: str, log: Logged) -> Model:
    """Return a new model that has learned these decisions, with a schema fitted on them."""
    model = new_model(kind, None, fitted(log.lines))
    features = list(log.arms.values())
    for reward in log.reward:
        model.scaling.note(float(reward))
    model.learn(
        [
            Example(line, features[arm], model.scaling.label(float(reward)), float(chance))
            for line, arm, reward, chance in zip(log.lines, log.taken, log.reward, log.propensity, strict=True)
        ]
    )
    return model


def _asked(model: Model, log: Logged, min_share: float) -> Floats:
    policy: Policy = model.policy("asked")
    names = list(log.arms)
    found = np.zeros_like(log.chances)
    for n, scores in enumerate(model.scores(log.lines, log.arms)):
        eligible = np.flatnonzero(log.eligible[n])
        found[n, eligible] = floor(policy.pmf(scores, tuple(names[arm] for arm in eligible)), min_share)
    return found


def _always(log: Logged, arm: Ints) -> Floats:
    """Return certainty of one arm a row, where it is eligible."""
    rows = np.arange(len(log))
    found = np.zeros_like(log.chances)
    found[rows, arm] = 1.0
    away = ~log.eligible[rows, arm]
    found[away] = log.eligible[away] / log.eligible[away].sum(axis=1, keepdims=True)
    return found
