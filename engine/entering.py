"""Entrances that nobody's event opens: segment checks, schedules, and rooms that let in so many a day.

Rules
- A check happens at an instant of the timetable, once, whoever ticks: the row of `schedules` is claimed with the
  tick's transaction, and what it starts is keyed by that instant.
- After an outage one check is made, not one for every instant that was missed.
- Whoever is found gets the internal event `enter:<journey>`; the core decides the rest like any other entry.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo

import sqlalchemy as sa

from engine import timetable
from engine.needs import looks_of
from engine.store import intake
from engine.store.sets import insert_missing
from engine.store.snapshots import Glimpse, glance
from engine.store.tables import contacts, enrollments, schedules
from journeys import Expression, Journey

PAGE = 5000
"""Contacts looked at together in a check."""


@dataclass(slots=True)
class Entrances:
    """The journeys with a timetable or a limit, and what they need to look."""

    journeys: Mapping[str, Journey]
    segments: Mapping[str, Expression]
    zone: tzinfo
    _ready: bool = False
    _full_until: dict[str, datetime] = field(default_factory=dict)
    _sleeps_until: datetime | None = None  # a timetable only ever moves on, so nobody has to look before

    def open(self, conn: sa.Connection, now: datetime) -> int:
        """Make the checks that are due and let in who waits; return how many were found."""
        found = sum(self._check(conn, name, now) for name in self._due(conn, now))
        for journey in self.journeys.values():
            if journey.enter.limit is not None and now >= self._full_until.get(journey.name, now):
                count, unit = journey.enter.limit
                let_in = intake.admit(conn, journey.name, count, unit, now)
                if let_in.full_until is not None:
                    self._full_until[journey.name] = let_in.full_until
        return found

    def next_at(self, conn: sa.Connection) -> datetime | None:
        """Return the next instant of any timetable."""
        mine = [name for name, journey in self.journeys.items() if journey.enter.check]
        query = sa.select(sa.func.min(schedules.c.next_at)).where(schedules.c.journey.in_(mine))
        return conn.execute(query).scalar() if mine else None

    def _due(self, conn: sa.Connection, now: datetime) -> list[str]:
        timed = {name: journey for name, journey in self.journeys.items() if journey.enter.check}
        if not timed:
            return []
        if not self._ready:
            first = [{"journey": name, "next_at": self._next(journey, now)} for name, journey in timed.items()]
            insert_missing(conn, schedules, first)
            self._ready = True
        if self._sleeps_until is not None and now < self._sleeps_until:
            return []
        query = sa.select(schedules.c.journey).where(schedules.c.next_at <= now, schedules.c.journey.in_(list(timed)))
        due = sorted(conn.execute(query.with_for_update(skip_locked=True)).scalars())
        self._sleeps_until = None if due else self.next_at(conn)
        return due

    def _next(self, journey: Journey, now: datetime) -> datetime:
        return timetable.next_at(journey.enter.check or "", now, self.zone)

    def _check(self, conn: sa.Connection, name: str, now: datetime) -> int:
        journey = self.journeys[name]
        rule = self.segments.get(journey.enter.segment or "")
        found = 0
        for page in self._pages(conn, journey, (now, rule)):
            found += intake.trigger(conn, name, page, now, now.isoformat())
        later = self._next(journey, now)
        conn.execute(sa.update(schedules).where(schedules.c.journey == name).values(next_at=later))
        return found

    def _pages(
        self, conn: sa.Connection, journey: Journey, what: tuple[datetime, Expression | None]
    ) -> Iterator[list[str]]:
        """Yield, page by page, the contacts who may enter and are in the segment."""
        now, rule = what
        needs = looks_of([rule] if rule else [], self.segments)
        after = ""
        while True:
            query = sa.select(contacts.c.id).where(contacts.c.id > after, contacts.c.id.not_in(_inside(journey, now)))
            ids = conn.execute(query.order_by(contacts.c.id).limit(PAGE)).scalars().all()
            if not ids:
                return
            after = ids[-1]
            yield [one.id for one in glance(conn, ids, now, needs) if rule is None or self._member(one, rule, now)]

    def _member(self, one: Glimpse, rule: Expression, now: datetime) -> bool:
        return rule.holds(one.scope(now, self.zone, self.segments))


def _inside(journey: Journey, now: datetime) -> sa.Select[str]:
    """Select who is in the journey, and who may not come back yet, or ever: read once, not once per contact."""
    c = enrollments.c
    mine = c.journey == journey.name
    after = journey.reenter.after
    if after is not None:
        mine &= c.status.in_(("active", "queued", "parked")) | (c.left_at > now - after)
    return sa.select(c.contact_id).where(mine)
