"""A journey as a drawing in text: read top to bottom, side ways to the right, what holds everywhere at the foot.

Rules
- Every state is drawn once. A state that only one other state leads to stands on that state's arrow, the others
  stand below each other in file order.
- Conditions are shown in the author's own words.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from journeys.edges import Edge, edges
from journeys.journey import EXIT, Branch, Choose, Journey, Leave, Split, State, WaitFor
from journeys.words import END, ENTER, LEGEND, clauses, show_arms, show_entry, show_everywhere, symbol

WIDTH = 110
ASCII = str.maketrans(
    {"▶": ">", "⧖": "~", "◇": "?", "◆": "*", "⑂": "%", "✉": "@", "✎": "=", "●": "!", "↗": "^", "■": "#", "─": "-",
     "│": "|", "·": "|"}
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Plan:
    """What stands where: the states below each other, and the ways on from each."""

    journey: Journey
    ways: Mapping[str, list[Edge]]
    spine: list[str]

    def below(self, name: str) -> str | None:
        at = self.spine.index(name) + 1
        return self.spine[at] if at < len(self.spine) else None


def draw(journey: Journey, *, ascii_only: bool = False) -> str:
    """Return the drawing of `journey`, for a terminal without colours."""
    plan = _plan(journey)
    lines = [_title(journey, plan), f"{ENTER} {show_entry(journey)}"]
    for name in plan.spine:
        lines += _spine_state(plan, name)
    while not lines[-1].strip():
        lines.pop()
    everywhere = list(show_everywhere(journey))
    if everywhere:
        lines.append("everywhere: " + " · ".join(everywhere))
    text = "\n".join(line.rstrip() for line in lines)
    return text.translate(ASCII) if ascii_only else text


def _plan(journey: Journey) -> _Plan:
    ways: dict[str, list[Edge]] = {name: [] for name in journey.states}
    for edge in edges(journey):
        ways[edge.source].append(edge)
    inline = {name for name in journey.states if _stands_on_an_arrow(journey, ways, name)}
    return _Plan(journey, ways, [name for name in journey.states if name not in inline])


def _stands_on_an_arrow(journey: Journey, ways: Mapping[str, list[Edge]], name: str) -> bool:
    sources = {edge.source for found in ways.values() for edge in found if edge.target == name}
    if len(sources) != 1 or name == journey.start or any(jump.then == name for jump in journey.jumps):
        return False
    source = sources.pop()
    names = list(journey.states)
    plain = len(ways[name]) == 1 and not isinstance(journey.states[name].action, Choose)
    return plain and names.index(source) < names.index(name) and _down(journey.states[source]) != name


def _down(state: State) -> str | None:
    """The way that is drawn downwards: the one that a reader expects to read next."""
    if isinstance(state.action, (Split, Leave)):
        return None
    return state.otherwise if isinstance(state.action, (WaitFor, Branch)) else state.then


def _title(journey: Journey, plan: _Plan) -> str:
    signs = {ENTER, END, *(symbol(state) for state in journey.states.values())}
    legend = "  ".join(f"{sign} {word}" for sign, word in LEGEND.items() if sign in signs)
    pairs = {(edge.source, edge.target) for found in plan.ways.values() for edge in found}
    return f"{journey.name}   {_count(len(journey.states), 'state')}, {_count(len(pairs), 'edge')}        {legend}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _spine_state(plan: _Plan, name: str) -> Iterator[str]:
    """Yield the lines of one state: itself with its side ways, then the line that leads down from it."""
    state = plan.journey.states[name]
    below = plan.below(name)
    down = next((edge for edge in plan.ways[name] if edge.target == below and below == _down(state)), None)
    leaves = isinstance(state.action, Leave)
    side = [] if leaves else [edge for edge in plan.ways[name] if edge is not down]
    bar = "│" if down else " "
    *first, last = _state_lines(state, bar)
    if side and isinstance(state.action, Choose):  # an arrow behind the last arm would seem to be that arm's
        first, last = [*first, last], bar + " " * (len(state.name) + 3)
    yield from first
    yield from _arrows(plan, last, side, bar)
    if below is not None:
        yield f"│ {down.label}" if down else ""


def _state_lines(state: State, bar: str) -> list[str]:
    """Return a state in words; the arms of a decision go on below when they are many."""
    head = f"{symbol(state)} {state.name}"
    words = ", ".join(clauses(state))
    if not isinstance(state.action, Choose):
        return [f"{head}   {words}" if words else head]
    lines = [f"{head}   {words + ': ' if words else ''}"]
    margin = bar + " " * (len(head) + 2)
    for at, arm in enumerate(show_arms(state.action)):
        gap = "" if at == 0 else " · "
        if at and len(lines[-1] + gap + arm) > WIDTH:
            lines[-1] += " ·"
            lines.append(margin)
            gap = ""
        lines[-1] += gap + arm
    return lines


def _arrows(plan: _Plan, start: str, side: list[Edge], bar: str) -> Iterator[str]:
    """Yield `start` with its side ways to the right, one a line, their heads below each other."""
    if not side:
        yield start
        return
    width = max(len(edge.label) for edge in side)
    for at, edge in enumerate(side):
        margin = f"{start} " if at == 0 else bar + " " * len(start)
        label = f"{edge.label}──" if width else ""
        line = "─" * (width - len(edge.label))
        yield f"{margin}──{label}{line}▶ {_target(plan, edge)}"


def _target(plan: _Plan, edge: Edge) -> str:
    """Return the name at the head of an arrow, or the whole state if this is the place where it is drawn."""
    if edge.target == EXIT:
        return END
    drawn = edge.target in plan.spine or next(e for e in plan.ways[edge.source] if e.target == edge.target) is not edge
    if drawn:
        return edge.target
    state = plan.journey.states[edge.target]
    words = ", ".join(clauses(state))
    text = f"{symbol(state)} {state.name}" + (f"   {words}" if words else "")
    if isinstance(state.action, Leave):
        return text
    onward = plan.ways[edge.target][0]
    return f"{text} ──{onward.label + '──' if onward.label else ''}▶ {_target(plan, onward)}"
