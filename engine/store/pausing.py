"""Pauses: where no clock runs and nothing leaves, and what has come due when one ends.

Rules
- A pause is a row. Nobody's place or time is changed by it: a contact is looked at once more when its alarm rings, and
  then not again until the pause ends, so a pause costs what is due, once.
- What waits in the outbox is held by its `next_at` (HELD); a message that a worker has claimed and not begun goes back.
- A pause of the whole, of a journey and of a state hold beside each other: only what none of them holds goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from engine.store import placing
from engine.store.receipts import void
from engine.store.sets import one_of, upsert
from engine.store.tables import HELD, alarms, deliveries, enrollments, pauses

e = enrollments.c
d = deliveries.c
p = pauses.c

ACTIVE = e.status == "active"
UNSENT = d.status.in_(("queued", "deferred"))


@dataclass(frozen=True, slots=True)
class Place:
    """What is paused: a state of a journey, a journey (state ""), or everything (journey "")."""

    journey: str = ""
    state: str = ""

    def __str__(self) -> str:
        return f"{self.journey}.{self.state}" if self.state else self.journey or "everything"

    def holds(self, journey: sa.ColumnElement[Any], state: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
        """Return the condition that a row of that journey and state lies in this place."""
        if not self.journey:
            return sa.true()
        return (journey == self.journey) & (state == self.state) if self.state else journey == self.journey


@dataclass(frozen=True, slots=True)
class Pause:
    place: Place
    at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Sender:
    """A journey as a resume looks at it: its states that send or choose, and when a message of it is too late."""

    journey: str
    states: frozenset[str]
    skip_after: timedelta


@dataclass(frozen=True, slots=True)
class Due:
    """What came due while it was paused: messages that will be looked at, those of them that are too late by now
    (`late.skip_after`), and runs in states that send nothing.
    """

    messages: int = 0
    late: int = 0
    others: int = 0


def pauses_there(conn: sa.Connection) -> list[Pause]:
    """Return all pauses, oldest first."""
    query = sa.select(p.journey, p.state, p.at, p.reason).order_by(p.at, p.journey, p.state)
    return [Pause(Place(journey, state), at, reason) for journey, state, at, reason in conn.execute(query)]


def pause(conn: sa.Connection, place: Place, reason: str, now: datetime) -> tuple[int, int]:
    """Stop this place; return how many runs wait in it and how many messages are held. Ticks must not be under way."""
    row = {"journey": place.journey, "state": place.state, "at": now, "reason": reason}
    insert = upsert(conn.dialect.name, pauses).values(row)
    conn.execute(insert.on_conflict_do_update(index_elements=["journey", "state"], set_={"reason": reason}))
    back = {"status": sa.case((d.status == "claimed", "queued"), else_=d.status), "owner": None, "lease_until": None}
    waiting = place.holds(d.journey, d.state) & (UNSENT | (d.status == "claimed"))
    conn.execute(sa.update(deliveries).where(waiting).values(**back, next_at=HELD))
    return runs(conn, place), held(conn, place)


def runs(conn: sa.Connection, place: Place) -> int:
    """Return how many runs stand in this place."""
    here = place.holds(e.journey, e.state) & e.status.in_(("active", "queued"))
    return int(conn.execute(sa.select(sa.func.count()).where(here)).scalar_one())


def held(conn: sa.Connection, place: Place) -> int:
    """Return how many messages of this place are held."""
    here = place.holds(d.journey, d.state) & (d.next_at == HELD)
    return int(conn.execute(sa.select(sa.func.count()).where(here)).scalar_one())


def find(conn: sa.Connection, place: Place) -> Pause | None:
    """Return the pause of exactly this place."""
    return next((one for one in pauses_there(conn) if one.place == place), None)


def due(conn: sa.Connection, place: Place, senders: Sequence[Sender], now: datetime) -> Due:
    """Return what would go on if this pause ended now."""
    known = {sender.journey: sender for sender in senders}
    ripe = _freed(conn, place, e) & ACTIVE & (e.due_at <= now) & (e.phase != "waiting")
    messages = late = others = 0
    for journey, state, at in conn.execute(sa.select(e.journey, e.state, e.due_at).where(ripe)):
        sender = known.get(journey)
        speaks = sender is not None and state in sender.states
        messages += speaks
        others += not speaks
        late += sender is not None and speaks and now - at > sender.skip_after
    kept = sa.select(d.journey, d.due_at).where(_freed(conn, place, d), d.next_at == HELD)
    for journey, at in conn.execute(kept):
        messages += 1
        late += journey in known and now - at > known[journey].skip_after
    return Due(messages, late, others)


def resume(conn: sa.Connection, place: Place, senders: Sequence[Sender], now: datetime, *, send: bool) -> None:
    """End a pause: what is too late by now is skipped, or sent all the same; everybody is looked at in their time."""
    runs_here, kept_here = _freed(conn, place, e), _freed(conn, place, d)
    conn.execute(pauses.delete().where(p.journey == place.journey, p.state == place.state))
    for sender in senders:
        before = now - sender.skip_after
        if send:
            speaks = (e.journey == sender.journey) & e.state.in_(sorted(sender.states))
            placing.place(conn, runs_here & speaks & ACTIVE & (e.due_at < before), {"due_at": now}, now)
            continue
        stale = (d.journey == sender.journey) & kept_here & (d.next_at == HELD) & (d.due_at < before)
        keys = list(conn.execute(sa.select(d.key).where(stale)).scalars())
        ended = {"status": "expired", "next_at": None, "ended_at": now, "detail": "too late after a pause"}
        conn.execute(sa.update(deliveries).where(one_of(d.key, keys)).values(ended))
        void(conn, keys)
    conn.execute(sa.update(deliveries).where(kept_here, d.next_at == HELD).values(next_at=now))
    _ring(conn, runs_here, now)


def _freed(conn: sa.Connection, place: Place, columns: Any) -> sa.ColumnElement[bool]:
    """Return the condition for rows of this place that no other pause holds."""
    others = [one.place for one in pauses_there(conn) if one.place != place]
    still = sa.or_(sa.false(), *(other.holds(columns.journey, columns.state) for other in others))
    return place.holds(columns.journey, columns.state) & ~still


def _ring(conn: sa.Connection, here: sa.ColumnElement[bool], now: datetime) -> None:
    """Set the alarms of everybody here to when they are due, in one statement and in the order of their contacts."""
    first = sa.func.min(sa.func.coalesce(e.due_at, sa.literal(now, e.due_at.type)), type_=e.due_at.type)
    query = sa.select(e.contact_id, first).where(here, ACTIVE).group_by(e.contact_id).order_by(e.contact_id)
    insert = upsert(conn.dialect.name, alarms).from_select(["contact_id", "due_at"], query)
    earlier = sa.case((insert.excluded.due_at < alarms.c.due_at, insert.excluded.due_at), else_=alarms.c.due_at)
    conn.execute(insert.on_conflict_do_update(index_elements=["contact_id"], set_={"due_at": earlier}))
