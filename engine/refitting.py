"""A model made anew from the log: every night with fresh bounds for its numbers, and whenever somebody asks.

Rules
- A refit teaches each decision once, with the reward that is known by now: what came after the close is in it.
- Older decisions weigh less where `half_life` says so; the weight is counted from the night of the refit.
- A refit says in its `base` what it was made from. So any version is its base and the passes after it, and reading
  them again gives the same weights: `rebuilt` is that, and nothing else is needed than the log.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from engine.errors import LearnerError
from engine.learner.lessons import Lesson, relearn, teach
from engine.learner.models import Model, settings_for
from engine.learner.schema import FIXED, fitted
from engine.pupil import begun, recalled
from engine.store import lessons as log
from engine.store.policies import PolicyRow
from journeys import Choose

MOST = 200_000
"""Most decisions of a refit: the newest."""


@dataclass(frozen=True, slots=True)
class Known:
    """A decision with all that is known of it: its last lesson, and when it was made."""

    lesson: Lesson
    at: datetime


def known(conn: sa.Connection, point: str, first: int, through: int) -> list[Known]:
    """Return the decisions that the passes [first, through] speak of, in the order of their first lesson."""
    passes = log.read(conn, point, first - 1, through)
    contexts = log.contexts(conn, {told.key for one in passes for told in one.told})
    last: dict[str, Known] = {}
    for one in passes:
        for told in one.told:
            if told.key in contexts:
                features, propensity, at = contexts[told.key]
                stage = "closed" if told.stage == "late" else told.stage
                last[told.key] = Known(Lesson(features, told.arm, told.reward, None, propensity, stage), at)
    return list(last.values())[-MOST:]


def refitted(kind: str, choose: Choose, decisions: Sequence[Known], base: Mapping[str, Any]) -> Model:
    """Return the model that these decisions make; `base` gives its schema and the instant its weights count from."""
    model = begun(kind, settings_for(choose), base)
    life, at = base.get("half_life"), datetime.fromtimestamp(float(base["at"]), UTC)
    due = [(one.lesson, weight_at(at - one.at, life)) for one in decisions if one.lesson.due(patient=model.patient)]
    relearn(model, due)
    return model


def weight_at(age: timedelta, half_life: float | None) -> float:
    """Return 2^(-age / half_life); `half_life` in seconds, None: nothing is forgotten."""
    return 1.0 if not half_life else float(0.5 ** (max(0.0, age.total_seconds()) / half_life))


def base_of(choose: Choose, decisions: Sequence[Known], passes: tuple[int, int], now: datetime) -> dict[str, Any]:
    """Return how a refit begins: the passes it reads, its instant, its half-life, the bounds of its numbers."""
    schema = fitted(one.lesson.features for one in decisions) if decisions else FIXED
    life = choose.explore.half_life
    return {
        "from": passes[0],
        "through": passes[1],
        "at": now.timestamp(),
        "half_life": life.total_seconds() if life else None,
        "schema": schema.state(),
    }


def rebuilt(conn: sa.Connection, row: PolicyRow, choose: Choose) -> Model:
    """Return the model of a version, made from the log alone; LearnerError when it was made in another way."""
    base = dict(row.base or {})
    first, through = int(base.get("from", 1)), int(base.get("through", 0))
    if through:
        model = refitted(row.kind, choose, known(conn, row.point, first, through), base)
    else:
        model, through = begun(row.kind, settings_for(choose), base), first - 1
    for _, lessons in recalled(conn, log.read(conn, row.point, through, row.through)):
        _teach(model, lessons)
    return model


def _teach(model: Model, lessons: Sequence[Lesson]) -> None:
    try:
        teach(model, lessons)
    except LearnerError:
        return  # so it was when it was taught: such a pass is left out as a whole
