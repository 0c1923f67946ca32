"""A journey as a graph: every way on from every state, with the words that stand on the arrow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from journeys.expression import Expression
from journeys.journey import Awaited, Branch, Call, Journey, Leave, Split, State, WaitFor
from journeys.span import show_span

TIME_UP = "time up"
OTHERWISE = "otherwise"
NO_DATE = "no date"
CALL_FAILED = "call failed"


@dataclass(frozen=True, slots=True)
class Edge:
    """One way from `source` to `target` (a state or EXIT); `waits` says that time or an event must come first.

    `clause` is the path of the target in the file: "then", "else", "branch.0.then".
    """

    source: str
    target: str
    label: str = ""
    waits: bool = False
    clause: str = "then"


def edges(journey: Journey) -> list[Edge]:
    """Return every way from state to state, in file order. Goal, exits and jumps lead from everywhere: not here."""
    return [edge for state in journey.states.values() for edge in ways(state)]


def ways(state: State) -> Iterator[Edge]:
    """Yield the ways on from one state, the expected ones first."""
    slow = isinstance(state.after, Expression) or state.after > timedelta(0)
    if isinstance(state.action, WaitFor):
        yield from _awaited(state, state.action)
    elif isinstance(state.action, Branch):
        for at, (guard, target) in enumerate(state.action.ways):
            yield Edge(state.name, target, guard.source, slow, f"branch.{at}.then")
        yield Edge(state.name, state.otherwise, OTHERWISE, slow, "else")
    elif isinstance(state.action, Split):
        for target, share in state.action.shares:
            yield Edge(state.name, target, show_share(share), slow, f"split.{target}")
    elif isinstance(state.action, Leave):
        yield Edge(state.name, state.then, state.action.reason, slow, "exit")
    else:
        yield Edge(state.name, state.then, _pure_wait(state), slow, "then")
    yield from _passed_over(state, slow=slow)


def show_share(share: float) -> str:
    """Return 0.005 as "0.5%"."""
    return f"{round(share * 100, 6):g}%"


def show_awaited(first: Iterable[Awaited]) -> str:
    """Return the things waited for in words: "clicked or app_opened"."""
    return " or ".join(_awaited_words(awaited) for awaited in first)


def _awaited(state: State, wait: WaitFor) -> Iterator[Edge]:
    """One awaited thing carries its deadline; of several, those with the same target share an arrow."""
    targets = dict.fromkeys(awaited.then for awaited in wait.first)
    deadline = f" within {show_span(wait.within)}" if len(targets) == 1 else ""
    for target in targets:
        same = [awaited for awaited in wait.first if awaited.then == target]
        by_event = all(awaited.event is not None for awaited in same)
        at = wait.first.index(same[0])
        clause = f"wait_for.first.{at}.then" if f"wait_for.first.{at}.then" in state.places else "then"
        slow = by_event or isinstance(state.after, Expression) or state.after > timedelta(0)
        yield Edge(state.name, target, show_awaited(same) + deadline, slow, clause)
    yield Edge(state.name, state.otherwise, TIME_UP, wait.within > timedelta(0), "else")


def _awaited_words(awaited: Awaited) -> str:
    name = awaited.event or f"in segment {awaited.segment}"
    return f"{name} if {awaited.guard.source}" if awaited.guard else name


def _passed_over(state: State, *, slow: bool) -> Iterator[Edge]:
    """The way past an action whose `if` is false or whose date is missing, where it differs from the way through it."""
    if isinstance(state.action, (WaitFor, Branch)) or state.otherwise == state.then:
        return
    if state.guard is not None:
        yield Edge(state.name, state.otherwise, OTHERWISE, slow, "else")
    elif isinstance(state.action, Call) and state.action.save_as is not None:
        yield Edge(state.name, state.otherwise, CALL_FAILED, waits=True, clause="else")
    elif state.until is not None:
        yield Edge(state.name, state.otherwise, NO_DATE, clause="else")


def _pure_wait(state: State) -> str:
    """A wait that does nothing else shows its length on its arrow."""
    if state.action is None and state.window is None and state.guard is None and state.until is None:
        return show_after(state)
    return ""


def show_after(state: State) -> str:
    """Return "after 2d", or "" when the state acts at once."""
    if isinstance(state.after, Expression):
        return f"after {state.after.source}"
    return f"after {show_span(state.after)}" if state.after else ""
