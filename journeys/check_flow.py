"""Ways that lead nowhere, ways that never end, states that do nothing."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import replace

from journeys.edges import Edge, edges
from journeys.finding import clause, error, heading
from journeys.journey import EXIT, Choose, Journey, Leave, Send, State
from journeys.problem import Label, Problem
from journeys.project import Project

Ways = Mapping[str, list[Edge]]


def unreachable(journey: Journey, _: Project) -> Iterator[Problem]:
    """F401: a state that no way leads to."""
    ways = _ways(journey)
    reached = _reached({journey.start, *(jump.then for jump in journey.jumps)}, ways)
    lost = [state for state in journey.states.values() if state.name not in reached]
    led_to = {edge.target for found in ways.values() for edge in found if edge.target != edge.source}
    for state in [state for state in lost if state.name not in led_to] or lost[:1]:
        way_out = f'point some `then:` or `else:` at "{state.name}", or delete it'
        says = f'nothing leads to the state "{state.name}"'
        found = error("F401", heading(state), says, _above(journey, state) + way_out)
        yield replace(found, label="unreachable")


def loop_without_a_wait(journey: Journey, _: Project) -> Iterator[Problem]:
    """F402: a circle that can be walked within one instant.

    `at`, `days` and `until` are no wait: what they ask for still holds the second time.
    """
    fast = {name: [e for e in found if not e.waits] for name, found in _ways(journey).items()}
    seen: set[str] = set()
    for name in journey.states:
        circle = [] if name in seen else _circle(name, fast)
        seen |= {edge.source for edge in circle}
        if circle:
            yield _loop(journey, circle)


def then_after_exit(journey: Journey, _: Project) -> Iterator[Problem]:
    """F404: `then` in a state that leaves the journey."""
    for state in journey.states.values():
        if isinstance(state.action, Leave) and "then" in state.places:
            says = f'"{state.name}" leaves the journey, so its `then` is never used'
            yield error("F404", state.places["then"], says, "delete `then:`, or `exit:` if people should go on")


def empty_state(journey: Journey, _: Project) -> Iterator[Problem]:
    """S105: a state that neither waits nor asks nor acts, and leads only to the next one."""
    names = [*journey.states, EXIT]
    for at, state in enumerate(journey.states.values()):
        asks = state.guard is not None or state.until is not None or state.window is not None
        fragment = "run" in state.places
        if state.action is None and not asks and not fragment and not state.after and state.then == names[at + 1]:
            says = f'the state "{state.name}" does nothing'
            way_out = "give it an action (`send:`, `choose:`, …) or a wait (`after: 1d`), or delete it"
            yield error("S105", heading(state), says, way_out)


def _ways(journey: Journey) -> dict[str, list[Edge]]:
    ways: dict[str, list[Edge]] = {name: [] for name in journey.states}
    for edge in edges(journey):
        if edge.target != EXIT:
            ways[edge.source].append(edge)
    return ways


def _reached(starts: set[str], ways: Ways) -> set[str]:
    reached: set[str] = set()
    waiting = sorted(starts)
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += [edge.target for edge in ways.get(name, [])]
    return reached


def _above(journey: Journey, state: State) -> str:
    """Say how the state above ends, where that is why nobody falls through."""
    names = list(journey.states)
    at = names.index(state.name)
    if at == 0:
        return f'the journey starts at "{journey.start}"; '
    above = journey.states[names[at - 1]]
    if isinstance(above.action, Leave):
        return f"the state above ends with `exit: {above.action.reason}`; "
    return f"the state above ends with `then: {above.then}`; " if "then" in above.places else ""


def _circle(start: str, fast: Ways) -> list[Edge]:
    """Return the shortest way from `start` back to itself, or nothing."""
    came: dict[str, Edge] = {}
    waiting = deque([start])
    while waiting:
        for edge in fast[waiting.popleft()]:
            if edge.target == start:
                return _trail(start, edge, came)
            if edge.target not in came:
                came[edge.target] = edge
                waiting.append(edge.target)
    return []


def _trail(start: str, last: Edge, came: Mapping[str, Edge]) -> list[Edge]:
    trail = [last]
    while trail[0].source != start:
        trail.insert(0, came[trail[0].source])
    return trail


def _loop(journey: Journey, circle: list[Edge]) -> Problem:
    first, back = journey.states[circle[0].source], circle[-1]
    last = journey.states[back.source]
    says = " → ".join([*(edge.source for edge in circle), first.name]) + " is a loop without a wait"
    names = " or ".join(f'"{edge.source}"' for edge in circle)
    found = error("F402", clause(last, back.clause), says, f"add `after: 1d` to {names}")
    here = heading(first)
    label = Label(here.line, here.col, here.end_col, "loop starts here")
    away = here.file != found.file or (here.line, here.col) == (found.line, found.col)
    notes = ["a loop with a wait is fine; it stops after max_visits (default 10)"]
    states = [journey.states[edge.source] for edge in circle]
    if any(state.window or state.until for state in states):
        notes.append("`at`, `days` and `until` do not hold anyone back the second time: the moment is already there")
    return replace(found, label=_harm(states), others=() if away else (label,), notes=tuple(notes))


def _harm(states: list[State]) -> str:
    for state in states:
        if isinstance(state.action, Send):
            return f"would send {state.action.message} without end"
        if isinstance(state.action, Choose):
            return f'would decide in "{state.name}" without end'
    return "would go round without end"
