"""What one difference between two versions means for the people who are inside, counted.

Rules
- language.md 1.8 says what a change does; here it is said of this change and these people.
- A count is of runs that stand somewhere now. "Can still come to it" asks the new version's ways, not chances.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from engine import timetable
from engine.core.chance import draw
from engine.needs import looks_of
from engine.store.deploying import Stand
from engine.store.snapshots import glance
from engine.store.tables import contacts, events
from journeys import Journey, Split
from journeys.difference import Difference
from journeys.graph import leads
from journeys.project import Project

TIMES = ("after", "at", "until", "days")
MUTE = ("title", "note", "owner", "tags")
FUTURE = ("enter", "reenter", "start", "timezone")
MONTH = timedelta(days=30)
SAMPLE = 5000
"""Most contacts that are looked at to say how many a new journey would find."""


@dataclass(frozen=True, slots=True)
class Effect:
    """In words, and in numbers: runs concerned, those of them that would act at once, draws or groups that differ."""

    says: str
    concerned: int = 0
    at_once: int = 0
    differ: int = 0


@dataclass(frozen=True, slots=True)
class Ground:
    """What an effect is read off: both versions (None: the old one cannot be read any more) and who is inside."""

    before: Journey | None
    after: Journey
    runs: Sequence[Stand]
    chance: tuple[str, datetime]  # seed and now
    conn: sa.Connection
    dues: Mapping[str, datetime] = field(default_factory=dict)  # run -> when it would act after --retime

    def standing(self, states: Collection[str]) -> list[Stand]:
        return [run for run in self.runs if run.state in states]

    def waiting(self, states: Collection[str]) -> list[Stand]:
        """Return the runs that have their time still before them in these states."""
        now = self.chance[1]
        here = (run for run in self.standing(states) if run.status == "active" and run.phase == "ready")
        return [run for run in here if run.due_at is not None and run.due_at > now]

    def reaching(self, state: str) -> int:
        """Return how many runs stand where the new version still leads to `state`, or in it."""
        from_there = {name for name in self.after.states if state in _reached(self.after, name)}
        return len(self.standing(from_there))

    @property
    def retimed(self) -> list[Stand]:
        """Return the runs that wait in states whose time differs."""
        if self.before is None:
            return []
        old, new = self.before.states, self.after.states
        differing = {name for name in new if name in old and _time_of(old, name) != _time_of(new, name)}
        return self.waiting(differing)


def _time_of(states: Mapping[str, object], name: str) -> tuple[object, ...]:
    state = states[name]
    return tuple(getattr(state, one) for one in ("after", "calendar_days", "until", "window"))


def _reached(journey: Journey, start: str) -> set[str]:
    found, todo = {start}, [start]
    while todo:
        state = journey.states.get(todo.pop())
        new = (leads(state) if state else set()) - found
        found |= new
        todo += new
    return found


def effect(one: Difference, file: str, ground: Ground) -> Effect:
    """Return what this difference of the journey's file, or of one that it takes in, means for people."""
    if one.path[0] != "states":
        return _of_journey(one, ground)
    if len(one.path) == 1:
        return Effect("people go on in the new order from where they are", len(ground.runs))
    states = _named(one.path[1], file, ground)
    if len(one.path) == 2 and one.mark != "~":
        return _of_state(one, states, ground)
    return _of_clause(one, states, ground)


def _named(name: str, file: str, ground: Ground) -> list[str]:
    """Return the states that a name of this file stands for: a fragment's stands once for each `run`."""
    if not file:
        return [name]
    every = [*ground.after.states.values(), *(ground.before.states.values() if ground.before else ())]
    return sorted({s.name for s in every if s.place.file == file and s.name.rpartition(".")[2] == name})


def _of_state(one: Difference, states: Sequence[str], ground: Ground) -> Effect:
    if one.mark == "-":
        count = len(ground.standing(states))
        return Effect(f"{count:,} inside" if count else "nobody is in it", count)
    count = sum(ground.reaching(state) for state in states)
    return Effect(f"{count:,} inside can still come to it" if count else "nobody inside comes to it any more", count)


def _of_clause(one: Difference, states: Sequence[str], ground: Ground) -> Effect:
    clause = one.path[2] if len(one.path) > 2 else ""
    if clause in TIMES:
        return _of_time(states, ground)
    if clause == "split" and len(states) == 1:
        return _of_split(states[0], ground)
    count = sum(ground.reaching(state) for state in states)
    inside = f"{count:,} inside can still come to it" if count else "nobody inside comes to it"
    if one.path[3:4] == ("arms",) and one.mark == "+":
        return Effect(f"a new arm starts with the shared prior; {inside}", count)
    if one.path[3:4] == ("arms",) and one.mark == "-":
        return Effect(f"drawn no more, its history stays; {inside}", count)
    if one.path[3:4] == ("reward",):
        return Effect("holds for decisions from now on", count)
    return Effect(inside, count)


def _of_time(states: Sequence[str], ground: Ground) -> Effect:
    waiting = ground.waiting(states)
    if not waiting:
        return Effect("nobody waits there")
    now = ground.chance[1]
    at_once = sum(run.id in ground.dues and ground.dues[run.id] <= now for run in waiting)
    return Effect(
        f"{len(waiting):,} waiting keep their time (--retime: {at_once:,} would go now)", len(waiting), at_once
    )


def _of_split(state: str, ground: Ground) -> Effect:
    """Count the draws that would fall otherwise: a draw is made when somebody comes to the split, and is sticky."""
    old = ground.before.states.get(state) if ground.before else None
    new = ground.after.states.get(state)
    if old is None or new is None or not isinstance(old.action, Split) or not isinstance(new.action, Split):
        return Effect("holds from now on")
    point, seed = f"{ground.after.name}.{state}", ground.chance[0]
    from_there = {name for name in ground.after.states if state in _reached(ground.after, name)}
    who = {run.contact_id for run in ground.standing(from_there)}
    chances = [draw(seed, "split", contact, point) for contact in sorted(who)]
    differ = sum(_side(old.action, u) != _side(new.action, u) for u in chances)
    return Effect(f"{differ:,} future draws differ; whoever is past it stays where they went", len(who), differ=differ)


def _side(split: Split, u: float) -> str:
    total = 0.0
    for name, share in split.shares:
        total += share
        if u < total:
            return name
    return split.shares[-1][0]


def _of_journey(one: Difference, ground: Ground) -> Effect:
    first = one.path[0]
    if first == "holdout":
        return _of_holdout(ground)
    if first in FUTURE:
        return Effect("only for who enters from now on")
    if first == "goal":
        return Effect(f"holds from now on, also for the {len(ground.runs):,} inside; a goal reached stays reached")
    if first in MUTE:
        return Effect("changes nothing for anybody")
    return Effect("holds from the next step on", len(ground.runs))


def _of_holdout(ground: Ground) -> Effect:
    """Count the real contacts whose group differs: a share that grows keeps its members, shrinking frees some."""
    old, new = ground.before.holdout if ground.before else 0.0, ground.after.holdout
    low, high = sorted((old, new))
    seed, name = ground.chance[0], ground.after.name
    every = ground.conn.execute(sa.select(contacts.c.id)).scalars()
    differ = sum(low <= draw(seed, "holdout", contact, name) < high for contact in every)
    word = "more are held out, nobody is let go" if new > old else "held-out contacts are let go, nobody is added"
    return Effect(
        f"{differ:,} {word}; the {len(ground.runs):,} inside keep their group", len(ground.runs), differ=differ
    )


def newcomers(conn: sa.Connection, journey: Journey, project: Project, now: datetime) -> str:
    """Return in words whom a new journey would find."""
    enter = journey.enter
    limit = f", limited to {enter.limit[0]:,}/{enter.limit[1]}" if enter.limit else ""
    if enter.kind == "manual":
        return "starts for whom you name: sojourn enter"
    if enter.kind == "event":
        month = sa.func.count(events.c.contact_id.distinct())
        since = now - MONTH
        query = sa.select(month).where(events.c.name.in_(enter.events), events.c.at > since, events.c.at <= now)
        heard = conn.execute(query).scalar_one()
        return f"starts on {', '.join(enter.events)}: {heard:,} contacts did that in the last 30 days{limit}"
    count, about = _qualify(conn, journey, project, now)
    if enter.check is None:
        return f"starts on entering {enter.segment}{limit}; {about}{count:,} contacts are in it and do not start"
    zone = ZoneInfo(project.timezone)
    first = timetable.next_at(enter.check, now, zone).astimezone(zone)
    return f"{about}{count:,} contacts qualify today{limit}; first check {first:%a} {first.day} {first:%b %H:%M}"


def _qualify(conn: sa.Connection, journey: Journey, project: Project, now: datetime) -> tuple[int, str]:
    """Return how many contacts are in the journey's segment, "about " when only a sample was looked at."""
    ids = list(conn.execute(sa.select(contacts.c.id).order_by(contacts.c.id)).scalars())
    rule = project.data.segments.get(journey.enter.segment or "")
    if rule is None:
        return len(ids), ""
    every = max(1, -(-len(ids) // SAMPLE))
    sample = ids[::every]
    zone, segments = ZoneInfo(project.timezone), project.data.segments
    people = glance(conn, sample, now, looks_of([rule], segments))
    found = sum(rule.holds(one.scope(now, zone, segments)) for one in people)
    return round(found * len(ids) / max(1, len(sample))), "about " if every > 1 else ""
