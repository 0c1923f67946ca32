"""What lint, plan and previews ask about people: a fixed number of statements, however many people there are.

Rules
- Shares of contacts are taken from a sample of at most SAMPLE, spread evenly over the contacts by id: the same store
  gives the same answer, and lint stays quick.
- Rates are counted over the last 30 days, or since the store's first row when that is less, but never less than a
  week: two days of a rush are no month.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

import sqlalchemy as sa

from engine.store.grouping import groups, overlaps
from engine.store.sets import any_of
from engine.store.snapshots import Glimpse, Needs, glance
from engine.store.tables import addresses, contacts, decisions, enrollments, events, moves
from engine.store.value_tables import products
from journeys import Scope
from journeys.facts import Facts, Point, Seen, Traffic
from journeys.project import Data

SAMPLE = 5000
MONTH, WEEK = timedelta(days=30), timedelta(days=7)
OLD = timedelta(days=120)
"""Runs that entered between OLD and MONTH ago say how often the goal is reached: most goals had their time."""

n, c, e, m = enrollments.c, decisions.c, events.c, moves.c


@dataclass(frozen=True, slots=True)
class Inquiry:
    """What is asked: at an instant, about the names of data.yaml; `needs`: what its segments look at."""

    now: datetime
    data: Data
    zone: tzinfo  # of contacts without one
    needs: Needs


def facts(conn: sa.Connection, asked: Inquiry) -> Facts:
    """Return what the store knows."""
    now = asked.now
    count = conn.execute(sa.select(sa.func.count()).select_from(contacts)).scalar_one()
    ids = _sample(conn, count)
    people = glance(conn, ids, now, asked.needs)
    reach = _reach(conn, ids)
    return Facts(
        contacts=count,
        events=_events(conn, now),
        without=_without(people, asked.data, reach),
        points=_points(conn, now),
        traffic=_traffic(conn, now),
        ways=_ways(conn, now),
        unaddressed=_unaddressed(people, asked, reach),
        subscribed=_subscribed(conn, ids),
        waiting=_waiting(conn),
        segments=groups(conn, now),
        overlaps=overlaps(conn, ids),
        products=conn.execute(sa.select(sa.func.count()).select_from(products)).scalar_one(),
    )


def _sample(conn: sa.Connection, count: int) -> list[str]:
    every = max(1, -(-count // SAMPLE))
    place = sa.func.row_number().over(order_by=contacts.c.id).label("place")
    numbered = sa.select(contacts.c.id, place).subquery()
    query = sa.select(numbered.c.id).where((numbered.c.place - 1) % every == 0)
    return list(conn.execute(query.order_by(numbered.c.id)).scalars())


def _reach(conn: sa.Connection, ids: list[str]) -> dict[str, set[str]]:
    """Return by channel who has an address there that may be used."""
    a = addresses.c
    query = sa.select(a.channel, a.contact_id).where(any_of(a.contact_id, "ids"), a.suppressed.is_(None))
    found: defaultdict[str, set[str]] = defaultdict(set)
    for channel, who in conn.execute(query, {"ids": ids}):
        found[channel].add(who)
    return found


def _subscribed(conn: sa.Connection, ids: list[str]) -> dict[str, float]:
    query = sa.select(contacts.c.consents).where(any_of(contacts.c.id, "ids"))
    words = Counter(word for said in conn.execute(query, {"ids": ids}).scalars() for word in said.split())
    return {topic: count / len(ids) for topic, count in words.items() if "-" not in topic}


def _without(people: list[Glimpse], data: Data, reach: Mapping[str, set[str]]) -> dict[str, float]:
    """Return the shares for attributes that have no default; an address counts as the attribute of its channel."""
    asked = [name for name, attribute in data.attributes.items() if attribute.default is None]
    return {
        name: sum(one.attributes.get(name) is None and one.id not in reach.get(name, ()) for one in people)
        / len(people)
        for name in asked
        if people
    }


def _unaddressed(people: list[Glimpse], asked: Inquiry, reach: Mapping[str, set[str]]) -> dict[tuple[str, str], float]:
    segments = {"": [one.id for one in people]} | {
        name: [one.id for one in people if rule.holds(_scope(one, asked))] for name, rule in asked.data.segments.items()
    }
    return {
        (segment, channel): sum(who not in reach.get(channel, ()) for who in inside) / len(inside)
        for segment, inside in segments.items()
        for channel in sorted({"email", "push", *reach})
        if inside
    }


def _scope(one: Glimpse, asked: Inquiry) -> Scope:
    return one.scope(asked.now, asked.zone, asked.data.segments)


def _events(conn: sa.Connection, now: datetime) -> dict[str, Seen]:
    lately = sa.func.sum(sa.case((e.at > now - MONTH, 1), else_=0))
    query = sa.select(e.name, sa.func.max(e.at, type_=e.at.type), lately).where(e.at <= now).group_by(e.name)
    return {name: Seen(now - last, int(count)) for name, last, count in conn.execute(query)}


def _points(conn: sa.Connection, now: datetime) -> dict[tuple[str, str], Point]:
    closed = sa.func.sum(sa.case((c.status == "closed", 1), else_=0))
    good = sa.func.sum(sa.case((sa.and_(c.status == "closed", c.reward > 0), 1), else_=0))
    lately = sa.func.sum(sa.case((c.at > now - MONTH, 1), else_=0))
    first = sa.func.min(c.at, type_=c.at.type)
    query = sa.select(c.journey, c.state, lately, first, closed, good).where(c.at > now - OLD, c.at <= now)
    rows = conn.execute(query.group_by(c.journey, c.state))
    return {
        (journey, state): Point(_a_month(count, first, now), good / closed if closed else None)
        for journey, state, count, first, closed, good in rows
    }


def _traffic(conn: sa.Connection, now: datetime) -> dict[str, Traffic]:
    young = n.entered_at > now - MONTH
    lately = sa.func.sum(sa.case((young, 1), else_=0))
    older = sa.func.sum(sa.case((young, 0), else_=1))
    reached = sa.func.sum(sa.case((sa.and_(~young, n.goal_at.is_not(None)), 1), else_=0))
    first = sa.func.min(n.entered_at, type_=n.entered_at.type)
    query = sa.select(n.journey, lately, first, older, reached).group_by(n.journey)
    rows = conn.execute(query.where(n.entered_at > now - OLD, n.entered_at <= now))
    return {
        journey: Traffic(_a_month(count, first, now), reached / older if older else None)
        for journey, count, first, older, reached in rows
    }


def _ways(conn: sa.Connection, now: datetime) -> dict[tuple[str, str, str], float]:
    """Return how often people go from one state to another, of the runs that entered lately."""
    query = (
        sa.select(n.journey, m.source, m.target, sa.func.count(), sa.func.min(n.entered_at, type_=n.entered_at.type))
        .join_from(enrollments, moves, m.enrollment_id == n.id)
        .where(n.entered_at > now - MONTH, n.entered_at <= now)
        .group_by(n.journey, m.source, m.target)
    )
    rows = conn.execute(query)
    return {(journey, old, new): _a_month(count, first, now) for journey, old, new, count, first in rows}


def _waiting(conn: sa.Connection) -> dict[tuple[str, str], int]:
    inside = n.status.in_(("active", "queued"))
    query = sa.select(n.journey, n.state, sa.func.count(n.contact_id.distinct())).where(inside)
    return {(journey, state): count for journey, state, count in conn.execute(query.group_by(n.journey, n.state))}


def _a_month(count: int, first: datetime, now: datetime) -> float:
    """Return `count` things of the last 30 days as a rate, counted up when the first of all is younger."""
    return float(count * (MONTH / max(WEEK, min(MONTH, now - first))))
