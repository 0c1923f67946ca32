"""A condition as a fact: its value, and the first instant at which time alone may change it.

Rules (people.md 4)
- `until` may be early, then one looks again; it is never late. None: only the person can change it.
- not: the same until. and: while false, the latest until of the false parts; while true, the earliest of all. or: the
  mirror.
- A window of `within` is walked as it empties: the first event whose leaving turns the answer says when, whatever the
  signs of what is added up.
- Days since an event, and interests that fade, are followed along a line that they never cross sooner than.
- What is read off the calendar turns at midnights and hours of the contact's own zone.
- Products of two moving values, and a `where` that asks what time it is, are looked at again after POLL.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import accumulate
from typing import Any, NamedTuple

from engine.audience.instants import around, hours, midnights
from engine.audience.lines import FAR, Line, crossing, line_of
from engine.audience.still import plain, still
from journeys.bits import ORDER, Bit
from journeys.expression import Expression, Scope
from journeys.happenings import Asked, added, figure
from journeys.sequence import turns as sequence_turns

INSTANT = timedelta(microseconds=1)
POLL = timedelta(minutes=1)
SINCE = ("days_since", "days_since_first")
MOST = 16
"""Turns that are tried before one looks again."""


class Fact(NamedTuple):
    """What holds, and until when it does: None = until the person does something."""

    value: bool
    until: datetime | None = None


Look = Callable[[Scope], Fact]
Turns = Callable[[Scope], Iterable[datetime]]


def fact_of(bit: Bit, segments: Mapping[str, Expression]) -> Look:
    """Return the closure that gives a condition's Fact for a Scope."""
    return _Facts(segments).look(bit)


class _Facts:
    """Compiling of one condition; a segment that it asks for is compiled once."""

    def __init__(self, segments: Mapping[str, Expression]) -> None:
        self.segments = segments
        self.known: dict[str, Look] = {}

    def look(self, bit: Bit) -> Look:
        if bit.op in ("and", "or"):
            return _joined([self.look(part) for part in bit.parts], stop=bit.op == "or")
        if bit.op == "not":
            part = self.look(bit.parts[0])
            return lambda scope: Fact(not (found := part(scope)).value, found.until)
        if bit.op == "segment":
            return self.segment(bit.about)
        if still(bit):
            return lambda scope: Fact(bit.run(scope) is True)
        if bit.op in ("any", "no"):
            return _happened(bit)
        if bit.op == "compare":
            return self.compared(bit)
        return _turning(bit, turns_of(bit))

    def segment(self, name: str) -> Look:
        if name not in self.known:
            rule = self.segments.get(name)
            self.known[name] = self.look(rule.root) if rule is not None and rule.root is not None else _nobody
        return self.known[name]

    def compared(self, bit: Bit) -> Look:
        one, two = bit.parts
        if one.op in ("count", "sum") and two.const and two.constant is not None and plain(one.about):
            return _emptying(one, ORDER[bit.about], two.constant)
        if one.op in SINCE and two.const and type(two.constant) is int and plain(one.about):
            return _elapsed(one, bit.about, timedelta(days=two.constant))
        if (_dated(one) and still(two)) or (_dated(two) and still(one)):
            return _turning(bit, _crossed_days(one, two), complete=True)
        if bit.about not in ("==", "!=") and {one.op, two.op} & {"interest"} and (still(one) or still(two)):
            return _falling(bit)
        first, second = line_of(one), line_of(two)
        if first is not None and second is not None and not (still(one) and still(two)):
            return _crossing(bit, first, second)
        return _turning(bit, turns_of(bit))


def _nobody(_: Scope) -> Fact:
    return Fact(value=False)


def _joined(parts: list[Look], *, stop: bool) -> Look:
    """Return the look of `and` (stop=False) or `or` (stop=True): one part with that value decides alone."""

    def look(scope: Scope) -> Fact:
        decisive: list[datetime] = []
        others: list[datetime] = []
        stopped = False
        for part in parts:
            value, until = part(scope)
            if value is stop:
                if until is None:
                    return Fact(stop)
                stopped = True
                decisive.append(until)
            elif until is not None:
                others.append(until)
        if stopped:
            return Fact(stop, max(decisive))
        return Fact(not stop, min(others, default=None))

    return look


def _happened(bit: Bit) -> Look:
    """Return the look of `any …` and `no …`: the newest event decides how long."""
    asked: Asked = bit.about
    if not plain(asked):
        return _turning(bit, turns_of(bit))
    sought = bit.op == "any"

    def look(scope: Scope) -> Fact:
        newest = next(asked.found(scope), None)
        if newest is None:
            return Fact(not sought)
        return Fact(sought, None if asked.within is None else newest.at + asked.within + INSTANT)

    return look


def _elapsed(bit: Bit, op: str, span: timedelta) -> Look:
    """Return the look of `days_since(…) op n`: it turns once, when so many days are over, or just after."""
    asked: Asked = bit.about
    test, within, first = ORDER[op], asked.within, bit.op == "days_since_first"
    after = INSTANT if op in (">", "<=") else timedelta(0)

    def look(scope: Scope) -> Fact:
        at = None
        for happening in asked.found(scope):
            at = happening.at
            if not first:
                break
        if at is None:
            return Fact(value=False)
        turn = at + span + after
        if op in ("==", "!=") and scope.now >= turn:
            turn += INSTANT
        until = turn if turn > scope.now else None
        if within is not None and (until is None or at + within < until):
            until = at + within + INSTANT
        return Fact(bool(test(scope.now - at, span)), until)

    return look


def _falling(bit: Bit) -> Look:
    """Return the look of an interest beside something that stands still: it only falls, so it turns once or never."""

    def look(scope: Scope) -> Fact:
        value = bit.run(scope) is True
        low, high = 0, int(FAR) * 86_400_000_000  # microseconds from now: as it is, and otherwise
        if (bit.run(replace(scope, now=scope.now + high * INSTANT)) is True) is value:
            return Fact(value)
        while high - low > 1:
            middle = (low + high) // 2
            same = (bit.run(replace(scope, now=scope.now + middle * INSTANT)) is True) is value
            low, high = (middle, high) if same else (low, middle)
        return Fact(value, scope.now + high * INSTANT)

    return look


def _emptying(bit: Bit, test: Callable[[Any, Any], Any], against: Any) -> Look:
    """Return the look of `count(…) op n` and `sum(…) op n`: walk the oldest out until the answer turns."""
    asked: Asked = bit.about
    total = _count if bit.op == "count" else _total
    empty = Fact(_tested(test, 0, against))

    def look(scope: Scope) -> Fact:
        inside = list(asked.found(scope))  # newest first
        if not inside:
            return empty
        sizes = total(inside, asked.prop)
        value = _tested(test, sizes[-1], against)
        if asked.within is not None:
            for left in range(len(inside) - 1, -1, -1):
                if _tested(test, sizes[left], against) is not value:
                    return Fact(value, inside[left].at + asked.within + INSTANT)
        return Fact(value)

    return look


def _tested(test: Callable[[Any, Any], Any], one: Any, two: Any) -> bool:
    try:
        return two is not None and bool(test(one, two))
    except TypeError:
        return False


def _count(inside: list[Any], _: str) -> range:
    return range(len(inside) + 1)


def _total(inside: list[Any], prop: str) -> list[float]:
    """Return the sums of the newest 0, 1, 2 ... events."""
    values = [figure(happening, prop) for happening in inside]
    if all(type(value) is int for value in values):
        return [0, *accumulate(values)]
    return [added(values[:size]) for size in range(len(values) + 1)]


def _turning(bit: Bit, turns: Turns | None, *, complete: bool = False) -> Look:
    """Return the look of a condition that can only change at certain instants: the first at which it does.

    `complete`: the instants are all there will ever be. None: nobody knows them, so look again soon.
    """

    def look(scope: Scope) -> Fact:
        value = bit.run(scope) is True
        if turns is None:
            return Fact(value, scope.now + POLL)
        tried = sorted({at for at in turns(scope) if at > scope.now})
        for at in tried[:MOST]:
            if (bit.run(replace(scope, now=at)) is True) is not value:
                return Fact(value, at)
        if complete and len(tried) <= MOST:
            return Fact(value)
        return Fact(value, tried[:MOST][-1] if tried else None)

    return look


def turns_of(bit: Bit) -> Turns | None:
    """Return what gives the instants at which a part may change: the next ones, or all; None when nobody knows."""
    if still(bit):
        return _none
    if bit.op == "now":
        return hours if bit.about == "hour" else midnights
    if bit.op == "sequence":
        fixed = all(plain(step.asked) for step in bit.about)
        return (lambda scope: sequence_turns(bit.about, scope)) if fixed else None
    if isinstance(bit.about, Asked):
        return _leaving(bit.about) if bit.op not in ("days_since", "days_since_first") and plain(bit.about) else None
    if bit.op in ("interest", "segment") or not bit.parts:
        return None
    parts = [turns_of(part) for part in bit.parts]
    own = midnights if bit.op in ("days_since_date", "next") else _none
    known = [part for part in parts if part is not None]
    return (lambda scope: _all([own, *known], scope)) if len(known) == len(parts) else None


def _all(parts: list[Turns], scope: Scope) -> Iterator[datetime]:
    for part in parts:
        yield from part(scope)


def _none(_: Scope) -> tuple[datetime, ...]:
    return ()


def _leaving(asked: Asked) -> Turns:
    within = asked.within
    return lambda scope: [] if within is None else [one.at + within + INSTANT for one in asked.found(scope)]


def _dated(bit: Bit) -> bool:
    """Return whether a part goes up by one each midnight."""
    return (bit.op == "days_since_date" and still(bit.parts[0])) or (bit.op == "now" and bit.about == "date")


def _crossed_days(one: Bit, two: Bit) -> Turns:
    """Return the midnights around the one day on which a counter of days passes something that stands still."""
    return lambda scope: around(one.run(scope), two.run(scope), scope)


def _crossing(bit: Bit, one: Callable[[Scope], Line], two: Callable[[Scope], Line]) -> Look:
    """Return the look of a comparison of moving numbers."""

    def look(scope: Scope) -> Fact:
        value = bit.run(scope) is True
        return Fact(value, crossing(bit, (one(scope), two(scope)), scope, value=value))

    return look
