"""Which states a run can visit more than once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from journeys.journey import EXIT, Branch, JumpWhen, Leave, Split, State, WaitFor


def leads(state: State) -> set[str]:
    """Return every state that `state` can lead to."""
    targets = {state.then, state.otherwise}
    match state.action:
        case WaitFor(first):
            targets = {state.otherwise, *(one.then for one in first)}
        case Branch(ways):
            targets = {state.otherwise, *(target for _, target in ways)}
        case Split(shares):
            targets = {target for target, _ in shares}
        case Leave():
            targets = {EXIT}
    if state.guard is not None or state.until is not None:
        targets.add(state.otherwise)
    return targets - {EXIT}


def cyclic(states: Mapping[str, State], start: str, jumps: Iterable[JumpWhen], *, restart: bool) -> frozenset[str]:
    """Return the states that lie on a way back to themselves; a jump or restart leads from everywhere."""
    ways = {name: leads(state) for name, state in states.items()}
    anywhere = {jump.then for jump in jumps} | ({start} if restart else set())
    for targets in ways.values():
        targets.update(anywhere - {EXIT})
    return frozenset(name for name in states if name in _reached(ways, ways[name]))


def _reached(ways: Mapping[str, set[str]], starts: Iterable[str]) -> set[str]:
    seen: set[str] = set()
    todo = list(starts)
    while todo:
        name = todo.pop()
        if name not in seen and name in ways:
            seen.add(name)
            todo += ways[name]
    return seen
