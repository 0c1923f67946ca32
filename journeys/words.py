"""The words and signs for a journey and its states, in the author's own terms."""

from __future__ import annotations

import json
from collections.abc import Iterator

from journeys.edges import show_after
from journeys.expression import Expression
from journeys.journey import (
    NOTHING,
    Action,
    Arm,
    Branch,
    Call,
    Choose,
    Emit,
    Journey,
    Leave,
    Send,
    Set,
    Split,
    State,
    WaitFor,
    Window,
)
from journeys.span import show_span

ENTER, END = "▶", "■"
SYMBOLS: dict[type[Action], str] = {
    WaitFor: "⧖", Branch: "◇", Choose: "◆", Split: "⑂", Send: "✉", Set: "✎", Emit: "●", Call: "↗", Leave: END,
}  # fmt: skip
LEGEND = {
    ENTER: "enter", "⧖": "wait", "◇": "branch", "◆": "decision", "⑂": "split", "✉": "send", "✎": "set", "●": "emit",
    "↗": "call", END: "exit",
}  # fmt: skip
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def symbol(state: State) -> str:
    """Return the sign of what a state does."""
    if state.action is not None:
        return SYMBOLS[type(state.action)]
    waits = state.after or state.until is not None or state.window is not None
    return "⧖" if waits or state.guard is None else "◇"


def show_entry(journey: Journey) -> str:
    """Return who starts the journey: "signed_up", "segment lapsed_90d, daily 06:00"."""
    enter = journey.enter
    parts = {
        "event": " or ".join(enter.events),
        "segment": f"segment {enter.segment}",
        "schedule": " · ".join(filter(None, [enter.check, enter.segment and f"segment {enter.segment}"])),
        "manual": "by hand",
    }[enter.kind]
    if enter.kind == "segment" and enter.check:
        parts += f", {enter.check}"
    if enter.guard is not None:
        parts += f", if {enter.guard.source}"
    return parts + (f", at most {enter.limit[0]}/{enter.limit[1]}" if enter.limit else "")


def show_everywhere(journey: Journey) -> Iterator[str]:
    """Yield what leads away from every state."""
    if journey.goal is not None and journey.goal.exit:
        yield f"{_when(journey.goal.events, journey.goal.guard)} ▶ goal"
    for leave in journey.exits:
        yield f"{_when(leave.events, leave.guard)} ▶ {END}"
    for jump in journey.jumps:
        yield f"{_when(jump.events, jump.guard)} ▶ {jump.then}"


def clauses(state: State) -> Iterator[str]:
    """Yield the clauses of a state in their fixed order: when, if, what."""
    yield from timing(state)
    yield from deed(state)


def timing(state: State) -> Iterator[str]:
    """Yield when a state acts, and its condition; the length of a pure wait stands on its arrow instead."""
    after = show_after(state)
    if after and (state.action is not None or state.window or state.guard or state.until):
        yield after
    if state.until is not None:
        yield f"until {state.until.source}"
    if state.window is not None:
        yield show_window(state.window)
    if state.guard is not None:
        yield f"if {state.guard.source}"


def deed(state: State) -> Iterator[str]:
    """Yield what a state does, but for what stands on its arrows and the arms of a decision."""
    match action := state.action:
        case Send():
            yield action.message
        case Set():
            yield from (f"{where}.{name} = {_literal(value)}" for where, name, value in action.values)
        case Emit():
            yield action.event
        case Call():
            yield f"{action.method} {action.url}"
        case WaitFor() if len({awaited.then for awaited in action.first}) > 1:
            yield f"at most {show_span(action.within)}"
        case Leave():
            yield action.reason


def _literal(value: object) -> str:
    return value.source if isinstance(value, Expression) else json.dumps(value, ensure_ascii=False, default=str)


def show_arms(choose: Choose) -> Iterator[str]:
    for arm in choose.arms:
        yield f"{show_arm(arm)} (if {arm.guard.source})" if arm.guard else show_arm(arm)


def show_arm(arm: Arm) -> str:
    """Return "email/x@evening", "name: email/x@evening" where an arm has a name of its own."""
    name = NOTHING if arm.id == NOTHING else arm.message + (f"@{arm.daypart}" if arm.daypart else "")
    return f"{arm.id}: {name}" if arm.id != name else name


def show_window(window: Window) -> str:
    """Return "weekdays 09:00-19:00"."""
    days = {frozenset(range(7)): "", frozenset(range(5)): "weekdays", frozenset({5, 6}): "weekends"}.get(
        window.days, " ".join(DAYS[day] for day in sorted(window.days))
    )
    if window.best:
        return f"{days} best hour".strip()
    if window.opens is None:
        return days or "any day"
    hours = f"{window.opens:%H:%M}" + (f"-{window.closes:%H:%M}" if window.closes else "")
    return f"{days} {hours}".strip()


def _when(events: tuple[str, ...], guard: Expression | None) -> str:
    words = " or ".join(events)
    if guard is None:
        return words
    return f"{words} if {guard.source}" if words else guard.source
