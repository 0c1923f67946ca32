"""Conditions about events in a window, `any`, `no`, `count`, `sum` and `days_since`, as facts.

Rules
- Without `where` the answer stands at one place of the history: the newest event, the k-th newest, the oldest.
- What is counted or added up is walked as the window empties: the first event whose leaving turns the answer says
  when, whatever the signs of the amounts. Where no amounts have different signs the walk is a bisection.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from itertools import accumulate
from operator import attrgetter
from typing import Any

from engine.audience.fact import INSTANT, NO, Fact, Look, steady
from journeys.bits import ORDER, Bit
from journeys.expression import Happening, Scope
from journeys.happenings import Asked, added, figure, oldest

Meant = Callable[[Scope], Sequence[Happening]]
_when = attrgetter("at")


def happened(bit: Bit) -> Look:
    """Return the look of `any …` and `no …`: the newest event decides how long."""
    return _at_least(bit.about, 1, value=bit.op == "any")


def elapsed(bit: Bit, op: str, span: timedelta) -> Look:
    """Return the look of `days_since(…) op n`: it turns once, when so many days are over, or just after."""
    asked: Asked = bit.about
    test, within, event = ORDER[op], asked.within, _event_of(bit)
    after = span + (INSTANT if op in (">", "<=") else timedelta(0))
    twice = op in ("==", "!=")

    def look(scope: Scope) -> Fact:
        one = event(scope)
        if one is None:
            return NO
        at, now = one.at, scope.now
        turn = at + after
        if twice and now >= turn:
            turn += INSTANT
        until = turn if turn > now else None
        if within is not None and (until is None or at + within < until):
            until = at + within + INSTANT
        value = bool(test(now - at, span))
        return steady(value) if until is None else Fact(value, until)

    return look


def _event_of(bit: Bit) -> Callable[[Scope], Happening | None]:
    """Return what finds the event that days are counted from: the newest, or the oldest."""
    asked: Asked = bit.about
    if bit.op == "days_since":
        return _kth(asked, 1)
    if asked.where is None and asked.within is None:
        return lambda scope: past[0] if (past := scope.history.get(asked.event)) else None

    return lambda scope: oldest(asked, scope)


def emptying(bit: Bit, op: str, against: float) -> Look:
    """Return the look of `count(…) op n` and `sum(…) op n`."""
    asked: Asked = bit.about
    if bit.op == "count":
        return _counted(asked, op, against)
    test, inside = ORDER[op], _inside(asked)
    empty, turns = steady(_tested(test, 0, against)), op not in ("==", "!=")

    def look(scope: Scope) -> Fact:
        found = inside(scope)
        if not found:
            return empty
        values = [figure(one, asked.prop) for one in found]
        value = _tested(test, added(values), against)
        one_sign = turns and (min(values) >= 0 or max(values) <= 0)
        if asked.within is None or (one_sign and value is empty.value):
            return steady(value)
        left = _turn(_sums(values, (test, against)), len(values), value=value, once=one_sign)
        return steady(value) if left < 0 else Fact(value, found[left].at + asked.within + INSTANT)

    return look


def _inside(asked: Asked) -> Meant:
    """Return what finds the events meant, newest first."""
    event, within = asked.event, asked.within
    if asked.where is not None:
        return lambda scope: list(asked.found(scope))

    def found(scope: Scope) -> Sequence[Happening]:
        past = scope.history.get(event)
        if not past or within is None:
            return past[::-1] if past else ()
        edge = scope.now - within
        return past[::-1] if past[0].at >= edge else past[bisect_left(past, edge, key=_when) :][::-1]

    return found


def _counted(asked: Asked, op: str, against: float) -> Look:
    """Return the look of `count(…) op n`: it asks for one event, the k-th newest."""
    if op in ("==", "!="):
        return _exactly(asked, against, op == "==")
    if not math.isfinite(against):
        return lambda _: steady(bool(ORDER[op](0, against)))
    most = op in ("<", "<=")
    needed = math.ceil(against) if op in (">=", "<") else math.floor(against) + 1
    if needed <= 0:
        return lambda _: steady(not most)
    return _at_least(asked, needed, value=not most)


def _at_least(asked: Asked, needed: int, *, value: bool) -> Look:
    """Return the look of "at least so many", which is `value` while it holds."""
    kth, few, within = _kth(asked, needed), steady(not value), asked.within
    if within is None:
        enough = steady(value)
        return lambda scope: few if kth(scope) is None else enough
    leaves = within + INSTANT

    def look(scope: Scope) -> Fact:
        one = kth(scope)
        return few if one is None else Fact(value, one.at + leaves)

    return look


def _kth(asked: Asked, needed: int) -> Callable[[Scope], Happening | None]:
    """Return what finds the k-th newest of the events meant."""
    event, within = asked.event, asked.within
    if asked.where is not None:
        return lambda scope: _after(asked.found(scope), needed)

    def found(scope: Scope) -> Happening | None:
        past = scope.history.get(event)
        if past is None or len(past) < needed:
            return None
        one = past[-needed]
        return one if within is None or one.at >= scope.now - within else None

    return found


def _after(found: Iterator[Happening], needed: int) -> Happening | None:
    for place, one in enumerate(found, 1):
        if place == needed:
            return one
    return None


def _exactly(asked: Asked, against: float, same: bool) -> Look:
    def look(scope: Scope) -> Fact:
        inside = list(asked.found(scope))
        count = len(inside)
        value = (count == against) is same
        if asked.within is None or not count:
            return steady(value)
        # it turns when the count comes down to the number, or falls below it
        left = count - 1 if count == against else int(against) if 0 <= against < count and against % 1 == 0 else None
        return steady(value) if left is None else Fact(value, inside[left].at + asked.within + INSTANT)

    return look


def _turn(holds: Callable[[int], bool], size: int, *, value: bool, once: bool) -> int:
    """Return how many of the newest events are left when an answer turns as the oldest go, -1: it never does.

    `once`: it turns once at most.
    """
    if once:
        return bisect_left(range(size), True, key=lambda n: holds(n) is value) - 1
    return next((n for n in range(size - 1, -1, -1) if holds(n) is not value), -1)


def _sums(values: Sequence[float], against: tuple[Callable[[Any, Any], Any], float]) -> Callable[[int], bool]:
    """Return whether the sum of the newest n passes the test."""
    test, number = against
    if all(type(value) is int for value in values):
        sizes = [0, *accumulate(values)]
        return lambda n: _tested(test, sizes[n], number)
    return lambda n: _tested(test, added(values[:n]), number)


def _tested(test: Callable[[Any, Any], Any], one: Any, two: Any) -> bool:
    try:
        return two is not None and bool(test(one, two))
    except TypeError:
        return False
