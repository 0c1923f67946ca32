"""Questions about the past: any/no, count, sum, last, days_since, and the calendar ones."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from journeys.bits import Bit, Run
from journeys.expression import Happening, Scope

_NONE: Iterator[Happening] = iter(())  # of those who never did it: it has nothing to give, however often it is asked


@dataclass(frozen=True, slots=True)
class Asked:
    """Which events are meant: name, `where`, and how far back; `since` is "", "entry" or "state".

    `within` includes its edge; `since` does not, so that what started the run or the state is not counted.
    """

    event: str
    where: Run | None = None
    within: timedelta | None = None
    since: str = ""
    test: Bit | None = None  # what `where` is made of
    prop: str = ""  # the property that is added up or read

    def found(self, scope: Scope) -> Iterator[Happening]:
        """Yield the events meant, newest first."""
        past = scope.history.get(self.event)
        return self._meant(past, scope) if past else _NONE

    def _meant(self, past: Sequence[Happening], scope: Scope) -> Iterator[Happening]:
        edge, where = self._edge(scope), self.where
        for happening in reversed(past):
            if edge is not None and (happening.at < edge or (self.since and happening.at == edge)):
                return
            if where is None or where(_seeing(scope, happening)) is True:
                yield happening

    def _edge(self, scope: Scope) -> datetime | None:
        if self.within is not None:
            return scope.now - self.within
        if self.since:
            return scope.entry_at if self.since == "entry" else scope.state_at
        return None


def _seeing(scope: Scope, happening: Happening) -> Scope:
    """Return the scope in which `event.*` is this event."""
    return Scope(
        scope.now,
        scope.zone,
        scope.contact,
        scope.entry,
        happening.data,
        scope.journey,
        scope.vars,
        scope.params,
        scope.history,
        scope.entry_at,
        scope.state_at,
        scope.segments,
        scope.traits,
        scope.who,
    )


def any_(asked: Asked) -> Run:
    return lambda scope: next(asked.found(scope), None) is not None


def no(asked: Asked) -> Run:
    return lambda scope: next(asked.found(scope), None) is None


def count(asked: Asked) -> Run:
    return lambda scope: sum(1 for _ in asked.found(scope))


def total(asked: Asked, prop: str) -> Run:
    return lambda scope: added(figure(happening, prop) for happening in asked.found(scope))


def figure(happening: Happening, prop: str) -> float:
    """Return a property as a number, 0 where it is none."""
    value = happening.data.get(prop)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else 0


def added(values: Iterable[float]) -> float:
    """Return the sum to six places: three times 0.1 is 0.3, here and in SQL."""
    every = list(values)
    return sum(every) if all(isinstance(value, int) for value in every) else round(math.fsum(every), 6)


def last(asked: Asked, prop: str) -> Run:
    return lambda scope: _read(next(asked.found(scope), None), prop)


def first(asked: Asked, prop: str) -> Run:
    return lambda scope: _read(oldest(asked, scope), prop)


def oldest(asked: Asked, scope: Scope) -> Happening | None:
    """Return the first event that is meant."""
    found = None
    for happening in asked.found(scope):
        found = happening
    return found


def _read(happening: Happening | None, prop: str) -> Any:
    return None if happening is None else happening.data.get(prop)


def days_since_event(asked: Asked) -> Run:
    return lambda scope: _days(next(asked.found(scope), None), scope)


def days_since_first(asked: Asked) -> Run:
    return lambda scope: _days(oldest(asked, scope), scope)


def _days(happening: Happening | None, scope: Scope) -> float | None:
    return None if happening is None else (scope.now - happening.at) / timedelta(days=1)


def days_since_date(part: Run) -> Run:
    def run(scope: Scope) -> int | None:
        day = part(scope)
        if not isinstance(day, date):
            return None
        if isinstance(day, datetime):
            day = day.astimezone(scope.zone).date() if day.tzinfo else day.date()
        return (scope.now.astimezone(scope.zone).date() - day).days

    return run


def next_date(part: Run) -> Run:
    """Return the closure of next(date): its yearly occurrence, today or later; 29 February falls on the 28th."""

    def run(scope: Scope) -> date | None:
        day = part(scope)
        if not isinstance(day, date):
            return None
        today = scope.now.astimezone(scope.zone).date()
        this = _in_year(day, today.year)
        return this if this >= today else _in_year(day, today.year + 1)

    return run


def _in_year(day: date, year: int) -> date:
    try:
        return date(year, day.month, day.day)
    except ValueError:
        return date(year, day.month, 28)


def segment(name: str) -> Run:
    def run(scope: Scope) -> bool:
        found = scope.segments.get(name)
        return found is not None and found.holds(scope)

    return run


def rounded(part: Run) -> Run:
    def run(scope: Scope) -> Any:
        value = part(scope)
        return round(value) if isinstance(value, int | float) and abs(value) < float("inf") else None

    return run


def lower(part: Run) -> Run:
    def run(scope: Scope) -> Any:
        value = part(scope)
        return value.lower() if isinstance(value, str) else None

    return run


def extreme(name: str, parts: list[Run]) -> Run:
    """Return the closure of min(a, b) or max(a, b); missing when one is."""
    pick = min if name == "min" else max

    def run(scope: Scope) -> Any:
        values = [part(scope) for part in parts]
        try:
            return None if None in values else pick(values)
        except TypeError:
            return None

    return run
