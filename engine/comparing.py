"""The challenger beside the incumbent on the decision point's own log: who would have earned more.

Rules
- Only decisions that the incumbent drew, and the random slice; what each of the two would have drawn from stands in the
  log, written before either learned what became of it.
- Clipped doubly robust values, paired decision by decision, errors by contact (offpolicy/estimators.py).
- No verdict without support: where the log hardly ever did what the challenger does, nothing is said.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

from engine.store.shadows import Compared

LEVEL = 0.95  # of the one-sided bounds
_Z = NormalDist().inv_cdf(LEVEL)


@dataclass(frozen=True, slots=True)
class Contrast:
    """Challenger minus incumbent, in reward per decision: estimate, and its one-sided 95 % bounds.

    `serving` and `shadow` are what each of the two earns per decision; `effective` is how many decisions of its own the
    log is worth to the challenger; `refusal` says why nothing may be concluded, "" when something may.
    """

    decisions: int = 0
    effective: float = 0.0
    serving: float = 0.0
    shadow: float = 0.0
    difference: float = 0.0
    low: float = -math.inf
    high: float = math.inf
    refusal: str = "no decision was made with both beside each other yet"

    @property
    def better(self) -> bool:
        """Return whether the lower bound says that the challenger earns more."""
        return not self.refusal and self.low > 0.0

    @property
    def worse(self) -> bool:
        return not self.refusal and self.high < 0.0


def contrast(rows: Sequence[Compared], arms: Mapping[str, str]) -> Contrast:
    """Return what the log says of the two; `arms` are the features of the arms by id."""
    import numpy as np  # noqa: PLC0415 - a tick that compares nothing needs none of it

    from engine.offpolicy.estimators import Case, clipped, gap, refusal  # noqa: PLC0415
    from engine.offpolicy.logged import Drawn, logged  # noqa: PLC0415
    from engine.offpolicy.outcome import crossfitted  # noqa: PLC0415

    usable = [row for row in rows if len(row.arms) > 1]
    if not usable:
        return Contrast()
    drawn = [Drawn(r.contact_id, r.at, r.features, r.arms, r.chances, r.arm, r.reward) for r in usable]
    log = logged(drawn, arms)
    column = {arm: place for place, arm in enumerate(log.arms)}
    targets = np.zeros((2, len(log), len(column)))
    for n, row in enumerate(usable):
        at = [column[arm] for arm in row.arms]
        targets[0, n, at], targets[1, n, at] = row.serving, row.shadow
    q = crossfitted(log, log.folds())
    cases = [Case(log, target, q) for target in targets]
    serving, shadow = (clipped(case) for case in cases)
    found = gap(shadow, serving, log.contact)
    spread = _Z * found.error
    return Contrast(
        len(log), cases[1].effective, serving.value, shadow.value, found.value, found.value - spread,
        found.value + spread, refusal(cases[1]),
    )  # fmt: skip
