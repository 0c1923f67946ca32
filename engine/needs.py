"""What a walk will have to look at, read off the journeys once: events with history, cap windows, rewards."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import timedelta
from typing import Any

from engine.core.actions import ANSWER
from engine.core.gate import DUPLICATE_WITHIN
from engine.core.recency import REMEMBERED
from engine.store.snapshots import Needs
from journeys import Choose, Expression, Journey, State, WaitFor
from journeys.project import Project
from journeys.signs import alive, usual_signs

CALENDAR = {"day": timedelta(days=2), "week": timedelta(days=8), "month": timedelta(days=32)}
"""How far back a calendar unit can reach, an hour of daylight saving included."""

SLACK = timedelta(days=8)
"""How long a state with a window may wait for it after `after` is over."""


def signs_in(project: Project) -> frozenset[str]:
    """Return the events that show when a person is there."""
    return alive(project.decisions["behaviour"] or usual_signs(project.data))


def needs(journeys: Iterable[Journey], segments: Mapping[str, Expression], signs: Iterable[str] = ()) -> Needs:
    """Return what these journeys and segments can ask for; `signs` are the events that show when a person is there."""
    every = tuple(journeys)
    wanted: list[tuple[str, timedelta | None]] = [(ANSWER, timedelta(days=1))] if _calls(every) else []
    for journey in every:
        wanted += [pair for expression in expressions(journey) for pair in _history(expression, segments)]
        wanted += [pair for state in journey.states.values() for pair in _waits(state, segments)]
    choices = [choose for journey in every for _, choose in journey.choices]
    return Needs(
        _widest(wanted),
        max([_recent(every), *(REMEMBERED for choose in choices if _remembers(choose))]),
        frozenset(journey.name for journey in every),
        kept=any(choose.keep == "contact" for choose in choices),
        lately=frozenset(event for choose in choices for events in choose.signs.values() for event in events),
        hours=frozenset(signs if any(map(_asks_for_best, every)) else ()),
        traits=any(_asks_traits(one, segments) for journey in every for one in _conditions(journey, segments)),
    )


def _remembers(choose: Choose) -> bool:
    """Return whether a decision looks at which messages were sent lately."""
    return bool(choose.signs) or choose.explore.repeat.penalty > 0


def _asks_for_best(journey: Journey) -> bool:
    return any(state.window is not None and state.window.best for state in journey.states.values())


def _conditions(journey: Journey, segments: Mapping[str, Expression]) -> Iterator[Expression]:
    """Yield what a journey's walk may look at: its expressions, and the segments that it waits for."""
    yield from expressions(journey)
    for state in journey.states.values():
        if isinstance(state.action, WaitFor):
            yield from (segments[one.segment] for one in state.action.first if one.segment and one.segment in segments)


def expressions(record: Any) -> Iterator[Expression]:
    """Yield every expression inside a record, however deep."""
    if isinstance(record, Expression):
        yield record
    elif is_dataclass(record) and not isinstance(record, type):
        for part in fields(record):
            yield from expressions(getattr(record, part.name))
    elif isinstance(record, Mapping):
        for part_value in record.values():
            yield from expressions(part_value)
    elif isinstance(record, tuple | frozenset | list):
        for item in record:
            yield from expressions(item)


def looks_of(rules: Iterable[Expression], segments: Mapping[str, Expression]) -> Needs:
    """Return what these conditions look at, each event as far back as the one that looks furthest."""
    every = list(rules)
    history = _widest(pair for rule in every for pair in _history(rule, segments))
    return Needs(history, traits=any(_asks_traits(rule, segments) for rule in every))


def _asks_traits(expression: Expression, segments: Mapping[str, Expression]) -> bool:
    """Return whether it asks for interests or value, itself or by a segment."""
    asked = (segments[name] for name in expression.segments if name in segments)
    return expression.traits or any(_asks_traits(rule, segments) for rule in asked)


def _history(expression: Expression, segments: Mapping[str, Expression]) -> Iterator[tuple[str, timedelta | None]]:
    yield from expression.needs.items()
    for name in expression.segments:
        if name in segments:
            yield from _history(segments[name], segments)


def _waits(state: State, segments: Mapping[str, Expression]) -> Iterator[tuple[str, timedelta | None]]:
    """Yield what a wait needs that was seen before it began: events since entry into a state that first waits."""
    if not isinstance(state.action, WaitFor):
        return
    for awaited in state.action.first:
        if awaited.segment is not None and awaited.segment in segments:
            yield from _history(segments[awaited.segment], segments)
        if awaited.event is not None and _starts_later(state):
            fixed = isinstance(state.after, timedelta) and state.until is None
            after = state.after if isinstance(state.after, timedelta) else timedelta(0)
            yield awaited.event, after + SLACK + state.action.within if fixed else None


def _starts_later(state: State) -> bool:
    return bool(state.after) or state.until is not None or state.window is not None


def _calls(journeys: tuple[Journey, ...]) -> bool:
    return any(getattr(state.action, "save_as", None) for journey in journeys for state in journey.states.values())


def _recent(journeys: tuple[Journey, ...]) -> timedelta:
    spans = [
        rule.per if isinstance(rule.per, timedelta) else CALENDAR[rule.per]
        for journey in journeys
        for rule in journey.limits.caps
    ]
    return max([DUPLICATE_WITHIN, *spans])


def _widest(wanted: Iterable[tuple[str, timedelta | None]]) -> dict[str, timedelta | None]:
    found: dict[str, timedelta | None] = {}
    for name, span in wanted:
        known = found.get(name, timedelta(0))
        found[name] = None if span is None or known is None else max(known, span)
    return found
