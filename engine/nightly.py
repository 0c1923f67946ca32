"""Once a night: what came late is put right, and every model is made anew from the log, with fresh bounds.

Rules
- A night is done once, whoever ticks: `points.refit_at` says when it was, and the row of the point is held while the
  new version goes in. What was taught in between is learned before it serves.
- A new version serves only if it passes the gate: its chances are chances, it does not earn clearly less on the log
  of the last two weeks, and no arm's share moves by more than 30 points. Else it is kept as a candidate, with a row in
  the audit, and a person decides.
"""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo
from typing import TYPE_CHECKING

import sqlalchemy as sa

from engine import refitting, timetable
from engine.comparing import contrast
from engine.errors import LearnerError
from engine.learner.features import arms_of
from engine.learner.lessons import SAME
from engine.pupil import Pupil
from engine.serving import NOTHING_KNOWN, Around, Vector, served
from engine.store import learning, policies, stopping
from engine.store import lessons as log
from engine.store.arms import sent_before
from engine.store.connect import reading, writing
from engine.store.lessons import Pass, Told
from engine.store.policies import PointRow, Role
from engine.store.rows import DecisionRow
from engine.store.shadows import Compared
from journeys.span import show_span

if TYPE_CHECKING:
    from engine.teaching import Teacher

LOG = logging.getLogger("sojourn")

WHEN = "daily 03:30"
FEWEST = 200  # decisions that a refit needs: bounds of fewer mean little
MOST_MOVED = 0.30
RECENT = timedelta(days=14)
SAMPLE = 4000  # decisions at which two versions are compared
LATE_OF = timedelta(days=28)
MOST_LATE = 0.05
FEWEST_OUTCOMES = 50  # before a share of them is worth a word


@dataclass(frozen=True, slots=True)
class Gate:
    """Whether a new version may serve; `why` not, for people."""

    passed: bool
    why: str = ""
    moved: float = 0.0


def due(standing: Mapping[str, PointRow], points: Iterable[str], now: datetime, zone: tzinfo) -> list[str]:
    """Return the points whose night has come; one that is new waits for its first (`begin`)."""
    rows = [standing.get(point, PointRow(point)) for point in points]
    return [row.point for row in rows if row.refit_at and timetable.next_at(WHEN, row.refit_at, zone) <= now]


def begin(store: sa.Engine, standing: Mapping[str, PointRow], points: Iterable[str], now: datetime) -> list[str]:
    """Let the nights of new points be counted from now; return them. There is nothing yet to make anew."""
    new = [point for point in points if standing.get(point, PointRow(point)).refit_at is None]
    if new:
        with writing(store) as conn:
            policies.hold(conn, new)
            policies.settle(conn, new, refit_at=now)
    return new


def night(teacher: Teacher, store: sa.Engine, now: datetime, points: Sequence[str]) -> tuple[str, ...]:
    """Put right what came late and make the models of these points anew; return the versions that came of it."""
    correct(teacher, store, now)
    found = [_refit(teacher, store, now, teacher.pupils[at, kind]) for at in points for kind in teacher.kinds(at)]
    with writing(store) as conn:
        policies.hold(conn, points)
        policies.settle(conn, points, refit_at=now)
        teacher.take_up(conn, policies.standing(conn))
    return tuple(version for version in found if version)


def correct(teacher: Teacher, store: sa.Engine, now: datetime) -> None:
    """Write down the rewards that came after the close, and say where many do: for the refit, and for people."""
    with writing(store) as conn:
        policies.hold(conn, teacher.points)
        outcomes = [
            one for one in learning.late(conn, now, now - LATE_OF, teacher.marker.names) if one.learned is not None
        ]
        earned = [(one, replace(teacher.marker.earned(one, now), closed=True)) for one in outcomes]
        changed = [(one, got) for one, got in earned if abs(got.value - (one.learned or 0.0)) > SAME]
        learning.commit(conn, [got for _, got in changed], {got.key: got.value for _, got in changed})
        last = log.highest(conn, {one.decision.point for one, _ in changed})
        log.append(conn, [
            Pass(point, last.get(point, 0) + 1, now, tuple(
                Told(got.key, got.value, "late", teacher.marker.arm(one), one.learned)
                for one, got in changed if one.decision.point == point
            ), {})
            for point in sorted({one.decision.point for one, _ in changed})
        ])  # fmt: skip
        counts = learning.after_the_close(conn, now - LATE_OF, teacher.marker.names)
        heard = Counter(one.decision.point for one in outcomes)
        for point, (good, answered) in counts.items():
            late, every = heard[point] + answered, good + answered
            stopping.note(conn, "late", {"point": point, "late": late, "outcomes": every}, now)
            _warn(teacher, point, late, every)


def _warn(teacher: Teacher, point: str, late: int, outcomes: int) -> None:
    if point in teacher.points and outcomes >= FEWEST_OUTCOMES and late > MOST_LATE * outcomes:
        within = show_span(teacher.points[point].reward.within)
        LOG.warning(
            "%s: %.0f %% of the outcomes (%d of %d) come after the reward window of %s has closed and teach only in "
            "the next refit; a longer `within` would hold them", point, 100 * late / outcomes, late, outcomes, within,
        )  # fmt: skip


def _refit(teacher: Teacher, store: sa.Engine, now: datetime, pupil: Pupil) -> str:
    """Make one model anew, outside of any lock; return the version that it became, "" for none."""
    if pupil.new or not pupil.choose.learn:
        return ""
    with reading(store) as conn:
        last = log.highest(conn, [pupil.point]).get(pupil.point, 0)
        first = int(pupil.base.get("from", 1))
        decisions = refitting.known(conn, pupil.point, first, last)
        sample = learning.recent(conn, pupil.point, now - RECENT, SAMPLE)
        around = Around(sent_before(conn, [row.decision.key for row in sample]), teacher.new_arms(conn, now))
    if len(decisions) < FEWEST:
        return ""
    base = refitting.base_of(pupil.choose, decisions, (first, last), now)
    fresh = Pupil(pupil.point, pupil.kind, pupil.choose)
    try:
        fresh.go_on(refitting.refitted(pupil.kind, pupil.choose, decisions, base), base, pupil)
    except LearnerError as error:
        LOG.warning("%s %s was not made anew: %s", pupil.point, pupil.kind, error)
        return ""
    return _published(teacher, store, now, (pupil, fresh, sample, around))


def _published(
    teacher: Teacher, store: sa.Engine, now: datetime, of: tuple[Pupil, Pupil, Sequence[DecisionRow], Around]
) -> str:
    """Let the new version learn what was taught meanwhile, judge it, and publish it as what it may be."""
    pupil, fresh, sample, around = of
    point = pupil.point
    with writing(store) as conn:
        teacher.take_up(conn, policies.hold(conn, teacher.points))
        fresh.catch_up(conn, log.highest(conn, [point]).get(point, 0))
        teacher.ponder(conn, [fresh], now)
        serves = teacher.incumbent(point) == pupil.kind
        gate = judged(pupil, fresh, sample, around) if serves else _sane(fresh, sample, around)[0]
        number = policies.last_number(conn, [point]).get(point, 0) + 1
        role: Role = "candidate" if not gate.passed else "serves" if serves else "shadow"
        row = fresh.published(number, now, role)
        policies.publish(conn, [row])
        detail = {"point": point, "version": fresh.version, "decisions": row.learned, "why": gate.why}
        stopping.note(conn, "refit" if gate.passed else "candidate", detail, now)
        teacher.take_up(conn, policies.standing(conn))
    if not gate.passed:
        LOG.warning(
            "%s keeps its model: %s; the new one is kept as %s: `sojourn promote %s --version %d` lets it decide",
            point, gate.why, fresh.version, point, number,
        )  # fmt: skip
    return f"{point} {fresh.version}" if gate.passed else ""


def judged(pupil: Pupil, fresh: Pupil, sample: Sequence[DecisionRow], around: Around = NOTHING_KNOWN) -> Gate:
    """Return whether `fresh` may take the place of `pupil`."""
    sane, new = _sane(fresh, sample, around)
    if not sane.passed or not sample:
        return sane
    try:
        old = served(pupil.choose, pupil.decides, [row.decision for row in sample], around)
    except LearnerError:
        return sane  # there is nothing to be like: what served cannot be read
    arm, moved = _moved(old, new, sample)
    if moved > MOST_MOVED:
        return Gate(passed=False, why=f"the share of {arm} would move by {100 * moved:.0f} points", moved=moved)
    rows = [_compared(row, was, now) for row, was, now in zip(sample, old, new, strict=True) if _counts(row)]
    found = contrast(rows, arms_of(pupil.choose))
    if found.worse:
        return Gate(passed=False, why=f"it would earn {-found.difference:.4g} less per decision", moved=moved)
    return Gate(passed=True, moved=moved)


def _sane(fresh: Pupil, sample: Sequence[DecisionRow], around: Around) -> tuple[Gate, Sequence[Vector]]:
    """Return whether what it gives are chances, and what it gives."""
    try:
        vectors: Sequence[Vector] = served(fresh.choose, fresh.decides, [row.decision for row in sample], around)
    except LearnerError as error:
        return Gate(passed=False, why=str(error)), ()
    odd = [
        v for v in set(vectors) if not all(math.isfinite(p) and p > 0.0 for p in v) or abs(math.fsum(v) - 1.0) > 1e-4
    ]
    return Gate(passed=not odd, why="its chances do not add up to 1" if odd else ""), vectors


def _moved(old: Sequence[Vector], new: Sequence[Vector], sample: Sequence[DecisionRow]) -> tuple[str, float]:
    """Return the arm whose mean share moves most, and by how much."""
    change: dict[str, float] = {}
    for row, before, after in zip(sample, old, new, strict=True):
        for arm, was, now in zip(row.decision.arms, before, after, strict=True):
            change[arm] = change.get(arm, 0.0) + (now - was) / len(sample)
    arm = max(change, key=lambda name: abs(change[name]))
    return arm, abs(change[arm])


def _counts(row: DecisionRow) -> bool:
    return row.status == "closed" and row.reward is not None and len(row.decision.arms) > 1


def _compared(row: DecisionRow, old: Vector, new: Vector) -> Compared:
    one = row.decision
    return Compared(
        one.key, row.contact_id, one.at, one.features, one.arms, one.chances, one.arm, old, new,
        float(row.reward or 0.0),
    )  # fmt: skip
