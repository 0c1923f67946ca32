"""A condition as a fact: its value, and the first instant at which time alone may change it.

Rules (people.md 4)
- `until` may be early, then one looks again; it is never late. None: only the person can change it.
- not: the same until. and: while false, the latest until of the false parts; while true, the earliest of all. or: the
  mirror.
- Windows of events stand in windows.py; days since an event that are calculated with, and interests that fade, are
  followed along a line that they never cross sooner than.
- Of `and` and `or` what costs least is asked first: a part that time never changes may decide alone.
- What is read off the calendar turns at midnights and hours of the contact's own zone.
- Products of two moving values, and a `where` that asks what time it is, are looked at again after POLL.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from engine.audience import windows
from engine.audience.fact import INSTANT, NO, YES, Fact, Look, steady
from engine.audience.instants import around, hours, midnights
from engine.audience.lines import FAR, Line, crossing, line_of
from engine.audience.still import plain, still
from journeys.bits import Bit
from journeys.expression import Expression, Scope
from journeys.happenings import Asked
from journeys.sequence import turns as sequence_turns

POLL = timedelta(minutes=1)
SINCE = ("days_since", "days_since_first")
MOST = 25
"""Turns that are tried before one looks again."""

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
            cheap = sorted(bit.parts, key=lambda part: not still(part))
            return _joined([self.look(part) for part in cheap], stop=bit.op == "or")
        if bit.op == "not":
            return _negated(self.look(bit.parts[0]))
        if bit.op == "segment":
            return self.segment(bit.about)
        if still(bit):
            run = bit.run
            return lambda scope: YES if run(scope) is True else NO
        if bit.op in ("any", "no") and plain(bit.about):
            return windows.happened(bit)
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
        if one.op in ("count", "sum") and isinstance(two.constant, int | float) and plain(one.about):
            return windows.emptying(one, bit.about, two.constant)
        if one.op in SINCE and two.const and type(two.constant) is int and plain(one.about):
            return windows.elapsed(one, bit.about, timedelta(days=two.constant))
        if (_dated(one) and still(two)) or (_dated(two) and still(one)):
            return _turning(bit, _crossed_days(one, two), complete=True)
        if bit.about not in ("==", "!=") and {one.op, two.op} & {"interest"} and (still(one) or still(two)):
            return _falling(bit)
        first, second = line_of(one), line_of(two)
        if first is not None and second is not None and not (still(one) and still(two)):
            return _crossing(bit, first, second)
        return _turning(bit, turns_of(bit))


def _nobody(_: Scope) -> Fact:
    return NO


def _negated(part: Look) -> Look:
    def look(scope: Scope) -> Fact:
        value, until = part(scope)
        return steady(not value) if until is None else Fact(not value, until)

    return look


def _joined(parts: list[Look], *, stop: bool) -> Look:
    """Return the look of `and` (stop=False) or `or` (stop=True): one part with that value decides alone."""
    decided, open_ = steady(stop), steady(not stop)

    def look(scope: Scope) -> Fact:
        last = first = None  # of the parts that decide, and of the others
        for part in parts:
            value, until = part(scope)
            if value is stop:
                if until is None:
                    return decided
                if last is None or until > last:
                    last = until
            elif until is not None and (first is None or until < first):
                first = until
        if last is not None:
            return Fact(stop, last)
        return open_ if first is None else Fact(not stop, first)

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
