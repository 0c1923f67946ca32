"""What an experiment shows: the goal rate of each group of people, and the words that may be said of the difference.

Rules
- The unit is the contact, from the first time they took part; only those count whose goal's time is over.
- Of two criteria everybody is compared whom either of them let in, by the group that the draw of lots put them in,
  whatever then happened to them: who takes part must not depend on the group.
- Who is in a journey of the other group (they were there before the experiment) is left out and counted.
- Group sizes that the shares do not explain mean that the groups are not comparable: then nothing is said.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any

import sqlalchemy as sa

from engine.report.intervals import (
    Difference,
    Mean,
    Rate,
    Span,
    Verdict,
    difference,
    needed_per_group,
    split_check,
    verdict,
    welch,
    wilson,
)
from engine.store import experiments as kept
from journeys.experiment import Experiment
from journeys.expression import Scope
from journeys.journey import Journey, Split

BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)
GUESS = 0.05
LIFT = 0.2


@dataclass(slots=True)
class Arm:
    """One group: how many took part, how many of them reached the goal, and what that was worth."""

    name: str
    share: float
    n: int = 0
    goals: int = 0
    worth: float = 0.0
    squares: float = 0.0

    @property
    def rate(self) -> Rate:
        return Rate(self.goals, self.n)

    @property
    def span(self) -> Span:
        return wilson(self.goals, self.n)

    @property
    def mean(self) -> Mean:
        """Return what a person is worth on average, those without the goal included."""
        mean = self.worth / self.n if self.n else 0.0
        variance = (self.squares - self.n * mean * mean) / (self.n - 1) if self.n > 1 else 0.0
        return Mean(mean, max(variance, 0.0), self.n)


@dataclass(frozen=True, slots=True)
class Versus:
    """One group against the first one."""

    arm: str
    against: str
    difference: Difference
    verdict: Verdict
    worth: Span | None  # of the difference in value per person; None: the goal has no value


@dataclass(frozen=True, slots=True)
class Result:
    """Everything about an experiment. `young`: took part, but their time runs; `strays`: in the other's journey."""

    name: str
    since: datetime | None
    arms: tuple[Arm, ...]
    versus: tuple[Versus, ...]
    split_p: float
    young: int
    strays: int
    needed: int  # per group, to show a lift of LIFT at the rate of the first


@dataclass(slots=True)
class _Tally:
    arms: dict[str, Arm]
    young: int = 0
    strays: int = 0


def result(
    conn: sa.Connection,
    one: Experiment,
    journeys: Mapping[str, Journey],
    when: tuple[datetime, tzinfo],
    since: datetime | None = None,
) -> Result:
    """Return what the experiment shows as of `when` (now, the project's zone)."""
    now, zone = when
    began = since or kept.began(conn, one.kind, one.name, one.arms)
    period = began or BEGINNING, now
    tally = _Tally({name: Arm(name, share) for name, share in shares(one, journeys).items()})
    worth = _worth(one, zone)
    for contact, arm, first, bodies in kept.reached(conn, _took_part(one, period), one.goal.events, one.goal.within):
        mine = one.arm_of(contact) if one.kind != "split" else arm
        if mine not in tally.arms or (arm and arm != mine):
            tally.strays += 1
        elif first + one.goal.within > now:
            tally.young += 1
        else:
            _count(
                tally.arms[mine], [value for name, body in bodies if (value := worth(name, body, first)) is not None]
            )
    arms = tuple(tally.arms.values())
    split_p = split_check([arm.n for arm in arms], [arm.share for arm in arms])
    rate = arms[0].rate.value or GUESS
    return Result(one.name, began, arms, tuple(_versus(arm, arms[0], one, split_p) for arm in arms[1:]), split_p,
                  tally.young, tally.strays, needed_per_group(rate, rate * LIFT))  # fmt: skip


def shares(one: Experiment, journeys: Mapping[str, Journey]) -> dict[str, float]:
    """Return which share of the people each group has."""
    if one.kind != "split":
        return {one.arms[0]: one.share, one.arms[1]: 1 - one.share}
    journey, _, state = one.arms[0].partition(".")
    action = journeys[journey].states[state].action if journey in journeys else None
    return dict(action.shares) if isinstance(action, Split) else {}


def _took_part(one: Experiment, period: kept.Period) -> sa.Select[Any]:
    if one.kind == "segments":
        return kept.in_segments(one.arms, period)
    return kept.in_journeys(one.arms, period) if one.kind == "journeys" else kept.in_split(one.arms[0], period)


def _worth(one: Experiment, zone: tzinfo) -> Callable[[str, Mapping[str, Any], datetime], float | None]:
    def worth(name: str, body: Mapping[str, Any], at: datetime) -> float | None:
        """Return what an event is worth as a success, None when it is none."""
        scope = Scope(at, zone, event=body)
        if name not in one.goal.events or (one.goal.guard is not None and not one.goal.guard.holds(scope)):
            return None
        said = one.goal.value.value(scope) if one.goal.value else 1.0
        return float(said) if isinstance(said, int | float) else 0.0

    return worth


def _count(arm: Arm, values: Sequence[float]) -> None:
    total = sum(values)
    arm.n += 1
    arm.goals += bool(values)
    arm.worth += total
    arm.squares += total * total


def _versus(arm: Arm, control: Arm, one: Experiment, split_p: float) -> Versus:
    known = one.goal.value is not None and min(arm.n, control.n) > 1
    return Versus(
        arm.name, control.name, difference(arm.rate, control.rate), verdict(arm.rate, control.rate, split_p=split_p),
        welch(arm.mean, control.mean) if known else None,
    )  # fmt: skip
