"""What a journey's own tests say: a person, what happens to them, and what must come of it.

Rules
- Times of a test are local to its contact. One without a `start` begins on BEGINNING, a fixed Monday: a test that
  passes today passes in a year.
- `path` and `sent` are beginnings of what happens, in order: a test says what it is about, and no more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta, tzinfo
from typing import Any, Literal

from journeys.place import Place
from journeys.problem import Problem

BEGINNING = datetime(2026, 1, 5, 10, 0)  # noqa: DTZ001 - local to the contact; a Monday
GROUPS = ("learner", "baseline", "holdout")
DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)

TestGroup = Literal["learner", "baseline", "holdout"]


@dataclass(frozen=True, slots=True)
class When:
    """When a message is expected; one of the three is set, both ends belong to it, to the minute.

    `between` are local instants, `daily` hours of any day, `after` lengths of time since the start: whole days mean
    local days, so `2d` is the day after tomorrow.
    """

    said: str
    between: tuple[datetime, datetime] | None = None
    daily: tuple[time, time] | None = None
    after: tuple[timedelta, timedelta] | None = None

    def holds(self, at: datetime, start: datetime, zone: tzinfo) -> bool:
        """Return whether the instant `at` is inside, for a test that starts at `start`."""
        local, begun = (moment.astimezone(zone).replace(tzinfo=None) for moment in (at, start))
        if self.between is not None:
            return self.between[0] <= local < self.between[1] + MINUTE
        if self.daily is not None:
            return self.daily[0] <= local.time().replace(second=0, microsecond=0) <= self.daily[1]
        if self.after is None:
            return True
        if not any(span % DAY for span in self.after):
            return self.after[0] <= timedelta(days=(local.date() - begun.date()).days) <= self.after[1]
        return self.after[0] <= at - start < self.after[1] + MINUTE


@dataclass(frozen=True, slots=True)
class Happens:
    """An event of a test, `after` its start."""

    event: str
    after: timedelta
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Expected:
    """What must come of it; None and empty are not asked. `places` by key: "path.2", "sent.0", "ends"."""

    ends: str | None = None
    path: tuple[str, ...] = ()
    sent: tuple[tuple[str, When | None], ...] = ()
    sent_at_most: int | None = None
    state_at: tuple[tuple[timedelta, str], ...] = ()
    places: Mapping[str, Place] = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class JourneyTest:
    """One item of `tests`. `broken` are the errors of its own text: such a test counts as failed and is not played."""

    name: str
    place: Place
    start: datetime = BEGINNING  # local, without a zone
    contact: Mapping[str, Any] = field(default_factory=dict)
    events: tuple[Happens, ...] = ()
    forced: Mapping[str, str] = field(default_factory=dict)  # state -> arm id
    group: TestGroup = "learner"
    alone: bool = False  # no other journey runs
    expected: Expected = field(default_factory=Expected)
    broken: tuple[Problem, ...] = ()
