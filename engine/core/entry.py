"""Who starts a run: an event that a journey enters on, its condition, re-entry, and the group for the whole run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from engine.core.chance import draw, name
from engine.core.look import Look, effective
from engine.core.model import Enrollment, Event, Group, Move, Step
from engine.core.move import Leaving, awake, leave
from journeys import Journey
from journeys.frozen import altered

PARALLEL = 5
"""Most runs of one journey that a contact may be in at once (`while_active: parallel`)."""


def enter(journey: Journey, event: Event, look: Look) -> tuple[Step, ...]:
    """Return the steps that `event` leads to at the door of `journey`: a new run, and the end of one it restarts.

    `look` is the door: an enrollment that is not in any state yet (see `at_the_door`).
    """
    if barred(journey, event, look) is not None:
        return ()
    ended = tuple(_restarted(look.at(enrollment)) for enrollment in _inside(journey, look) if _restarts(journey))
    return (*ended, _started(look, event))


@dataclass(frozen=True, slots=True)
class Barred:
    """Why an event starts no run: the clause that says so, and from when on the next event could (None: never)."""

    rule: Literal["event", "stale", "condition", "while_active", "reenter"]
    until: datetime | None = None


def barred(journey: Journey, event: Event, look: Look) -> Barred | None:
    """Return what keeps `event` from starting a run of `journey`, None when it starts one."""
    if event.name not in journey.enter.events:
        return Barred("event")
    if not event.starts:
        return Barred("stale")
    guard = journey.enter.guard
    if guard is not None and not guard.holds(look.scope(event.data)):
        return Barred("condition")
    active = _inside(journey, look)
    if not _free(journey, active):
        return Barred("while_active")
    return _again(journey, event, look, len(active))


def _inside(journey: Journey, look: Look) -> list[Enrollment]:
    return [e for e in look.snapshot.enrollments if e.journey == journey.name and e.status != "left"]


def at_the_door(journey: Journey, event: Event, contact_id: str, group: Group) -> Enrollment:
    """Return the run that `event` would start; its id names contact, journey and event, so it starts once."""
    return Enrollment(
        id=name(contact_id, journey.name, event.id),
        contact_id=contact_id,
        journey=journey.name,
        version=journey.version,
        state=journey.start,
        entered_at=event.at,
        state_at=event.at,
        due_at=None,
        trigger=event.id,
        group=group,
        entry=event.data,
    )


def group_of(journey: Journey, contact_id: str, seed: str, holdout: float) -> Group:
    """Return the sticky group; the person's own hash decides, so growing a share keeps its members."""
    if journey.transactional:
        return "learner"
    if draw(seed, "global holdout", contact_id) < holdout:
        return "global"
    return "holdout" if draw(seed, "holdout", contact_id, journey.name) < journey.holdout else "learner"


def _restarts(journey: Journey) -> bool:
    return journey.reenter.while_active == "restart"


def _free(journey: Journey, active: list[Enrollment]) -> bool:
    if not active or _restarts(journey):
        return True
    return journey.reenter.while_active == "parallel" and len(active) < PARALLEL


def _again(journey: Journey, event: Event, look: Look, active: int) -> Barred | None:
    """Return what `reenter` says against one more run; `after` counts from the end of the last one, if none is on."""
    runs, last = look.snapshot.ended.get(journey.name, (0, event.at))
    rule = journey.reenter
    if rule.limit is not None and runs + active >= rule.limit:
        return Barred("reenter")
    if active > 0 or not runs:
        return None
    if rule.after is None:
        return Barred("reenter")
    return None if event.at >= last + rule.after else Barred("reenter", last + rule.after)


def _restarted(look: Look) -> Step:
    left, move = leave(look, Leaving("exit", look.moment.now, "restarted", reason="restarted"))
    return Step(left, (move,))


def _started(look: Look, event: Event) -> Step:
    journey, at = look.journey, effective(event.at, look.moment.now)
    queued = bool(journey.enter.limit)
    first = altered(
        look.enrollment,
        state_at=at,
        due_at=None if queued else at,
        steps=1,
        visits={journey.start: 1} if journey.start in journey.cyclic else {},
        cause=event.id,
        status="queued" if queued else "active",
    )
    first = first if queued else awake(look, first)
    return Step(first, (Move("enter", journey.start, f"on {event.name}", first.state_at, 1),), started=True)
