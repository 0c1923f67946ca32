"""A segment week by week: who was in it then, and what they did that week, each in one statement.

Rules
- Who was in it at an instant is reckoned back from who is in it now: the first move after the instant says what was
  before. What a fill changed left no move, so before the last fill it is who was in it right after that fill.
- Everything is counted per person and week, so that a rate has people above and below.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from engine.store.buying import amount
from engine.store.membership import inside
from engine.store.segment_tables import segment_fills, segment_moves, segment_numbers, standings
from engine.store.sets import one_of
from engine.store.tables import deliveries, events
from journeys.project import Buying

UNSUBSCRIBED = "unsubscribed"
_m, _s, _e, _d = segment_moves.c, standings.c, events.c, deliveries.c


@dataclass(frozen=True, slots=True)
class Asked:
    """What is counted: events that are a conversion, what an order is, events that show that somebody is there."""

    goal: Sequence[str]
    buying: Buying | None
    signs: Sequence[str]


@dataclass(frozen=True, slots=True)
class Counted:
    """A week of a segment: people at its start, and of them how many did what."""

    people: int
    stayed: int
    converted: int
    engaged: int
    messages: int
    unsubscribed: int
    worth: float  # money, all together
    squares: float  # sum of the squares of each one's money


def number_of(conn: sa.Connection, name: str) -> int | None:
    """Return the segment's place among the bits, None while it is not filled."""
    n = segment_numbers.c
    return conn.execute(sa.select(n.number).where(n.name == name, n.version != "")).scalar()


def last_fill(conn: sa.Connection, name: str) -> datetime | None:
    """Return the last fill that moved anybody: before it nobody knows who was in the segment."""
    f = segment_fills.c
    moved = sa.select(sa.func.max(f.at, type_=f.at.type)).where(f.segment == name, f.entered + f.left > 0)
    found: datetime | None = conn.execute(moved).scalar()
    return found


def then(name: str, number: int, at: datetime) -> sa.Select[Any]:
    """Select who was in the segment at an instant."""
    later = (_m.segment == name) & (_m.at >= at)
    firsts = sa.select(sa.func.min(_m.id)).where(later).group_by(_m.contact_id)
    here = sa.select(_s.contact_id).where(
        inside(number), ~sa.exists().where(_m.contact_id == _s.contact_id, _m.segment == name, _m.at >= at)
    )
    left = sa.select(_m.contact_id).where(_m.id.in_(firsts), ~_m.entered)
    return here.union(left).subquery().select()


def week(conn: sa.Connection, segment: tuple[str, int], span: tuple[datetime, datetime], asked: Asked) -> Counted:
    """Count a week, from its start until before its end, of who was in the segment at its start."""
    name, number = segment
    start, end = span
    members = then(name, number, start).cte("members")
    stays = then(name, number, end).subquery()
    done = _done(conn.dialect.name, members, span, asked)
    sent = (
        sa.select(_d.contact_id, sa.func.count().label("messages"))
        .where(_d.contact_id.in_(sa.select(members.c.contact_id)), _d.sent_at >= start, _d.sent_at < end)
        .where(_d.status == "sent", _d.channel != "webhook")
        .group_by(_d.contact_id)
        .subquery()
    )
    total = [
        sa.func.count(),
        sa.func.count(stays.c.contact_id),
        *(sa.func.coalesce(sa.func.sum(column), 0)
          for column in (done.c.converted, done.c.engaged, sent.c.messages, done.c.unsubscribed)),
        sa.func.coalesce(sa.func.sum(done.c.worth), 0.0),
        sa.func.coalesce(sa.func.sum(done.c.worth * done.c.worth), 0.0),
    ]  # fmt: skip
    joined = (
        members.outerjoin(stays, stays.c.contact_id == members.c.contact_id)
        .outerjoin(done, done.c.contact_id == members.c.contact_id)
        .outerjoin(sent, sent.c.contact_id == members.c.contact_id)
    )
    row = conn.execute(sa.select(*total).select_from(joined)).one()
    people, stayed, converted, engaged, messages, unsubscribed = (int(value) for value in row[:6])
    return Counted(people, stayed, converted, engaged, messages, unsubscribed, float(row[6]), float(row[7]))


def _done(dialect: str, members: sa.CTE, span: tuple[datetime, datetime], asked: Asked) -> sa.Subquery:
    """Select, by person, whether they did what is asked for, and their money."""
    start, end = span
    buying = asked.buying if asked.buying is not None and asked.buying.value else None
    names = {*asked.goal, *asked.signs, UNSUBSCRIBED, *([buying.event] if buying else [])}

    def did(some: Sequence[str]) -> Any:
        return sa.func.max(sa.case((one_of(_e.name, some), 1), else_=0))

    money = amount(dialect, _e.data, str(buying.value)) if buying else sa.literal(0.0)
    worth = sa.func.sum(sa.case((_e.name == (buying.event if buying else ""), money), else_=0.0))
    return (
        sa.select(
            _e.contact_id, did(asked.goal).label("converted"), did(asked.signs).label("engaged"),
            did([UNSUBSCRIBED]).label("unsubscribed"), worth.label("worth"),
        )
        .where(_e.contact_id.in_(sa.select(members.c.contact_id)), one_of(_e.name, names))
        .where(_e.at >= start, _e.at < end)
        .group_by(_e.contact_id)
        .subquery()
    )  # fmt: skip
