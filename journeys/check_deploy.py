"""What may not go live as it is: a change that would leave people without a place."""

from __future__ import annotations

from journeys.finding import error, heading
from journeys.journey import EXIT, Journey
from journeys.page import near
from journeys.place import Place
from journeys.problem import Problem


def removed_state(journey: Journey, state: str, contacts: int, old: Journey | None = None) -> Problem:
    """D801: `state` is in the deployed version and no longer in `journey`, and `contacts` people are in it.

    `old` is the deployed version: where `state` led is where its people are best sent.
    """
    goes = _guess(journey, state, old)
    people = f"{contacts:,} contacts are" if contacts != 1 else "1 contact is"
    first = heading(next(iter(journey.states.values())))
    place = Place(journey.file, first.line, 1)
    helps = (f"say where they should go:\nmoved: {{{state}: {goes}}}",) if goes != EXIT else ()
    leave = f"{'or ' if helps else ''}let them leave: `moved: {{{state}: {EXIT}}}`"
    return error("D801", place, f'the state "{state}" is gone, but {people} waiting in it', *helps, leave)


def _guess(journey: Journey, state: str, old: Journey | None) -> str:
    """Return where people of `state` are best sent: the same under another name, what came next, or the last state."""
    renamed = near(state, journey.states) or _in_its_place(journey, state, old)
    if renamed is not None or old is None:
        return renamed or list(journey.states)[-1]
    seen, place = {state}, old.states[state].then if state in old.states else EXIT
    while place not in journey.states and place not in seen and place in old.states:
        seen.add(place)
        place = old.states[place].then
    return place if place in journey.states else EXIT


def _in_its_place(journey: Journey, state: str, old: Journey | None) -> str | None:
    """Return the new state that stands where `state` stood and does the same kind of thing: it was renamed."""
    if old is None or state not in old.states:
        return None
    order, now = list(old.states), list(journey.states)
    before = order.index(state) - 1
    at = now.index(order[before]) + 1 if before >= 0 and order[before] in now else 0
    there = now[at] if at < len(now) else None
    if there is None or there in old.states:
        return None
    same = type(journey.states[there].action) is type(old.states[state].action)
    return there if same else None
