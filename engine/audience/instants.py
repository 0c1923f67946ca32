"""Instants at which a calendar turns, in somebody's own zone, daylight saving and missing midnights included."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from journeys.expression import Scope
from journeys.kinds import as_date

DAYS, HOURS = 16, 25
"""How many of them are given: more than a week, more than a day."""

_DAY, _HOUR = timedelta(days=1), timedelta(hours=1)
_FAR = 366 * 200


def midnight(day: date, scope: Scope) -> datetime:
    """Return the first instant of a day; where clocks skip its midnight that is the instant at which they do."""
    return datetime.combine(day, time(0), scope.zone).astimezone(UTC)


def midnights(scope: Scope) -> Iterator[datetime]:
    """Yield the next midnights."""
    today = scope.now.astimezone(scope.zone).date()
    return (midnight(today + n * _DAY, scope) for n in range(1, DAYS + 1))


def hours(scope: Scope) -> Iterator[datetime]:
    """Yield the next instants at which the hour turns; a change of clocks in between is a turn itself."""
    at = scope.now
    for _ in range(HOURS):
        local = at.astimezone(scope.zone)
        at += _HOUR - timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
        yield at


def around(one: Any, two: Any, scope: Scope) -> list[datetime]:
    """Return the midnights around which one of two passes the other, when one of them grows by one each midnight.

    They are two dates, or two numbers of days; nothing when a side is missing.
    """
    today = scope.now.astimezone(scope.zone).date()
    dates = [as_date(side) for side in (one, two)]
    if all(isinstance(day, date) for day in dates):
        days = [_day(day, scope) for day in dates]
        gap: float = abs((days[0] - days[1]).days)
    elif isinstance(one, int | float) and isinstance(two, int | float):
        gap = abs(one - two)
    else:
        return []
    if gap > _FAR:
        return []
    first = int(gap)
    return [midnight(today + n * _DAY, scope) for n in range(max(1, first - 1), first + 3)]


def _day(value: date, scope: Scope) -> date:
    if not isinstance(value, datetime):
        return value
    return value.astimezone(scope.zone).date() if value.tzinfo else value.date()
