"""How a rule says what it found."""

from __future__ import annotations

from dataclasses import replace

from journeys.journey import Choose, Journey, Send, State
from journeys.place import Place
from journeys.problem import Problem


def error(code: str, place: Place, says: str, *helps: str) -> Problem:
    """Return an error at `place` with its ways out."""
    end_col = max(place.end_col, place.col + 1)
    return Problem(code, "error", place.file, place.line, place.col, end_col, says, helps=helps)


def warning(code: str, place: Place, says: str, *helps: str) -> Problem:
    """Return a warning at `place` with its ways out."""
    return replace(error(code, place, says, *helps), severity="warning")


def heading(state: State) -> Place:
    """Return the place of the state's name; a fragment writes the last part of it."""
    width = len(state.name.rpartition(".")[2])
    return replace(state.place, end_col=state.place.end_col or state.place.col + width)


def clause(state: State, *paths: str) -> Place:
    """Return the place of the first of `paths` that is written, else of the state's name."""
    return next((state.places[path] for path in paths if path in state.places), heading(state))


def choices(journey: Journey) -> list[tuple[State, Choose]]:
    """Return the states that decide, with their decisions."""
    return [(state, state.action) for state in journey.states.values() if isinstance(state.action, Choose)]


def channels(state: State) -> tuple[str, ...]:
    """Return the channels a state may send on."""
    if isinstance(state.action, Send):
        return (state.action.channel,)
    if isinstance(state.action, Choose):
        return tuple(dict.fromkeys(arm.channel for arm in state.action.arms if arm.channel))
    return ()
