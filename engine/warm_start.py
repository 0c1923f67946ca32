"""`deploy --warm-from 60d`: a decision point that is new to a model learns what its log already knows.

Rules
- Only decisions that were drawn and logged by this point, or by a state that `moved:` says is this one now; held-out
  people never teach, a failed message neither.
- What is taken from the log becomes lessons like any other, told once: a second call finds nothing more to tell.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from engine.store import learning, policies, stopping
from engine.store import lessons as log
from engine.store.connect import writing
from engine.store.lessons import Pass, Told
from engine.store.rows import DecisionRow
from engine.teaching import Teacher
from journeys import Journey


@dataclass(frozen=True, slots=True)
class Warmed:
    """One point: decisions of the log that became lessons now, and the version that has learned them ("" for none)."""

    point: str
    decisions: int
    version: str


def warm(store: sa.Engine, journeys: Mapping[str, Journey], since: datetime, now: datetime) -> list[Warmed]:
    """Teach the models of every decision point what their log says since then; return what came of it."""
    teacher = Teacher(journeys)
    with writing(store) as conn:
        teacher.take_up(conn, policies.hold(conn, teacher.points))
        return [_warm(conn, teacher, point, (since, now)) for point in sorted(teacher.points) if teacher.kinds(point)]


def _warm(conn: sa.Connection, teacher: Teacher, point: str, times: tuple[datetime, datetime]) -> Warmed:
    since, now = times
    last = log.highest(conn, [point]).get(point, 0)
    known = {told.key for one in log.read(conn, point, 0, last) for told in one.told}
    rows = [row for row in learning.earned(conn, _names(teacher, point), since) if row.decision.key not in known]
    told = tuple(_told(teacher, point, row) for row in rows)
    if told:
        log.append(conn, [Pass(point, last + 1, now, told, {})])
        last += 1
    behind = [teacher.pupils[point, kind] for kind in teacher.kinds(point)]
    learned = [pupil for pupil in behind if pupil.through < last]
    for pupil in learned:
        pupil.catch_up(conn, last)
    published = teacher.published(conn, learned, now) if learned else ()
    if learned:
        stopping.note(conn, "warmed", {"point": point, "decisions": len(told), "since": since.isoformat()}, now)
    return Warmed(point, len(told), published[0].rpartition(" ")[2] if published else "")


def _names(teacher: Teacher, point: str) -> list[tuple[str, str]]:
    """Return the states whose log is this point's: itself, and those that were renamed to it."""
    name, _, state = point.partition(".")
    moved = teacher.journeys[name].moved
    return [(name, state), *((name, old) for old, new in moved.items() if new == state)]


def _told(teacher: Teacher, point: str, row: DecisionRow) -> Told:
    arm, reward = teacher.marker.arm_called(point, row.decision.arm), float(row.reward or 0.0)
    return Told(row.decision.key, reward, "closed" if row.status == "closed" else "open", arm, None)
