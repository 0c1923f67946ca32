"""Whose turn a chore is: one row each, taken by a lease, so that many processes do it once.

Rules
- A turn is taken in a transaction of its own and given back in another; between them nothing is held in the database.
- The lease is short and renewed while the work goes on: whoever dies is followed within a minute.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

from engine.store.cluster_tables import chores
from engine.store.leases import judged, lease_clock
from engine.store.sets import insert_missing

LEASE = timedelta(seconds=60)

c = chores.c
_SPAN = LEASE // timedelta(microseconds=1)
_clock = lease_clock("judge")
_until = sa.type_coerce(sa.type_coerce(_clock, sa.BigInteger) + _SPAN, c.lease_until.type)
_mine = (c.name == sa.bindparam("chore")) & (c.owner == sa.bindparam("mine"))
_free = c.lease_until.is_(None) | (c.lease_until <= _clock)
_DUE = sa.select(c.due_at).where(c.name == sa.bindparam("chore"))
_TURN = (
    sa.select(c.name)
    .where(c.name == sa.bindparam("chore"), c.due_at <= sa.bindparam("now", type_=c.due_at.type), _free)
    .with_for_update(skip_locked=True)
)
_TAKE = sa.update(chores).where(c.name == sa.bindparam("chore"))
_TAKE = _TAKE.values(owner=sa.bindparam("mine"), lease_until=_until)
_RENEW = sa.update(chores).where(_mine).values(lease_until=_until)


def due_at(conn: sa.Connection, name: str) -> datetime | None:
    """Return when the chore is due, None when the store does not know it yet."""
    return conn.execute(_DUE, {"chore": name}).scalar()


def enter(conn: sa.Connection, name: str, first: datetime) -> None:
    """Make the chore known, due at `first`; one that is known stays as it is."""
    insert_missing(conn, chores, [{"name": name, "due_at": first}])


def take(conn: sa.Connection, name: str, owner: str, now: datetime) -> bool:
    """Take the chore's turn when it is due and nobody has it; return whether it is ours."""
    asked = {"chore": name, "now": now, "judge": judged(conn, now)}
    if conn.execute(_TURN, asked).first() is None:
        return False
    conn.execute(_TAKE, {"chore": name, "mine": owner, "judge": judged(conn, now)})
    return True


def renew(conn: sa.Connection, name: str, owner: str, now: datetime) -> bool:
    """Keep the turn for another while; return whether it is still ours."""
    asked = {"chore": name, "mine": owner, "judge": judged(conn, now)}
    return conn.execute(_RENEW, asked).rowcount == 1


def give_back(conn: sa.Connection, name: str, owner: str, turn: tuple[datetime, datetime, str | None]) -> bool:
    """End the turn; `turn` is (next due, now, what it failed with). Return whether it was still ours."""
    next_at, now, failed = turn
    ended = {"due_at": next_at, "owner": None, "lease_until": None, "failed": failed}
    ended |= {} if failed else {"done_at": now}
    return conn.execute(sa.update(chores).where(c.name == name, c.owner == owner).values(ended)).rowcount == 1
