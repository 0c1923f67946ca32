"""What the models were taught, pass by pass: read again in this order, it makes the same weights.

Rules
- One row per decision point and pass: a lesson costs some thirty bytes, not a row of its own.
- A lesson says which decision, its reward as known then, its stage and what was told before; the features it is
  learned with stand in the decision.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from engine.store.learning import TEACHING
from engine.store.sets import one_of
from engine.store.tables import decisions, lessons

Stage = Literal["open", "closed", "late"]
STAGES: dict[str, Stage] = {"o": "open", "c": "closed", "l": "late"}

t = lessons.c
c = decisions.c


@dataclass(frozen=True, slots=True)
class Told:
    """One lesson as it is written down. `arm` is the features of the arm that was taken."""

    key: str
    reward: float
    stage: Stage
    arm: str
    before: float | None


@dataclass(frozen=True, slots=True)
class Pass:
    """The lessons of one point in one pass; `delays` in seconds by channel, of those that earned and closed."""

    point: str
    number: int
    at: datetime
    told: tuple[Told, ...]
    delays: Mapping[str, Sequence[float]]


def append(conn: sa.Connection, passes: Sequence[Pass]) -> None:
    """Write passes down; each number is the highest of its point and one."""
    if passes:
        conn.execute(lessons.insert(), [_row(one) for one in passes])


def _row(one: Pass) -> dict[str, Any]:
    arms = list(dict.fromkeys(told.arm for told in one.told))
    places = {arm: place for place, arm in enumerate(arms)}
    rows = [[told.key, told.reward, told.stage[0], places[told.arm], told.before] for told in one.told]
    delays = {channel: [round(delay, 1) for delay in some] for channel, some in one.delays.items() if some}
    return {
        "point": one.point, "number": one.number, "at": one.at, "told": {"arms": arms, "rows": rows},
        "delays": delays or None,
    }  # fmt: skip


def highest(conn: sa.Connection, points: Iterable[str]) -> dict[str, int]:
    """Return the number of the last pass of each of these points."""
    query = sa.select(t.point, sa.func.max(t.number)).where(one_of(t.point, points)).group_by(t.point)
    return {row[0]: row[1] for row in conn.execute(query)}


def read(conn: sa.Connection, point: str, after: int, through: int) -> list[Pass]:
    """Return the passes with numbers in (after, through], in their order."""
    mine = (t.point == point, t.number > after, t.number <= through)
    query: sa.Select[Any] = sa.select(t.point, t.number, t.at, t.told, t.delays).where(*mine).order_by(t.number)
    return [_pass(row) for row in conn.execute(query)]


def _pass(row: sa.Row[Any]) -> Pass:
    arms = row.told["arms"]
    told = (Told(key, reward, STAGES[stage], arms[arm], before) for key, reward, stage, arm, before in row.told["rows"])
    return Pass(row.point, row.number, row.at, tuple(told), row.delays or {})


def contexts(conn: sa.Connection, keys: Iterable[str]) -> dict[str, tuple[str, float, datetime]]:
    """Return the features, the propensity and the instant of each of these decisions."""
    query = sa.select(c.key, c.features, c.propensity, c.at).where(one_of(c.key, keys))
    return {row.key: (row.features, row.propensity, row.at) for row in conn.execute(query)}


def delays(conn: sa.Connection, points: Iterable[str], since: datetime) -> dict[str, dict[str, list[float]]]:
    """Return by point and channel how long the outcomes took, of what closed since then."""
    query = sa.select(t.point, t.delays).where(t.at > since, one_of(t.point, points), t.delays.is_not(None))
    found: dict[str, dict[str, list[float]]] = {}
    for point, some in conn.execute(query.order_by(t.point, t.number)):
        mine = found.setdefault(point, defaultdict(list))
        for channel, times in some.items():
            mine[channel] += times
    return found


def open_now(conn: sa.Connection, points: Iterable[str], limit: int) -> list[sa.Row[Any]]:
    """Return the decisions of these points whose windows are open and that teach, at most the newest `limit`."""
    wanted = frozenset(points)
    query: sa.Select[Any] = (
        sa.select(c.journey, c.state, c.key, c.arm, c.features, c.propensity, c.reward, c.cost, c.starts_at)
        .where(c.status == "open", c.group.in_(TEACHING), c.learned.is_not(None))
        .order_by(c.starts_at.desc(), c.key)
        .limit(limit)
    )
    rows = [row for row in conn.execute(query) if f"{row.journey}.{row.state}" in wanted]
    return rows[::-1]
