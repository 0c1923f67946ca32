"""Arms that are still new: what was added to a decision later gets a share of its draws until it is known.

Rules
- An arm is new until it was drawn warmup / |arms| times: as often as each of the first ones was in the warm-up.
- Decisions are counted once, from the log, and then only those that came since: what a tick pays does not grow.
- An arm that is taken out of the file keeps its decisions; it is not new when it comes back.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import sqlalchemy as sa

from engine.core.choice import LEARNING
from engine.store.arms import drawn_since
from journeys import Choose, Journey

AFRESH = timedelta(minutes=15)


@dataclass(slots=True)
class Warming:
    """How often each arm was drawn, of the decision points that learn."""

    quotas: Mapping[tuple[str, str], int]  # ("journey.state", arm) -> draws after which it is no longer new
    _drawn: Counter[tuple[str, str]] = field(default_factory=Counter)
    _until: datetime | None = None

    def arms(self, conn: sa.Connection, now: datetime) -> frozenset[tuple[str, str]]:
        """Return the arms that are new, as ("journey.state", arm id)."""
        if self.quotas and (self._until is None or now - self._until >= AFRESH):
            self._drawn.update(drawn_since(conn, self._until, now, {point for point, _ in self.quotas}))
            self._until = now
        return frozenset(arm for arm, quota in self.quotas.items() if self._drawn[arm] < quota)


def warming(journeys: Iterable[Journey]) -> Warming:
    """Return the count of these journeys' arms, before anything was counted."""
    points = [(f"{j.name}.{state}", choose) for j in journeys for state, choose in j.choices]
    return Warming({(point, arm): n for point, choose in points for arm, n in _quotas(choose).items()})


def _quotas(choose: Choose) -> dict[str, int]:
    if choose.explore.policy not in LEARNING or not choose.arms:
        return {}
    each = math.ceil(choose.explore.warmup / len(choose.arms))
    return {arm.id: each for arm in choose.arms if each}
