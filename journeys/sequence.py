"""`sequence(product_viewed within 7d, cart_updated within 1d, no order_placed within 2h)`: one thing after another.

Rules
- Each step is later than the step before it. `within` of the first counts back from now, that of a later one from the
  step before; a step without it may come at any time.
- `no X within 2h`: none in the 2 hours after the step before, and those 2 hours are over. `no X` without a span: none
  before the next step, or none so far if it is the last. The step after a `no` counts from the last step that happened.
- It holds as soon as there is one way through; the same event is never two steps.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from journeys.bits import Run
from journeys.expression import Scope
from journeys.happenings import Asked

INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happens, or that must not (`absent`); `asked.within` as the rules say."""

    asked: Asked
    absent: bool = False


def sequence(steps: tuple[Step, ...]) -> Run:
    """Return the closure: there is a way through all the steps."""
    return lambda scope: bool(_ends(steps, scope))


def _ends(steps: tuple[Step, ...], scope: Scope) -> list[datetime]:
    """Return the instants at which the last step that happens does, oldest first; none: no way through."""
    anchors = _times(steps[0], scope, first=True)
    hidden: list[datetime] = []  # what must not come before the next step
    for n, step in enumerate(steps[1:], 1):
        times = _times(step, scope)
        span = step.asked.within
        if not step.absent:
            anchors, hidden = _after(anchors, times, (span, hidden)), []
        elif span is not None:
            anchors = [at for at in anchors if at + span < scope.now and not _any(times, at, at + span)]
        elif n == len(steps) - 1:
            anchors = [at for at in anchors if not _any(times, at, scope.now)]
        else:
            hidden = sorted(hidden + times)
    return anchors


def _times(step: Step, scope: Scope, *, first: bool = False) -> list[datetime]:
    """Return when the events of a step happened, oldest first."""
    asked = step.asked if first else Asked(step.asked.event, step.asked.where)
    return [happening.at for happening in asked.found(scope)][::-1]


def _after(
    anchors: list[datetime], times: list[datetime], limits: tuple[timedelta | None, list[datetime]]
) -> list[datetime]:
    """Return those times that come after one of the anchors: the latest before them is the best one."""
    span, hidden = limits
    found = []
    for at in times:
        place = bisect_left(anchors, at) - 1
        if place < 0:
            continue
        since = anchors[place]
        if (span is None or at <= since + span) and not _any(hidden, since, at):
            found.append(at)
    return found


def _any(times: list[datetime], since: datetime, until: datetime) -> bool:
    """Return whether one of the times lies after `since`, at `until` at the latest."""
    return bisect_right(times, since) < bisect_right(times, until)


def turns(steps: tuple[Step, ...], scope: Scope) -> Iterator[datetime]:
    """Yield instants at which time alone may change the answer; in no order, some of them past."""
    window = steps[0].asked.within
    times: list[datetime] = []
    for n, step in enumerate(steps):
        if not step.absent:
            times += _times(step, scope, first=n == 0)
        elif step.asked.within is not None:
            yield from (at + step.asked.within + INSTANT for at in times)
    if window is not None:
        yield from (at + window + INSTANT for at in _times(steps[0], scope, first=True))


def reach(steps: tuple[Step, ...]) -> timedelta | None:
    """Return how far back it looks: everything else comes after the first step."""
    return steps[0].asked.within
