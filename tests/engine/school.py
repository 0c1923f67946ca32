"""A decision point that really learns: people come, messages go out, some of them pay hours later."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

import sqlalchemy as sa
from lawbook import START, Case, world

from engine.simulate import Virtual
from engine.store.connect import reading, writing
from engine.store.intake import NewEvent
from engine.store.tables import decisions

POINT = "trip0.pick"
HOUR = timedelta(hours=1)
TRIP = """\
journey: trip0
topic: promo
enter: {event: started}
reenter: always
states:
  pick:
    choose:
      arms: [email/hello, push/nudge, nothing]
      reward: {within: 2d, score: {paid: 1, clicked: 0.2}}
      context: [contact.tier, entry.value]
      explore: {policy: POLICY, warmup: 20}
      MORE
"""


@dataclass
class School:
    """A world, what is still to come in it, and chance."""

    made: Virtual
    people: int
    chance: Random = field(default_factory=lambda: Random(5))
    coming: list[tuple[datetime, str, NewEvent]] = field(default_factory=list)
    known: set[str] = field(default_factory=set)
    count: int = 0

    @property
    def store(self) -> sa.Engine:
        return self.made.engine.store

    def live(self, hours: int, each: int = 3) -> None:
        """Let `each` people come every hour; who gets a push pays in 40 % of all cases, in the next two days."""
        for _ in range(hours):
            now = self.made.clock.now()
            for _ in range(each):
                who, self.count = f"p{self.chance.randrange(self.people)}", self.count + 1
                value = round(self.chance.uniform(1, 99), 1)
                self.put(NewEvent(f"s{self.count}", who, "started", now, {"value": value}))
            self.made.feed(self.due(now))
            self.made.act()
            self.answer()
            self.made.clock.jump(now + HOUR)

    def put(self, event: NewEvent) -> None:
        assert event.at is not None
        heapq.heappush(self.coming, (event.at, event.id, event))

    def due(self, now: datetime) -> list[NewEvent]:
        found = []
        while self.coming and self.coming[0][0] <= now:
            found.append(heapq.heappop(self.coming)[2])
        return found

    def answer(self) -> None:
        """Let those who were written to since the last time react."""
        for row in self.rows():
            if row.key in self.known or row.status == "pending":
                continue
            self.known.add(row.key)
            rate = 0.4 if row.arm.startswith("push") else 0.1
            if self.chance.random() < rate:
                at = row.starts_at + timedelta(hours=self.chance.expovariate(1 / 8))
                self.put(NewEvent(f"paid:{row.key}", row.contact_id, "paid", at, {"total": 1}))

    def rows(self) -> list[sa.Row]:
        with reading(self.store) as conn:
            return list(conn.execute(sa.select(decisions).order_by(decisions.c.at, decisions.c.key)))

    def serve(self) -> None:
        """Let the learner have nights, as in production."""
        self.made.engine.teacher.alone = False


def school(folder: Path, policy: str = "vw", people: int = 40, more: str = "learn: true") -> School:
    trip = TRIP.replace("POLICY", policy).replace("MORE", more)
    return School(
        world(Case({"CAP_ALL": "99/day", "WHEN": "skip", "QUIET": "07:30"}, (trip,), (), people, ()), folder), people
    )


__all__ = ["HOUR", "POINT", "START", "School", "school", "writing"]
