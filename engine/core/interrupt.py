"""What lifts a person out of any state: goal, exit_when, jump_when. What they did beats what the clock says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from engine.core.look import Look
from engine.core.model import Event


@dataclass(frozen=True, slots=True)
class Interrupt:
    """An event (or a condition, then `event` is None) that moves the enrollment whatever its state."""

    kind: Literal["goal", "exit", "jump"]
    at: datetime
    word: str  # the reason, or the jump's target
    event: Event | None = None

    @property
    def order(self) -> tuple[datetime, str]:
        return self.at, self.event.id if self.event else ""


def interrupt(look: Look) -> Interrupt | None:
    """Return the earliest interrupt that the fresh events hold, else an exit condition that is true now."""
    fresh = [event for event in look.fresh if _after_entry(event, look)]
    found = min((i for event in fresh for i in _of(event, look)), key=lambda i: i.order, default=None)
    return found or _condition(look)


def _after_entry(event: Event, look: Look) -> bool:
    return event.at >= look.enrollment.entered_at and event.id != look.enrollment.trigger


def _of(event: Event, look: Look) -> Iterator[Interrupt]:
    if _is_goal(event, look):
        yield Interrupt("goal", event.at, "goal", event)
    for way_out in look.journey.exits:
        if event.name in way_out.events and (way_out.guard is None or way_out.guard.holds(look.scope(event.data))):
            yield Interrupt("exit", event.at, way_out.reason, event)
    if (event.at, event.id) <= (look.enrollment.state_at, look.enrollment.cause):
        return  # it moved this enrollment already, or came late: nobody is taken back
    for jump in look.journey.jumps:
        if event.name in jump.events and (jump.guard is None or jump.guard.holds(look.scope(event.data))):
            yield Interrupt("jump", event.at, jump.then, event)


def _is_goal(event: Event, look: Look) -> bool:
    goal = look.journey.goal
    if goal is None or event.name not in goal.events or look.enrollment.goal_at is not None:
        return False
    in_time = event.at <= look.enrollment.entered_at + goal.within
    return in_time and (goal.guard is None or goal.guard.holds(look.scope(event.data)))


def _condition(look: Look) -> Interrupt | None:
    for way_out in look.journey.exits:
        if not way_out.events and way_out.guard is not None and way_out.guard.holds(look.scope()):
            return Interrupt("exit", look.moment.now, way_out.reason)
    return None
