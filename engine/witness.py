"""A policy that is asked again about a decision it once drew: it must come to the chances that were logged.

Rules
- What the log does not hold is which arms were still new then, and so got a larger least share: those are found for
  which the policy's answer leads to exactly the logged chances.
- Where it does, the logged chances are what is drawn from again; where it does not, the policy's own: they differ.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine.core.model import Policy
from engine.core.policy import LEAST
from journeys import Explore

CLOSE = 1e-7


@dataclass(frozen=True, slots=True)
class Witness:
    """`drew` is the policy as it was kept (None: its bytes are gone), `chances` what was logged, by arm."""

    version: str
    drew: Policy | None
    chances: Mapping[str, float]
    explore: Explore

    def pmf(self, scores: Mapping[str, float], eligible: Sequence[str]) -> tuple[float, ...]:
        logged = [self.chances.get(arm, math.nan) for arm in eligible]
        least = self._least(len(eligible))
        if not all(map(math.isfinite, logged)) or len(logged) != len(self.chances):
            return self.drew.pmf(scores, eligible) if self.drew is not None else (1.0 / len(eligible),) * len(eligible)
        if self.drew is not None and not self._agrees(self.drew.pmf(scores, eligible), logged, least):
            return self.drew.pmf(scores, eligible)
        return _before(logged, (least,) * len(logged))

    def _least(self, count: int) -> float:
        wanted = self.explore.min_share if math.isfinite(self.explore.min_share) else 0.0
        return min(max(wanted, LEAST), 1.0 / count)

    def _agrees(self, said: Sequence[float], logged: Sequence[float], least: float) -> bool:
        """Return whether this answer leads to the logged chances, with some of the arms new."""
        spare = max(0.0, 1.0 - least * len(logged))
        share = min(self.explore.new_arm_share, 1.0 / len(logged))
        for new in range(len(logged) + 1):
            more = min(max(0.0, share - least), spare / 2 / new) if new else 0.0
            rest = 1.0 - least * len(logged) - more * new
            above = [chance - least - rest * p for chance, p in zip(logged, said, strict=True)]
            if all(min(abs(one), abs(one - more)) < CLOSE for one in above) and abs(sum(above) - more * new) < CLOSE:
                return True
        return False


def _before(logged: Sequence[float], floors: Sequence[float]) -> tuple[float, ...]:
    """Return the distribution that becomes `logged` when each arm is given its least share."""
    rest = 1.0 - sum(floors)
    if rest <= 0.0:
        return (1.0 / len(logged),) * len(logged)
    return tuple(max(0.0, chance - floor) / rest for chance, floor in zip(logged, floors, strict=True))
