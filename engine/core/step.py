"""What happens next: one look at one enrollment.

Rules (the laws of the step)
1. What the person did beats what the clock says: goal, exits and jumps come first, and no message leaves after them.
2. A late look shifts a journey, it never compresses it (look.effective).
3. A state queues at most one send per visit, under a key made of enrollment and visit.
4. A wait whose condition refused an event goes on waiting; a false `if` takes `else`.
5. A chain of states without a wait is finite (walk asserts it, lint refuses it).
6. A pause stops the clock and nothing else: what the person does still moves them, no state acts.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from engine.core import actions
from engine.core.interrupt import Interrupt, interrupt
from engine.core.look import Look, effective
from engine.core.model import Event, Step, stands_still
from engine.core.move import Leaving, go, moment_of, wake
from journeys import Awaited, Branch, Call, Choose, Emit, Leave, Send, Set, Split, WaitFor
from journeys.frozen import altered

NEVER = datetime.max.replace(tzinfo=UTC)

POLL = timedelta(minutes=15)
"""How often a wait for a segment looks again: only time may have changed the answer."""


def due(look: Look) -> datetime:
    """Return the instant of what happens next to this enrollment; NEVER while nothing can, because it is paused."""
    found = interrupt(look)
    if found is not None:
        return found.at
    enrollment = look.enrollment
    if enrollment.phase == "waiting":
        match = _match(look)
        if match is not None:
            return match[0]
    if look.moment.paused and _stands_still(look):
        return NEVER
    return enrollment.due_at or look.moment.now


def _stands_still(look: Look) -> bool:
    """A paused run may still begin to wait: else what the person does meanwhile would be missed."""
    begins = look.enrollment.phase == "ready" and isinstance(look.state.action, WaitFor)
    return stands_still(look.moment.paused, look.enrollment) and not begins


def step(look: Look) -> Step:
    """Take the next step of an enrollment whose instant has come."""
    found = interrupt(look)
    if found is not None:
        return _interrupted(found, look)
    if look.enrollment.phase == "waiting":
        return _waited(look)
    if look.enrollment.due_at is None:  # just let in: its first state begins to wait
        return Step(altered(look.enrollment, due_at=wake(look)))
    return _act(look)


def _interrupted(found: Interrupt, look: Look) -> Step:
    enrollment = look.enrollment
    why = f"on {found.event.name}" if found.event else found.word
    if found.kind == "goal":
        look = look.at(altered(enrollment, goal_at=found.at))
        goal = look.journey.goal
        if goal is not None and not goal.exit:
            return Step(look.enrollment)
    target = found.word if found.kind == "jump" else "exit"
    cause = found.event.id if found.event else ""
    moved, move = go(look, Leaving(target, found.at, why, cause, reason=found.word))
    return Step(moved, (move,))


def _act(look: Look) -> Step:
    """Do what the state says at its time: `until` without a value and a false `if` take `else`."""
    state = look.state
    at = look.enrollment.due_at or look.moment.now
    if state.until is not None and moment_of(state.until, look) is None:
        return leaving(look, Leaving(state.otherwise, at, "no_date", reason="no_date"))
    if state.guard is not None and not state.guard.holds(look.scope()):
        return leaving(look, Leaving(state.otherwise, at, f"not {state.guard.source}", reason="exit"))
    if state.action is None:
        return leaving(look, Leaving(state.then, at, actions.passed(look)))
    return ACTIONS[type(state.action)](look)


def leaving(look: Look, way: Leaving) -> Step:
    moved, move = go(look, way)
    return Step(moved, (move,))


def _wait(look: Look) -> Step:
    """Begin to wait: `held_since` keeps when, `due_at` becomes the deadline or the next look at a segment."""
    wait = look.state.action
    assert isinstance(wait, WaitFor)  # noqa: S101 - the table says so
    began = effective(look.enrollment.due_at or look.moment.now, look.moment.now)
    waiting = altered(look.enrollment, phase="waiting", held_since=began, due_at=_next_look(wait, began, began))
    return Step(waiting)


def _next_look(wait: WaitFor, began: datetime, now: datetime) -> datetime:
    deadline = began + wait.within
    if all(awaited.segment is None for awaited in wait.first):
        return deadline
    return min(deadline, began + ((now - began) // POLL + 1) * POLL)


def _match(look: Look) -> tuple[datetime, Awaited | None, str] | None:
    """Return (instant, what it was, event id) of the earliest thing that ends this wait, None while it lasts."""
    began = look.enrollment.held_since or look.enrollment.state_at
    action = look.state.action
    if isinstance(action, Call):
        answer = actions.answer(look)
        return None if answer is None else (max(answer.at, began), None, answer.id)
    assert isinstance(action, WaitFor)  # noqa: S101 - nothing else waits
    found = [
        (event.at, event.id, n)
        for n, awaited in enumerate(action.first)
        for event in look.history.get(awaited.event or "", ())
        if _ends(event, awaited, look) and event.at <= began + action.within
    ]
    if found:
        at, cause, n = min(found)
        return max(at, began), action.first[n], cause
    return _member(action, look)


def _ends(event: Event, awaited: Awaited, look: Look) -> bool:
    enrollment = look.enrollment
    return (
        (event.at, event.id) > (enrollment.state_at, enrollment.cause)
        and event.id != enrollment.trigger
        and (awaited.guard is None or awaited.guard.holds(look.scope(event.data)))
    )


def _member(wait: WaitFor, look: Look) -> tuple[datetime, Awaited, str] | None:
    for awaited in wait.first:
        rule = look.moment.segments.get(awaited.segment or "")
        if rule is not None and rule.holds(look.scope()):
            guard = awaited.guard
            if guard is None or guard.holds(look.scope()):
                return look.moment.now, awaited, ""
    return None


def _waited(look: Look) -> Step:
    match = _match(look)
    if match is not None:
        at, awaited, cause = match
        if awaited is None:
            return actions.answered(look, (at, cause))
        what = awaited.event or f"in {awaited.segment}"
        return leaving(look, Leaving(awaited.then, at, f"on {what}", cause))
    return _time_is_up(look)


def _time_is_up(look: Look) -> Step:
    enrollment, state = look.enrollment, look.state
    began = enrollment.held_since or enrollment.state_at
    if isinstance(state.action, WaitFor):
        deadline = began + state.action.within
        if deadline > look.moment.now:
            again = _next_look(state.action, began, look.moment.now)
            return Step(altered(enrollment, due_at=again))
    at = enrollment.due_at or look.moment.now
    return leaving(look, Leaving(state.otherwise, at, "time is up", reason="exit"))


ACTIONS: dict[type, Callable[[Look], Step]] = {
    Send: actions.send,
    Choose: actions.choose,
    WaitFor: _wait,
    Split: actions.split,
    Branch: actions.branch,
    Set: actions.write,
    Emit: actions.emit,
    Call: actions.call,
    Leave: actions.end,
}
