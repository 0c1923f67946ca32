"""Pieces of a compiled expression: small closures over a Scope; a missing value is None and makes comparisons false."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from journeys.expression import Scope
from journeys.kinds import Kind

Run = Callable[[Scope], Any]

ORDER: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": operator.truediv,
}


@dataclass(frozen=True, slots=True)
class Bit:
    """A compiled part: its kind, its closure, and the columns [start, end) of the source it stands for.

    `op` names what it does with its `parts`, `about` says with what else (a name, an operator, which events): enough
    to say the same in SQL, and to tell when time may change it. Parts: and or not compare in outside contains starts
    ends add sub mul div minus listed / leaves: const attribute now traits top_interest interest bucket segment any no
    count sum last first days_since days_since_first sequence / of one part: days_since_date next round lower; min max.
    """

    kind: Kind
    run: Run
    start: int
    end: int
    const: bool = False
    op: str = "const"
    parts: tuple[Bit, ...] = ()
    about: Any = None

    @property
    def constant(self) -> Any:
        return self.run(NOWHERE) if self.const else None


NOWHERE = Scope(now=datetime(1970, 1, 1, tzinfo=UTC), zone=UTC)  # constants look at nothing


def always(value: Any) -> Run:
    return lambda _: value


def both(parts: list[Run]) -> Run:
    if len(parts) == 2:
        one, two = parts
        return lambda scope: one(scope) is True and two(scope) is True
    return lambda scope: all(part(scope) is True for part in parts)


def either(parts: list[Run]) -> Run:
    if len(parts) == 2:
        one, two = parts
        return lambda scope: one(scope) is True or two(scope) is True
    return lambda scope: any(part(scope) is True for part in parts)


def negation(part: Run) -> Run:
    return lambda scope: part(scope) is not True


def absent(part: Run, op: str) -> Run:
    """Return the closure of `x == none` or `x != none`."""
    if op == "==":
        return lambda scope: part(scope) is None
    return lambda scope: part(scope) is not None


def compare(op: str, left: Run, right: Bit) -> Run:
    """Return `left op right`; false when a side is missing or of an unexpected type."""
    test = ORDER[op]
    if right.const:
        fixed = right.constant
        if op == "==":
            return lambda scope: left(scope) == fixed
        return lambda scope: _holds(test, left(scope), fixed)
    other = right.run
    return lambda scope: _holds(test, left(scope), other(scope))


def _holds(test: Callable[[Any, Any], Any], one: Any, two: Any) -> bool:
    if one is None or two is None:
        return False
    try:
        return bool(test(one, two))
    except TypeError:
        return False


def compare_dates(op: str, left: Run, right: Run) -> Run:
    """Return `left op right` for dates and instants; a bare date is its midnight in the contact's zone."""
    test = ORDER[op]

    def run(scope: Scope) -> bool:
        one, two = left(scope), right(scope)
        if isinstance(one, datetime) or isinstance(two, datetime):
            one, two = _instant(one, scope), _instant(two, scope)
        return _holds(test, one, two)

    return run


def _instant(value: Any, scope: Scope) -> datetime | None:
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=scope.zone)
    return datetime.combine(value, time(0), scope.zone) if isinstance(value, date) else None


def member(item: Run, row: Bit, *, wanted: bool) -> Run:
    """Return `item in row`; both ways false when a side is missing."""
    fixed = row.constant
    if row.const and isinstance(fixed, tuple):
        known = fixed
        return lambda scope: (found := item(scope)) is not None and (found in known) is wanted
    source = row.run

    def run(scope: Scope) -> bool:
        found, among = item(scope), source(scope)
        if found is None or not isinstance(among, list | tuple | set | frozenset):
            return False
        return (found in among) is wanted

    return run


def search(how: str, left: Run, right: Run) -> Run:
    """Return `left contains|starts|ends right`, upper and lower case apart; false when a side is missing or empty.

    A list contains a value that is one of its items.
    """

    def run(scope: Scope) -> bool:
        within, word = left(scope), right(scope)
        if how == "contains" and isinstance(within, list | tuple):
            return word is not None and word in within
        if not isinstance(within, str) or not isinstance(word, str) or not word:
            return False
        return {"contains": word in within, "starts": within.startswith(word), "ends": within.endswith(word)}[how]

    return run


def arithmetic(name: str, left: Run, right: Run) -> Run:
    """Return the sum, difference, product or quotient; missing when a side is, or on division by zero."""
    work = ARITHMETIC[name]

    def run(scope: Scope) -> Any:
        one, two = left(scope), right(scope)
        if one is None or two is None:
            return None
        try:
            return work(one, two)
        except (TypeError, ZeroDivisionError, OverflowError):
            return None

    return run


def shift_date(sign: int, left: Run, right: Run) -> Run:
    """Return a date moved by a span: whole days give a date, anything finer an instant in the contact's zone."""

    def run(scope: Scope) -> Any:
        day, span = left(scope), right(scope)
        if day is None or not isinstance(span, timedelta):
            return None
        try:
            if isinstance(day, datetime) or span % timedelta(days=1):
                at = _instant(day, scope)
                return at + sign * span if at else None
            return day + sign * span
        except OverflowError:
            return None

    return run


def minus(part: Run) -> Run:
    def run(scope: Scope) -> Any:
        value = part(scope)
        return -value if isinstance(value, int | float | timedelta) else None

    return run


def row(parts: list[Run]) -> Run:
    return lambda scope: tuple(part(scope) for part in parts)
