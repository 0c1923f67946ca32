"""Numbers that move with time, held between two straight lines, and when one of them passes another at the earliest.

A Line is (value now, least and greatest change per day from now on, until when that holds). Days since an event grow by
one a day; an interest falls no faster than its steepest fall from now on. Where both bounds are the same
the crossing is exact; else it is early, and closer each time one looks again (Newton's method on a convex curve).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from engine.audience.still import still
from journeys.bits import Bit
from journeys.expression import Scope
from journeys.happenings import Asked
from journeys.person import PSEUDO, points

INSTANT = timedelta(microseconds=1)
DAY = timedelta(days=1)
FAR = 366 * 100.0
"""Days after which nothing is looked at any more."""


class Line(NamedTuple):
    """A number now, how it may change per day, and when it may jump. `value` None: missing, or no number."""

    value: float | None
    least: float = 0.0
    most: float = 0.0
    jumps: datetime | None = None


Move = Callable[[Scope], Line]


def line_of(bit: Bit) -> Move | None:
    """Return the closure that gives a number's Line, None when it moves otherwise."""
    if still(bit):
        return lambda scope: Line(_number(bit.run(scope)))
    if bit.op in ("days_since", "days_since_first"):
        return _since(bit)
    if bit.op == "interest":
        return _interest(bit)
    if bit.op in ("add", "sub", "minus", "mul", "min", "max"):
        parts = [line_of(part) for part in bit.parts]
        known = [part for part in parts if part is not None]
        if len(known) == len(parts) and (bit.op != "mul" or any(still(part) for part in bit.parts)):
            return lambda scope: _worked(bit.op, [part(scope) for part in known])
    return None


def _interest(bit: Bit) -> Move:
    """A share s d / (S d + c), with d that halves: it falls fastest now, or when S d comes down to c."""
    topic, half_life = bit.about
    fall = math.log(2) * (DAY / half_life)

    def move(scope: Scope) -> Line:
        mine, total = points(scope, topic, half_life)
        steepest = mine / (4 * total) if total > PSEUDO else PSEUDO * mine / (total + PSEUDO) ** 2
        return Line(bit.run(scope), -fall * steepest, 0.0)

    return move


def _number(value: Any) -> float | None:
    return value if isinstance(value, int | float) else None


def _since(bit: Bit) -> Move | None:
    asked: Asked = bit.about
    if asked.since or (asked.test is not None and not still(asked.test)):
        return None

    def move(scope: Scope) -> Line:
        times = [one.at for one in asked.found(scope)]
        if not times:
            return Line(None)
        at = times[0] if bit.op == "days_since" else times[-1]
        return Line(bit.run(scope), 1.0, 1.0, None if asked.within is None else at + asked.within + INSTANT)

    return move


def _worked(op: str, lines: list[Line]) -> Line:
    jumps = min((line.jumps for line in lines if line.jumps is not None), default=None)
    if any(line.value is None for line in lines):
        return Line(None, jumps=jumps)
    one = lines[0]
    if op == "minus":
        return _scaled(one, -1.0, jumps)
    if op in ("min", "max"):
        value = (min if op == "min" else max)(line.value or 0 for line in lines)
        return Line(value, min(line.least for line in lines), max(line.most for line in lines), jumps)
    two = lines[1]
    if op == "mul":
        factor, moving = (one, two) if one.least == one.most == 0 else (two, one)
        return _scaled(moving, factor.value or 0.0, jumps)
    two = two if op == "add" else _scaled(two, -1.0, jumps)
    return Line((one.value or 0) + (two.value or 0), one.least + two.least, one.most + two.most, jumps)


def _scaled(line: Line, factor: float, jumps: datetime | None) -> Line:
    ends = sorted((line.least * factor, line.most * factor))
    return Line((line.value or 0) * factor, ends[0], ends[1], jumps)


def crossing(bit: Bit, lines: tuple[Line, Line], scope: Scope, *, value: bool) -> datetime | None:
    """Return the first instant at which a comparison of two moving numbers may turn, None: never."""
    one, two = lines
    jumps = min((line.jumps for line in lines if line.jumps is not None), default=None)
    if one.value is None or two.value is None:
        return jumps
    gap, least, most = one.value - two.value, one.least - two.most, one.most - two.least
    days = _days(gap, least, most)
    if days is None:
        return jumps
    at = _turn(bit, scope, (days, least == most), value=value)
    return at if jumps is None else min(at, jumps)


def _days(gap: float, least: float, most: float) -> float | None:
    """Return after how many days a gap may be closed, or opened, at the earliest."""
    if gap == 0:
        return None if least == most == 0 else 0.0
    speed = -least if gap > 0 else most
    if speed <= 0 or abs(gap) / speed > FAR:
        return None
    return abs(gap) / speed


def _turn(bit: Bit, scope: Scope, when: tuple[float, bool], *, value: bool) -> datetime:
    """Return the instant after so many days; where it is exact, the very microsecond at which the answer turns."""
    days, exact = when
    about = scope.now + timedelta(days=days)
    if not exact:
        return max(about - 2 * INSTANT, scope.now + INSTANT)
    tried = [at for at in _near(about) if at > scope.now]
    for at in tried:
        if (bit.run(replace(scope, now=at)) is True) is not value:
            return at
    return tried[-1] if tried else scope.now + INSTANT


def _near(about: datetime) -> Iterator[datetime]:
    return (about + n * INSTANT for n in range(-3, 5))
