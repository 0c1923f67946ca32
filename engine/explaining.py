"""What the policy that decided thought of each arm: estimates that add up, how sure it was, and who is an outlier.

Rules
- The version that served THEN is asked, with the features that were logged; what it has learned since does not count.
- a0, the single best arm for everyone, is the arm with the highest mean estimate over the contexts that this point has
  seen before the decision. A decision is an outlier's when another eligible arm is best for this person and is better
  than a0 with a probability of at least SURE (language.md 1.6).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import NormalDist, fmean

import numpy as np
import sqlalchemy as sa

from engine.errors import LearnerError
from engine.learner.features import arms_of
from engine.learner.models import KINDS, Model, load_model, settings_for
from engine.learner.posterior import rates
from engine.store.explaining import contexts_before
from engine.store.policies import policy_of
from engine.store.rows import DecisionRow
from journeys import Choose

SURE = 0.8
SAMPLE = 500
"""Contexts that speak for everyone's."""


@dataclass(frozen=True, slots=True)
class ArmEstimate:
    """One arm as the policy saw it. `estimate` and `error`, its standard deviation, are in the unit of the reward;
    `why` adds up to `total`, which is the estimate on the scale of `Estimated.link`, as `sd` is.
    """

    arm: str
    estimate: float
    total: float
    sd: float
    why: Mapping[str, float]
    error: float


@dataclass(frozen=True, slots=True)
class Outlier:
    """Whether this person is one: their best arm, everyone's, and how likely theirs is the better one (None: the
    model does not say how sure it is).
    """

    yes: bool
    best: str
    single: str
    probability: float | None


@dataclass(frozen=True, slots=True)
class Estimated:
    """The policy that decided, and its estimates by arm; `link`: "reward", or "log-odds"."""

    version: str
    made_at: datetime
    learned: int
    link: str
    arms: Sequence[ArmEstimate]
    outlier: Outlier | None
    kept: bool = True  # False: only that it existed is known

    def of(self, arm: str) -> ArmEstimate | None:
        return next((one for one in self.arms if one.arm == arm), None)


def estimated(conn: sa.Connection, row: DecisionRow, choose: Choose | None) -> Estimated | None:
    """Return what the policy of a decision thought, None where none decided (equal chances, a fixed arm)."""
    version = row.decision.policy
    number = version.rpartition("@")[2]
    kept = policy_of(conn, row.decision.point, int(number)) if "@" in version and number.isdigit() else None
    if kept is None:
        return None
    bare = Estimated(version, kept.made_at, kept.learned, "reward", (), None, kept=False)
    raw = kept.serving or kept.model
    if choose is None or kept.kind not in KINDS or not raw:
        return bare
    try:
        model = load_model(kept.kind, raw, settings_for(choose))
        return _asked(conn, (bare, model), row, arms_of(choose))
    except LearnerError:
        return bare


def _asked(conn: sa.Connection, about: tuple[Estimated, Model], row: DecisionRow, arms: Mapping[str, str]) -> Estimated:
    bare, model = about
    line = row.decision.features
    unit = model.scaling.scale if model.link == "reward" else 1.0
    (means,), (spreads,) = model.estimates([line], arms), model.deviations([line], arms)
    found = []
    for arm, features in arms.items():
        why = {token: part * unit for token, part in model.explain(line, features).items()}
        total, sd = math.fsum(why.values()), spreads.get(arm, 0.0) * unit
        error = sd if model.link == "reward" else _error(total, sd) * model.scaling.scale
        found.append(ArmEstimate(arm, means[arm] * model.scaling.scale, total, sd, why, error))
    seen = contexts_before(conn, row.decision.point, row.at, SAMPLE) or [line]
    single = _single(model, seen, arms)
    eligible = [one for one in found if one.arm in row.decision.arms]
    outlier = _outlier(eligible, found, single)
    return Estimated(bare.version, bare.made_at, bare.learned, model.link, tuple(found), outlier)


def _error(logit: float, sd: float) -> float:
    """Return the standard deviation of the rate: half the way between the ends of one deviation on the logit."""
    low, high = rates(np.array([logit - sd, logit + sd])).tolist()
    return float(high - low) / 2.0


def _single(model: Model, lines: Sequence[str], arms: Mapping[str, str]) -> str:
    """Return the arm that is best on average over everybody's contexts."""
    rows = model.estimates(lines, arms)
    return max(arms, key=lambda arm: fmean(row[arm] for row in rows))


def _outlier(eligible: Sequence[ArmEstimate], known: Sequence[ArmEstimate], single: str) -> Outlier | None:
    if not eligible:
        return None
    best = max(eligible, key=lambda one: one.total)
    other = next(one for one in known if one.arm == single)
    if best.arm == single:
        return Outlier(False, best.arm, single, None)
    spread = math.hypot(best.sd, other.sd)
    sure = NormalDist().cdf((best.total - other.total) / spread) if spread > 0.0 else None
    return Outlier(sure is None or sure >= SURE, best.arm, single, sure)
