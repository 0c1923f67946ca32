"""Going from one state to the next: when the new state acts, and how a run ends."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

from engine.core.best import hours_of
from engine.core.calendar import MIDNIGHT, days_later, instant, next_open
from engine.core.look import Look, effective
from engine.core.model import Enrollment, Move
from journeys import EXIT, Expression, State
from journeys.frozen import altered


@dataclass(frozen=True, slots=True)
class Leaving:
    """A transition: where to, the instant it became true, why, and the event that caused it ("" = none)."""

    target: str
    at: datetime
    why: str
    cause: str = ""
    reason: str = "completed"  # of a run that ends here


def go(look: Look, way: Leaving) -> tuple[Enrollment, Move]:
    """Return the enrollment in its next state (or out of the journey), and the move to record."""
    at = effective(way.at, look.moment.now)
    old = look.enrollment
    if way.target == EXIT:
        return leave(look, way)
    visits = _visits(look, way.target)
    if visits.get(way.target, 0) > look.journey.states[way.target].max_visits:
        return leave(look, replace(way, target=EXIT, reason="loop_limit", why=f"{way.why}; {way.target} too often"))
    moved = altered(
        old,
        state=way.target,
        state_at=at,
        due_at=at,
        steps=old.steps + 1,
        visits=visits,
        phase="ready",
        held_since=None,
        cause=way.cause or (old.cause if at == old.state_at else ""),
        drawn="",
    )
    return awake(look, moved), Move(old.state, way.target, way.why, at, moved.steps)


def leave(look: Look, way: Leaving) -> tuple[Enrollment, Move]:
    """End the run."""
    old = look.enrollment
    at = effective(way.at, look.moment.now)
    left = altered(
        old, status="left", reason=way.reason, left_at=at, due_at=None, phase="ready", steps=old.steps + 1, drawn=""
    )
    return left, Move(old.state, EXIT, way.why, at, left.steps)


def _visits(look: Look, target: str) -> dict[str, int]:
    visits = dict(look.enrollment.visits)
    if target in look.journey.cyclic:
        visits[target] = visits.get(target, 0) + 1
    return visits


def awake(look: Look, entered: Enrollment) -> Enrollment:
    """Return the enrollment with the instant at which the state that it has just entered acts."""
    due = wake(look.at(entered))
    return entered if due == entered.due_at else altered(entered, due_at=due)


def wake(look: Look) -> datetime:
    """Return the instant at which the state that was just entered acts."""
    state, entered = look.state, look.enrollment.state_at
    ready = _ready(state, look)
    if ready is None:
        return entered  # `until` has no value: acts at once, by `else`
    window = hours_of(look)
    return ready if window is None else next_open(window, ready, look.zone, look.chance("window"))


def _ready(state: State, look: Look) -> datetime | None:
    entered = look.enrollment.state_at
    if state.until is not None:
        moment = moment_of(state.until, look)
        return None if moment is None else max(moment, entered)
    if state.calendar_days is not None:
        return max(days_later(entered, state.calendar_days, look.zone), entered)
    return entered + _span(state, look)


def _span(state: State, look: Look) -> timedelta:
    if not isinstance(state.after, Expression):
        return state.after
    value = state.after.value(look.scope())
    return value if isinstance(value, timedelta) and value > timedelta(0) else timedelta(0)


def moment_of(until: Expression, look: Look) -> datetime | None:
    """Return the instant that a date expression says: local midnight of a date, the instant of a date-time."""
    value = until.value(look.scope())
    if isinstance(value, datetime):
        return value.astimezone(UTC) if value.tzinfo else instant(value.date(), value.time(), look.zone)
    return instant(value, MIDNIGHT, look.zone) if isinstance(value, date) else None
