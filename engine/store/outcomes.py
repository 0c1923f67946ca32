"""What became of the people who entered a journey: by contact, by group, by day.

Rules
- The unit is the contact: its first run in the period. Runs are counted only where a curve over time is drawn.
- A goal event belongs to a run when it happened after the entry and within the goal's time; the event that started
  the run never does.
- Whoever entered less than the goal's time ago is not mature and stands in no rate.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from engine.core.model import Event
from engine.store.rows import run_of
from engine.store.tables import decisions, enrollments, events

n = enrollments.c
c = decisions.c
e = events.c


@dataclass(frozen=True, slots=True)
class Question:
    """One journey, the runs entered in [since, until), and its goal: these events within `within` of the entry."""

    journey: str
    goals: tuple[str, ...]
    within: timedelta
    now: datetime
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """One run and its goal events. `group` is holdout or global, else that of its first decision (learner, baseline,
    random), else learner; `arm` and `state` are of that decision. A goal's guard is the caller's to ask.
    """

    id: str
    contact_id: str
    version: str
    group: str
    entered_at: datetime
    left_at: datetime | None
    status: str
    reason: str | None
    mature: bool  # the goal's time is over
    state: str
    arm: str
    goals: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class GroupNumbers:
    """One group. All counts are contacts: `entered`, of those `mature`, of those `reached` the goal in time."""

    group: str
    entered: int
    mature: int
    reached: int


@dataclass(frozen=True, slots=True)
class DayNumbers:
    """One group on one day after `since` (0 = the first): runs entered, and those of them with a goal event."""

    group: str
    day: int
    runs: int
    reached: int


def runs(conn: sa.Connection, question: Question) -> list[Run]:
    """Return every run of the question, oldest first, in three statements."""
    entered = _entered(question)
    rows = conn.execute(sa.select(enrollments).where(*entered).order_by(n.entered_at, n.id)).all()
    first = _first_decisions(conn, question)
    goals = _goals(conn, question, entered)
    return [_run(row, first.get(row.id), goals.get(row.id, ()), question) for row in rows]


def _entered(question: Question) -> list[sa.ColumnElement[bool]]:
    where = [n.journey == question.journey, n.status != "queued"]
    where += [n.entered_at >= question.since] if question.since else []
    where += [n.entered_at < question.until] if question.until else []
    return where


def _first_decisions(conn: sa.Connection, question: Question) -> dict[str, sa.Row[Any]]:
    where = [c.journey == question.journey] + ([c.at >= question.since] if question.since else [])
    query = sa.select(c.key, c.group, c.state, c.arm).where(*where).order_by(c.at.desc(), c.key.desc())
    found: Iterable[sa.Row[Any]] = conn.execute(query)
    return {run_of(row.key): row for row in found}


def _goals(
    conn: sa.Connection, question: Question, entered: Sequence[sa.ColumnElement[bool]]
) -> dict[str, list[Event]]:
    """Return by run the goal events after its entry and in time."""
    micros = question.within // timedelta(microseconds=1)
    close = sa.type_coerce(n.entered_at, sa.BigInteger) + micros
    query = (
        sa.select(n.id.label("run"), e.id, e.name, e.at, e.data)
        .join_from(enrollments, events, e.contact_id == n.contact_id)
        .where(*entered, e.name.in_(question.goals), e.at > n.entered_at, e.id != n.trigger)
        .where(sa.type_coerce(e.at, sa.BigInteger) <= close, e.at <= question.now)
        .order_by(e.at, e.id)
    )
    found: defaultdict[str, list[Event]] = defaultdict(list)
    for run, key, name, at, data in conn.execute(query):
        found[run].append(Event(key, name, at, data, fresh=False))
    return found


def before(conn: sa.Connection, question: Question, span: timedelta) -> dict[str, list[Event]]:
    """Return by run the goal events in the `span` before its entry; one statement."""
    opens = sa.type_coerce(n.entered_at, sa.BigInteger) - span // timedelta(microseconds=1)
    query = (
        sa.select(n.id.label("run"), e.id, e.name, e.at, e.data)
        .join_from(enrollments, events, e.contact_id == n.contact_id)
        .where(*_entered(question), e.name.in_(question.goals), e.at <= n.entered_at, e.id != n.trigger)
        .where(sa.type_coerce(e.at, sa.BigInteger) > opens)
        .order_by(e.at, e.id)
    )
    found: defaultdict[str, list[Event]] = defaultdict(list)
    for run, key, name, at, data in conn.execute(query):
        found[run].append(Event(key, name, at, data, fresh=False))
    return found


def _run(row: sa.Row[Any], first: sa.Row[Any] | None, goals: Sequence[Event], question: Question) -> Run:
    group = row.group if row.group != "learner" or first is None else first.group
    mature = row.entered_at + question.within <= question.now
    state, arm = ("", "") if first is None else (first.state, first.arm)
    return Run(
        row.id, row.contact_id, row.version, group, row.entered_at, row.left_at, row.status, row.reason, mature,
        state, arm, tuple(goals),
    )  # fmt: skip


def first_runs(all_runs: Iterable[Run]) -> list[Run]:
    """Return the first run of each contact: the unit of every rate."""
    first: dict[str, Run] = {}
    for run in all_runs:
        first.setdefault(run.contact_id, run)
    return list(first.values())


def by_group(all_runs: Iterable[Run]) -> dict[str, GroupNumbers]:
    """Return contacts by group: each in the group of its first run."""
    tally: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for run in first_runs(all_runs):
        row = tally[run.group]
        row[0] += 1
        row[1] += run.mature
        row[2] += run.mature and bool(run.goals)
    return {group: GroupNumbers(group, *numbers) for group, numbers in sorted(tally.items())}


def by_day(all_runs: Iterable[Run], since: datetime) -> list[DayNumbers]:
    """Return runs by group and day of entry, counted in days of 24 hours from `since`."""
    tally: defaultdict[tuple[str, int], list[int]] = defaultdict(lambda: [0, 0])
    for run in all_runs:
        row = tally[run.group, (run.entered_at - since) // timedelta(days=1)]
        row[0] += 1
        row[1] += bool(run.goals)
    return [DayNumbers(group, day, *numbers) for (group, day), numbers in sorted(tally.items())]
