"""When a contact is looked at next: one alarm each, which only ever moves earlier until a walk has answered it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache

import sqlalchemy as sa

from engine.store import wakes
from engine.store.sets import Upsert, any_of, upsert, write
from engine.store.tables import alarms

_HOLD = (
    sa.select(alarms.c.contact_id)
    .where(any_of(alarms.c.contact_id, "ids"))
    .order_by(alarms.c.contact_id)
    .with_for_update()
)
_COUNT = sa.select(sa.func.count()).select_from(
    sa.select(alarms.c.contact_id)
    .where(alarms.c.due_at <= sa.bindparam("now", type_=alarms.c.due_at.type))
    .limit(sa.bindparam("most", type_=sa.Integer))
    .subquery()
)
_NEXT = sa.select(sa.func.min(alarms.c.due_at))


def ring(conn: sa.Connection, contact_ids: Iterable[str], at: datetime) -> None:
    """Set the alarms of these contacts to `at`, unless they ring earlier."""
    dues = [(contact_id, at) for contact_id in set(contact_ids)]
    if dues:
        wakes.rung(conn)
    ring_each(conn, dues)


def ring_each(conn: sa.Connection, dues: Iterable[tuple[str, datetime]]) -> None:
    """Set the alarm of each contact to its own instant, unless it rings earlier."""
    first: dict[str, datetime] = {}
    for contact_id, at in dues:
        first[contact_id] = min(at, first.get(contact_id, at))
    rows = [{"contact_id": contact_id, "due_at": at} for contact_id, at in sorted(first.items())]
    if rows:
        write(conn, _earlier(conn.dialect.name), rows)


@lru_cache
def _earlier(dialect: str) -> Upsert:
    insert = upsert(dialect, alarms)
    sooner = insert.excluded.due_at < alarms.c.due_at  # else nothing is written; PostgreSQL locks the row all the same
    return insert.on_conflict_do_update(
        index_elements=["contact_id"], set_={"due_at": insert.excluded.due_at}, where=sooner
    )


def hold(conn: sa.Connection, contact_ids: Iterable[str]) -> None:
    """Lock the alarms of these contacts, in their order: who is about to change people takes alarms first, as ticks do.

    Else a tick that writes an attribute and an import of the same person would wait for each other for ever. SQLite
    lets one writer in at a time and needs no locks.
    """
    if conn.dialect.name == "postgresql":
        conn.execute(_HOLD, {"ids": sorted(set(contact_ids))}).all()


def due_count(conn: sa.Connection, now: datetime, most: int) -> int:
    """Return how many contacts are due, counted up to `most`."""
    return conn.execute(_COUNT, {"now": now, "most": most}).scalar_one()


def next_alarm(conn: sa.Connection) -> datetime | None:
    """Return when the next alarm rings, None when there is none."""
    return conn.execute(_NEXT).scalar()
