"""What is not as it should be in a store: rows that nobody will look at again, and rows that point at nothing.

Rules
- Each question is one statement that counts; the first few ids are asked for only where something was found.
- What is safe to repair is repaired by the same condition that found it: nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from engine.store.alarms import ring
from engine.store.auditing import note
from engine.store.sets import one_of
from engine.store.stepping import QUEUED
from engine.store.tables import alarms, contacts, decisions, deliveries, enrollments, events, pauses

LATE = timedelta(minutes=10)
"""How long after it was due something may still wait before nobody seems to look."""
FEW = 5

d, n, e, a, c, p = deliveries.c, enrollments.c, events.c, alarms.c, decisions.c, pauses.c


@dataclass(frozen=True, slots=True)
class Question:
    """`ids` selects what is wrong; `mend` puts it right and returns how many; None: a person has to decide."""

    name: str
    ids: Callable[[datetime], sa.Select[Any]]
    mend: Callable[[sa.Connection, Sequence[str], datetime], int] | None = None


@dataclass(frozen=True, slots=True)
class Answered:
    """How many there are, and some of them."""

    name: str
    count: int
    some: tuple[str, ...]


def _awake(now: datetime) -> sa.Select[Any]:
    """Runs that are due by their own account, of people whose alarm does not ring; a pause holds runs on purpose."""
    rings = sa.exists().where(a.contact_id == n.contact_id, a.due_at <= now)
    place = (p.journey == n.journey) & p.state.in_(("", n.state))
    paused = sa.exists().where((p.journey == "") | place)
    due = (n.status == "active") & (n.due_at <= now - LATE)
    return sa.select(n.contact_id).distinct().where(due, ~rings, ~paused)


def _unseen(now: datetime) -> sa.Select[Any]:
    """Events that no walk has seen, of people whose alarm does not ring."""
    rings = sa.exists().where(a.contact_id == e.contact_id, a.due_at <= now)
    parked = sa.exists().where(n.contact_id == e.contact_id, n.status == "parked")
    return sa.select(e.contact_id).distinct().where(e.fresh, e.received_at <= now - LATE, ~rings, ~parked)


def _overdue(now: datetime) -> sa.Select[Any]:
    return sa.select(a.contact_id).where(a.due_at <= now - LATE)


def _unsent(now: datetime) -> sa.Select[Any]:
    return sa.select(d.key).where(d.status.in_(("queued", "deferred")), d.next_at <= now - LATE)


def _abandoned(now: datetime) -> sa.Select[Any]:
    return sa.select(d.key).where(d.status.in_(("claimed", "sending")), d.lease_until <= now - LATE)


def _parked(_: datetime) -> sa.Select[Any]:
    return sa.select(n.contact_id).distinct().where(n.status == "parked")


def _doubted(_: datetime) -> sa.Select[Any]:
    return sa.select(d.key).where(d.status == "unknown")


def _broken(now: datetime) -> sa.Select[Any]:
    """Messages of the last 30 days that could not be rendered: a template's fault."""
    return sa.select(d.key).where(d.status == "failed", d.kind == "render", d.ended_at >= now - timedelta(days=30))


def _ownerless(_: datetime) -> sa.Select[Any]:
    """Alarms of people who are not there (an erasure takes them along)."""
    return sa.select(a.contact_id).where(~sa.exists().where(contacts.c.id == a.contact_id))


def _undelivered(_: datetime) -> sa.Select[Any]:
    """Decisions that wait for a message which was never queued or has ended without them."""
    on_its_way = sa.exists().where(d.key == c.key)
    return sa.select(c.key).where(c.status == "pending", ~on_its_way)


def _ring(conn: sa.Connection, ids: Sequence[str], now: datetime) -> int:
    ring(conn, ids, now)
    return len(ids)


def _forget(conn: sa.Connection, ids: Sequence[str], _: datetime) -> int:
    return conn.execute(alarms.delete().where(one_of(a.contact_id, ids))).rowcount


def _void(conn: sa.Connection, ids: Sequence[str], _: datetime) -> int:
    gone = sa.update(decisions).where(one_of(c.key, ids), c.status == "pending")
    return conn.execute(gone.values(status="void", touched=True)).rowcount


QUESTIONS = (
    Question("asleep", _awake, _ring),
    Question("unseen events", _unseen, _ring),
    Question("overdue", _overdue),
    Question("unsent", _unsent),
    Question("abandoned", _abandoned),
    Question("unknown", _doubted),
    Question("parked", _parked),
    Question("unrendered", _broken),
    Question("ownerless alarms", _ownerless, _forget),
    Question("decisions without a message", _undelivered, _void),
)


def examine(conn: sa.Connection, now: datetime) -> list[Answered]:
    """Return what was found, question by question, those with nothing included."""
    found = []
    for question in QUESTIONS:  # a fixed number, each one statement
        ids = question.ids(now).subquery()
        count = conn.execute(sa.select(sa.func.count()).select_from(ids)).scalar_one()
        some = conn.execute(question.ids(now).limit(FEW)).scalars().all() if count else ()
        found.append(Answered(question.name, count, tuple(some)))
    return found


def mend(conn: sa.Connection, now: datetime) -> dict[str, int]:
    """Put right what can be put right without a person; return how many by question."""
    done = {}
    for question in QUESTIONS:
        if question.mend is not None and (ids := conn.execute(question.ids(now)).scalars().all()):
            done[question.name] = question.mend(conn, ids, now)
    if done:
        note(conn, "mended", done, now)
    return done


def unpark(conn: sa.Connection, now: datetime, contact_id: str | None = None) -> int:
    """Let parked runs go on, of one contact or of everybody; return how many people.

    What failed is tried again at the next tick: their events have stayed fresh.
    """
    mine = n.status == "parked"
    if contact_id is not None:
        mine &= n.contact_id == contact_id
    people = sorted(conn.execute(sa.select(n.contact_id).distinct().where(mine)).scalars())
    ring(conn, people, now)  # alarms first, as ticks do
    back = sa.case((n.reason.startswith(QUEUED, autoescape=True), "queued"), else_="active")
    conn.execute(sa.update(enrollments).where(mine, one_of(n.contact_id, people)).values(status=back, reason=None))
    if people:
        note(conn, "unparked", {"people": len(people)}, now)
    return len(people)
