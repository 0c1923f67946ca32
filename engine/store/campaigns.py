"""What campaigns leave in the store: runs, audiences, reservations; and who can be reached at all.

Rules
- Who refuses profiling is never chosen, and whoever could not be written to takes nobody's place: the topic is
  asked for, an address that works, and no opt-out. What holds at the moment of sending the gate decides again.
- Everything is read and written in sets; a run and its audience are one transaction.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from engine.store.campaign_tables import audiences, campaign_runs, reservations
from engine.store.sets import one_of, write
from engine.store.tables import addresses, contacts, events
from engine.store.traits import allowed

PIECE = 20_000
_r, _a, _v = campaign_runs.c, audiences.c, reservations.c


def reachable(channel: str, topic: str | None) -> sa.ColumnElement[bool]:
    """Return the condition on contacts; channel "" asks for no address, topic None for no consent."""
    able = [allowed()]
    words = sa.literal(" ") + contacts.c.consents + sa.literal(" ")
    if topic is not None:
        able.append(words.contains(f" {topic} ", autoescape=True))
        able.append(~words.contains(f" {topic}-{channel} ", autoescape=True))
    if channel:
        able.append(~words.contains(f" -{channel} ", autoescape=True))
        a = addresses.alias()
        able.append(
            sa.exists().where(a.c.contact_id == contacts.c.id, a.c.channel == channel, a.c.suppressed.is_(None))
        )
    return sa.and_(*able)


def ids(conn: sa.Connection, asked: sa.Select[Any]) -> list[str]:
    """Return the contact ids that a statement gives first: as one JSON text, since a million rows take a second."""
    found = asked.subquery()
    if conn.dialect.name == "postgresql":
        one: sa.ColumnElement[Any] = sa.cast(sa.func.json_agg(found.c[0]), sa.Text)
    else:
        one = sa.func.json_group_array(found.c[0])
    return list(json.loads(conn.execute(sa.select(one)).scalar() or "[]"))


def begin_run(conn: sa.Connection, run: Mapping[str, Any], rows: Iterable[Mapping[str, Any]]) -> None:
    """Write a run and its audience."""
    conn.execute(campaign_runs.insert().values(run))
    piece: list[Mapping[str, Any]] = []
    for row in rows:
        piece.append(row)
        if len(piece) == PIECE:
            write(conn, _AUDIENCE, piece)
            piece = []
    if piece:
        write(conn, _AUDIENCE, piece)


_AUDIENCE = audiences.insert()
_RESERVE = reservations.insert()


def runs_of(conn: sa.Connection, campaign: str | None = None) -> list[sa.Row[Any]]:
    """Return the runs, newest first; of one campaign or of all."""
    asked = sa.select(campaign_runs).order_by(_r.at.desc(), _r.id.desc())
    return list(conn.execute(asked if campaign is None else asked.where(_r.campaign == campaign)))


def audience_of(conn: sa.Connection, run: str) -> Iterator[Any]:
    """Yield contact, p, group, held and rfm of a run, the likeliest first."""
    asked = sa.select(_a.contact_id, _a.p, _a.group, _a.held, _a.rfm).where(_a.run == run)
    yield from conn.execute(asked.order_by(_a.p.desc(), _a.contact_id).execution_options(yield_per=PIECE))


def entered(conn: sa.Connection, run: str) -> Sequence[str]:
    """Return who is to hear the message of a run."""
    return conn.execute(sa.select(_a.contact_id).where(_a.run == run, _a.held.is_(sa.false()))).scalars().all()


def reserve(conn: sa.Connection, rows: Sequence[Mapping[str, Any]], campaigns: Sequence[str]) -> None:
    """Put these reservations in place of all that these campaigns had."""
    conn.execute(reservations.delete().where(one_of(_v.campaign, campaigns)))
    for start in range(0, len(rows), PIECE):
        write(conn, _RESERVE, rows[start : start + PIECE])


def reserved(conn: sa.Connection, campaign: str, week: str) -> frozenset[str]:
    """Return who has a place in this campaign in this week."""
    asked = sa.select(_v.contact_id).where(_v.campaign == campaign, _v.week == week)
    return frozenset(conn.execute(asked).scalars())


def planned(conn: sa.Connection) -> dict[tuple[str, str], int]:
    """Return how many places the plan gave away, by campaign and week."""
    asked = sa.select(_v.campaign, _v.week, sa.func.count()).group_by(_v.campaign, _v.week)
    return {(row[0], row[1]): int(row[2]) for row in conn.execute(asked)}


def happenings(
    conn: sa.Connection, run: str, names: Sequence[str], when: tuple[datetime, datetime]
) -> Iterator[tuple[str, str, datetime, Mapping[str, Any]]]:
    """Yield contact, name, time and body of these events of a run's audience, oldest first."""
    members = sa.select(_a.contact_id).where(_a.run == run)
    asked = (
        sa.select(events.c.contact_id, events.c.name, events.c.at, events.c.data)
        .where(one_of(events.c.name, names), events.c.at >= when[0], events.c.at < when[1])
        .where(events.c.contact_id.in_(members))
        .order_by(events.c.at)
    )
    for row in conn.execute(asked.execution_options(yield_per=PIECE)):
        yield row[0], row[1], row[2], row[3]
