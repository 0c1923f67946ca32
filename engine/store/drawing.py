"""Reading a decision point's log back: the decisions that were drawn and have closed, oldest first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from engine.store.tables import decisions

DRAWN = ("learner", "random")
"""Groups whose arm was drawn by chances that can be replayed; a baseline always takes its arm, a holdout nothing."""


@dataclass(frozen=True, slots=True)
class Closed:
    """One decision with its final reward."""

    key: str
    contact_id: str
    at: datetime
    features: str
    arms: tuple[str, ...]
    chances: tuple[float, ...]
    arm: str
    reward: float


def closed(conn: sa.Connection, point: str, since: datetime) -> list[Closed]:
    """Return the decisions of `point` ("journey.state") since then, in the order in which they were made."""
    c = decisions.c
    query = (
        sa.select(c.key, c.contact_id, c.at, c.features, c.arms, c.chances, c.arm, c.reward)
        .where(*_at(point, since), c.status == "closed", c.group.in_(DRAWN))
        .order_by(c.at, c.key)
    )
    return [
        Closed(key, contact, at, line, tuple(arms), tuple(chances), arm, reward or 0.0)
        for key, contact, at, line, arms, chances, arm, reward in conn.execute(query)
    ]


def share_closed(conn: sa.Connection, point: str, since: datetime) -> float:
    """Return which share of the decisions that anybody drew has closed; 1 when there are none."""
    c = decisions.c
    query = sa.select(sa.func.count(), sa.func.sum(sa.case((c.status == "closed", 1), else_=0)))
    made, done = conn.execute(query.where(*_at(point, since), c.status != "void", c.group.in_(DRAWN))).one()
    return float(done or 0) / made if made else 1.0


def _at(point: str, since: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    journey, _, state = point.partition(".")
    c = decisions.c
    return c.journey == journey, c.state == state, c.at >= since
