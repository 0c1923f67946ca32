"""Who took part in an experiment, when first, and who reached its goal: one statement, read as a stream."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from engine.store.segment_tables import segment_moves, segment_numbers
from engine.store.sets import one_of
from engine.store.tables import enrollments, events, moves

STREAM = 10_000
_e, _n, _m, _s = events.c, enrollments.c, moves.c, segment_moves.c
Period = tuple[datetime, datetime]


def in_segments(arms: Sequence[str], period: Period) -> sa.Select[Any]:
    """Select who entered one of these segments, whichever group is theirs: contact, arm "", first time."""
    since, until = period
    asked = sa.select(_s.contact_id, sa.literal("").label("arm"), sa.func.min(_s.at, type_=_s.at.type).label("first"))
    here = one_of(_s.segment, arms) & _s.entered & (_s.at >= since) & (_s.at < until)
    return asked.where(here).group_by(_s.contact_id)


def in_journeys(arms: Sequence[str], period: Period) -> sa.Select[Any]:
    """Select who entered one of these journeys and was not held out: contact, journey, first time."""
    since, until = period
    asked = sa.select(_n.contact_id, _n.journey.label("arm"), sa.func.min(_n.entered_at, type_=_n.entered_at.type)
                      .label("first"))  # fmt: skip
    here = one_of(_n.journey, arms) & (_n.group == "learner") & (_n.entered_at >= since) & (_n.entered_at < until)
    return asked.where(here).group_by(_n.contact_id, _n.journey)


def in_split(point: str, period: Period) -> sa.Select[Any]:
    """Select who went through a split and was not held out: contact, the way they went, first time."""
    since, until = period
    journey, _, state = point.partition(".")
    asked = sa.select(_n.contact_id, _m.target.label("arm"), sa.func.min(_m.at, type_=_m.at.type).label("first"))
    asked = asked.join_from(moves, enrollments, _n.id == _m.enrollment_id)
    here = (_n.journey == journey) & (_n.group == "learner") & (_m.source == state)
    return asked.where(here, _m.at >= since, _m.at < until).group_by(_n.contact_id, _m.target)


def reached(
    conn: sa.Connection, took_part: sa.Select[Any], names: Sequence[str], within: timedelta
) -> Iterator[tuple[str, str, datetime, list[Any]]]:
    """Yield contact, arm, first time, and the bodies of the goal's events in the time after it; by contact."""
    p = took_part.subquery()
    first = sa.type_coerce(p.c.first, sa.BigInteger)
    at = sa.type_coerce(_e.at, sa.BigInteger)
    span = within // timedelta(microseconds=1)
    mine = (_e.contact_id == p.c.contact_id) & one_of(_e.name, names) & (at > first) & (at <= first + span)
    asked = sa.select(p.c.contact_id, p.c.arm, p.c.first, _e.name, _e.data).outerjoin_from(p, events, mine)
    asked = asked.order_by(p.c.contact_id, p.c.arm).execution_options(yield_per=STREAM)
    key: tuple[str, str, datetime] | None = None
    bodies: list[Any] = []
    for id_, arm, began, name, data in conn.execute(asked):
        if key is not None and (id_, arm) != key[:2]:
            yield *key, bodies
            bodies = []
        key = id_, arm, began
        bodies += [(name, data)] if name is not None else []
    if key is not None:
        yield *key, bodies


def began(conn: sa.Connection, kind: str, name: str, arms: Sequence[str]) -> datetime | None:
    """Return since when both groups could take part: the experiment's segment is there, both journeys had somebody."""
    if kind == "segments":
        found = conn.execute(sa.select(segment_numbers.c.made_at).where(segment_numbers.c.name == name)).scalar()
        return found if isinstance(found, datetime) else None
    first = sa.func.min(_n.entered_at, type_=_n.entered_at.type)
    asked = sa.select(_n.journey, first).where(one_of(_n.journey, arms)).group_by(_n.journey)
    firsts = {row[0]: row[1] for row in conn.execute(asked)}
    return max(firsts.values()) if len(firsts) == len(arms) and kind == "journeys" else None
