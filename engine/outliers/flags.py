"""Who is an outlier: whose own best arm differs from the single best one with P(it is better) >= 0.8.

Rules
- Cross-fitted by contact: nobody is flagged by a model that has seen what they did. So comparing a group with another
  among the flagged is as honest as among all: the flag depends on what was known before the draw, and on other people.
- Everybody who reached the decision is flagged, held out or not, by the context of their first decision.
- The single best arm is the baseline's, where the file names one: the lift is measured against it.
Source: language.md "Outliers"; sample splitting as in Chernozhukov and others (2018), generic machine learning.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np

from engine.core.chance import draw
from engine.learner.models import Example, Model, new_model
from engine.learner.schema import fitted
from engine.report.intervals import normal_cdf

SURE = 0.8
FOLDS = 2
MOST = 12_000  # decisions that are learned from; the newest
FARTHEST = 1e-6


@dataclass(frozen=True, slots=True)
class Line:
    """One decision, as flagging looks at it. `reward` None: not to be learned from (held out, open, void)."""

    contact: str
    at: datetime
    features: str
    arms: tuple[str, ...]
    arm: str
    reward: float | None


@dataclass(frozen=True, slots=True)
class Flag:
    """What holds for one contact: their best arm, whether it makes them an outlier, and what it would earn more.

    `gain` is on the scale of rewards as they were learned: a model's estimate, never a measurement.
    """

    best: str
    outlier: bool
    gain: float
    features: str


@dataclass(frozen=True, slots=True)
class Flagged:
    single: str
    people: Mapping[str, Flag] = field(default_factory=dict)
    learned: int = 0
    scale: float = 1.0  # rewards are `gain` x scale

    @property
    def outliers(self) -> list[str]:
        return [contact for contact, flag in self.people.items() if flag.outlier]


def flagged(lines: Sequence[Line], arms: Mapping[str, str], baseline: str = "") -> Flagged:
    """Flag everybody in `lines` (oldest first); `arms` are id -> features, `baseline` the single message if named."""
    first: dict[str, Line] = {}
    for line in lines:
        first.setdefault(line.contact, line)
    known = [line for line in lines if line.reward is not None][-MOST:]
    if len(arms) < 2 or not known:
        return Flagged(baseline, {}, len(known))
    schema = fitted([line.features for line in known])
    folds = {contact: fold_of(contact) for contact in first}
    models = {n: _taught([line for line in known if folds[line.contact] != n], arms, schema) for n in range(FOLDS)}
    single = baseline if baseline in arms else _single(models, first, arms)
    people: dict[str, Flag] = {}
    for fold, model in models.items():
        mine = [line for line in first.values() if folds[line.contact] == fold]
        people.update(_asked(model, mine, arms, single))
    scale = next(iter(models.values())).scaling.scale
    return Flagged(single, {contact: people[contact] for contact in first}, len(known), scale)


def fold_of(contact: str) -> int:
    """Return the part in which a contact is judged, and from which nobody in it learns."""
    return int(draw("outlier folds", contact) * FOLDS)


def _taught(lines: Sequence[Line], arms: Mapping[str, str], schema: object) -> Model:
    model = new_model("thompson", None, schema)  # type: ignore[arg-type]
    for line in lines:
        model.scaling.note(line.reward or 0.0)
    model.learn(
        [
            Example(one.features, arms[one.arm], model.scaling.label(one.reward or 0.0))
            for one in lines
            if one.arm in arms
        ]
    )
    return model


def _single(models: Mapping[int, Model], first: Mapping[str, Line], arms: Mapping[str, str]) -> str:
    """Return the arm with the highest mean estimate over all people."""
    lines = [line.features for line in first.values()][:5000]
    rows = next(iter(models.values())).estimates(lines, arms)
    return max(arms, key=lambda arm: math.fsum(row[arm] for row in rows))


def _asked(model: Model, lines: Sequence[Line], arms: Mapping[str, str], single: str) -> dict[str, Flag]:
    asked = list(dict.fromkeys(line.features for line in lines))
    means = dict(zip(asked, model.estimates(asked, arms), strict=True))
    spreads = dict(zip(asked, model.deviations(asked, arms), strict=True))
    return {one.contact: _flag(one, means[one.features], spreads[one.features], single) for one in lines}


def _flag(line: Line, means: Mapping[str, float], spreads: Mapping[str, float], single: str) -> Flag:
    own = [arm for arm in line.arms if arm in means] or [single]
    best = max(own, key=lambda arm: means[arm])
    if best == single or single not in own:
        return Flag(best, False, 0.0, line.features)
    distance = _logit(means[best]) - _logit(means[single])
    spread = math.hypot(spreads[best], spreads[single])
    sure = normal_cdf(distance / spread) if spread > 0 else float(distance > 0)
    return Flag(best, sure >= SURE, means[best] - means[single], line.features)


def _logit(share: float) -> float:
    bounded = min(max(share, FARTHEST), 1 - FARTHEST)
    return math.log(bounded / (1 - bounded))


def stability(lines: Sequence[Line], arms: Mapping[str, str], now: Flagged, week: int) -> float | None:
    """Return which share of today's outliers would have been flagged by a model of `week` days ago.

    None when there are no outliers, or little was known then.
    """
    last = max((line.at for line in lines), default=None)
    known = [line for line in lines if line.reward is not None and last and (last - line.at).days >= week][-MOST:]
    if not now.outliers or len(known) < now.learned / 4:
        return None
    model = _taught(known, arms, fitted([line.features for line in known]))
    meant = set(now.outliers)
    first = {line.contact: line for line in reversed(lines) if line.contact in meant}
    before = _asked(model, list(first.values()), arms, now.single)
    return float(np.mean([flag.outlier for flag in before.values()]))
