"""What the groups spent, asked of the store: the money of goal events, as the journey's `goal.value` says."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from engine.core.model import Event
from engine.report.asked import Asked
from engine.report.findings import MoneyGap, MoneyRow
from engine.report.gather import GROUPS
from engine.report.money import Spent, gaps, spent_rows
from engine.store import history
from engine.store.history import Question, Run
from journeys import Scope

BEFORE_ENTRY = timedelta(days=90)  # whose spending adjusts that of the window


def spending(
    conn: sa.Connection, asked: Asked, question: Question, grouped: Sequence[Run]
) -> tuple[tuple[MoneyRow, ...], tuple[MoneyGap, ...]]:
    """Return what each group spent and how the learner's differs; nothing where the goal has no value."""
    goal = asked.journey.goal
    if goal is None or goal.value is None:
        return (), ()
    earlier = history.before(conn, question, BEFORE_ENTRY)
    people = [
        Spent(run.group, _sum(run.goals, asked), _sum(earlier.get(run.id, ()), asked))
        for run in history.first_runs(grouped)
        if run.mature and run.group in GROUPS
    ]
    return spent_rows(people, GROUPS), gaps(people, GROUPS[0], GROUPS[1:], asked.planned)


def _sum(events: Iterable[Event], asked: Asked) -> float:
    zone = ZoneInfo(asked.project.timezone)
    return math.fsum(worth_of(event.at, event.data, asked, zone) for event in events)


def worth_of(at: datetime, data: Mapping[str, Any], asked: Asked, zone: ZoneInfo) -> float:
    """Return what a goal event is worth; 0 when the file says nothing, or nothing readable."""
    goal = asked.journey.goal
    scope = Scope(at, zone, event=data, vars=asked.journey.vars)
    worth = goal.value.value(scope) if goal and goal.value else 0
    return worth if isinstance(worth, int | float) else 0.0
