"""Arms taken out for everyone, and the counts that take them out.

Rules
- A message is sent when it was handed over; a hard bounce counts as sent. An answer counts for the decision whose
  key it carries, once, whenever it comes.
- Harm is rare and has an index of its own; how often an arm was sent is counted only where harm was found.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from engine.store import auditing
from engine.store.sets import given, upsert
from engine.store.tables import HARM, decisions, events, stops

c = decisions.c
e = events.c
o = stops.c

Arm = tuple[str, str]  # "journey.state", arm id


@dataclass(frozen=True, slots=True)
class Stop:
    """One arm's standing. `stopped_at` None: it may be sent; `counts_from`: what happened before is forgiven."""

    point: str
    arm: str
    stopped_at: datetime | None
    counts_from: datetime | None
    why: str


def stopped(conn: sa.Connection) -> frozenset[Arm]:
    """Return the arms that are out."""
    return frozenset((row.point, row.arm) for row in conn.execute(_STOPPED))


_STOPPED = sa.select(o.point, o.arm).where(o.stopped_at.is_not(None))


def standing(conn: sa.Connection) -> dict[Arm, Stop]:
    """Return every arm that was ever stopped or allowed again."""
    return {(row.point, row.arm): Stop(*row) for row in conn.execute(sa.select(stops).order_by(o.point, o.arm))}


def harm(conn: sa.Connection) -> dict[Arm, dict[str, int]]:
    """Return how many messages of each arm were answered with a no, by its name; each counts once per message."""
    key = e.data["key"].as_string()
    query = (
        sa.select(c.journey, c.state, c.arm, e.name, sa.func.count(sa.distinct(c.key)).label("n"))
        .join_from(events, decisions, c.key == key)
        .join(stops, _same_arm(), isouter=True)
        .where(HARM, c.group.in_(("learner", "baseline", "random")))
        .where(sa.or_(o.counts_from.is_(None), c.at > o.counts_from), c.status != "pending")
        .group_by(c.journey, c.state, c.arm, e.name)
    )
    found: dict[Arm, dict[str, int]] = {}
    for row in conn.execute(query):
        found.setdefault((f"{row.journey}.{row.state}", row.arm), {})[row.name] = row.n
    return found


def sends(conn: sa.Connection, arms: Sequence[Arm]) -> dict[Arm, int]:
    """Return how often these arms were handed over; a decision whose message failed is void and not among them."""
    if not arms:
        return {}
    asked = given(conn, ("journey", "state", "arm"), [[*point.split(".", 1), arm] for point, arm in arms])
    query = (
        sa.select(c.journey, c.state, c.arm, sa.func.count().label("n"))
        .join_from(
            asked,
            decisions,
            sa.and_(c.journey == asked.c.journey, c.state == asked.c.state, c.arm == asked.c.arm),
        )
        .join(stops, _same_arm(), isouter=True)
        .where(c.status.in_(("open", "closed")), c.group.in_(("learner", "baseline", "random")))
        .where(sa.or_(o.counts_from.is_(None), c.at > o.counts_from))
        .group_by(c.journey, c.state, c.arm)
    )
    return {(f"{row.journey}.{row.state}", row.arm): row.n for row in conn.execute(query)}


def _same_arm() -> sa.ColumnElement[bool]:
    return sa.and_(o.point == c.journey + "." + c.state, o.arm == c.arm)


def stop(conn: sa.Connection, arms: Mapping[Arm, str], now: datetime) -> None:
    """Take arms out for everyone, and write down why."""
    for arm, why in arms.items():  # few: an arm is stopped once
        _set(conn, arm, {"stopped_at": now, "why": why})
        note(conn, "stop_arm", {"point": arm[0], "arm": arm[1], "why": why}, now)


def allow(conn: sa.Connection, arm: Arm, now: datetime, why: str) -> None:
    """Let an arm be sent again; its counts begin anew."""
    _set(conn, arm, {"stopped_at": None, "counts_from": now, "why": why})
    note(conn, "allow_arm", {"point": arm[0], "arm": arm[1], "why": why}, now)


def _set(conn: sa.Connection, arm: Arm, values: dict[str, Any]) -> None:
    row = {"point": arm[0], "arm": arm[1], **values}
    statement = upsert(conn.dialect.name, stops).values(row)
    conn.execute(statement.on_conflict_do_update(index_elements=["point", "arm"], set_=values))


def note(conn: sa.Connection, what: str, detail: dict[str, Any], now: datetime) -> None:
    """Write a row of the audit."""
    auditing.note(conn, what, detail, now)
