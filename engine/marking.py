"""From what happened to what is taught: rewards, lessons, and how long outcomes took.

Rules
- Held-out people never teach, nor does a message that failed or is in doubt.
- An arm that the file has no more is still known by its name: its decisions keep what they taught.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from engine.core.attribution import reward
from engine.core.chance import name
from engine.core.model import Outcome, Reward
from engine.learner.features import arm_features
from engine.learner.lessons import SAME, Lesson, Open, lesson
from engine.store.learning import TEACHING
from engine.store.lessons import Told
from journeys import Choose

Lessons = dict[str, list[tuple[Told, Lesson]]]  # by point
Delays = dict[str, dict[str, list[float]]]  # seconds, by point and channel


@dataclass(frozen=True, slots=True)
class Marker:
    """The terms of every decision point, by "journey.state"."""

    points: Mapping[str, Choose]

    @property
    def names(self) -> tuple[str, ...]:
        """Return the events that may earn something anywhere."""
        return tuple(sorted({event for choose in self.points.values() for event in choose.reward.score}))

    def earned(self, outcome: Outcome, now: datetime) -> Reward:
        """Return what a decision has earned by now."""
        choose = self.points.get(outcome.decision.point)
        if choose is None or outcome.void:
            return Reward(outcome.decision.key, 0.0, closed=now >= outcome.closes_at)
        return reward(outcome, choose.reward, now)

    def lessons(self, outcomes: Sequence[Outcome], rewards: Sequence[Reward]) -> tuple[Lessons, Delays]:
        """Return what is new about each decision that teaches, by point, and how long their outcomes took."""
        lessons: Lessons = {}
        delays: Delays = {}
        for outcome, earned in zip(outcomes, rewards, strict=True):
            if not self.teaches(outcome):
                continue
            point, arm = outcome.decision.point, self.arm(outcome)
            one = lesson(outcome, earned, arm)
            if one.new or one.stage == "closed":
                told = Told(earned.key, one.reward, one.stage, arm, one.before)
                lessons.setdefault(point, []).append((told, one))
            if one.stage == "closed" and earned.events:
                mine = delays.setdefault(point, {}).setdefault(channel_of(outcome.decision.arm), [])
                mine.append(_delay(outcome, earned))
        return lessons, delays

    def teaches(self, outcome: Outcome) -> bool:
        """Return whether a decision may teach: of a group that does, with a message that went out."""
        choose = self.points.get(outcome.decision.point)
        return choose is not None and choose.learn and outcome.decision.group in TEACHING and not outcome.void

    def arm(self, outcome: Outcome) -> str:
        """Return the features of the arm that was taken."""
        return self.arm_called(outcome.decision.point, outcome.decision.arm)

    def arm_called(self, point: str, id_: str) -> str:
        """Return the features of an arm by its id; of one that the file has no more, its name."""
        arm = next((arm for arm in self.points[point].arms if arm.id == id_), None)
        return arm_features(arm) if arm is not None else f"m={name(id_)}"

    def open(self, point: str, row: sa.Row[Any], now: datetime) -> Open:
        """Return a decision whose window is open, as a serving copy is shown it."""
        earned, cost = float(row.reward or 0.0), float(row.cost)
        age = max(0.0, (now - row.starts_at).total_seconds())
        arm = self.arm_called(point, row.arm)
        return Open(row.features, arm, channel_of(row.arm), earned, abs(earned + cost) < SAME, age, row.propensity)


def channel_of(arm: str) -> str:
    """Return the channel of an arm by its id, "" for one that names none."""
    return arm.partition("/")[0] if "/" in arm else ""


def _delay(outcome: Outcome, earned: Reward) -> float:
    """Return the seconds until the first event that counted."""
    counted = set(earned.events)
    first = min(event.at for event in outcome.events if event.id in counted)
    return (first - outcome.starts_at).total_seconds()
