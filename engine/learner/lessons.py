"""The label rule: what a model is told of a decision, and when.

Rules
- A decision is taught at once with what is known so far (nothing yet: 0 less the cost), and again when its total
  has changed. Silence at the close of a window changes nothing and teaches nothing.
- Never "1 on a click, 0 at the close": the late zeros are of the easy cases only, and they wreck every learner.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engine.core.model import Outcome, Reward
from engine.learner.models import Example, Model

SAME = 1e-9


@dataclass(frozen=True, slots=True)
class Lesson:
    """A decision with its total reward by now; `before` is the total the model was last told (None: nothing)."""

    features: str
    arm: str  # the arm's features
    reward: float
    before: float | None = None
    propensity: float = 1.0

    @property
    def due(self) -> bool:
        return self.before is None or abs(self.reward - self.before) > SAME


def lesson(outcome: Outcome, earned: Reward, arm: str) -> Lesson:
    """Return what this outcome teaches; `arm` is the features of the arm that was taken."""
    decision = outcome.decision
    return Lesson(decision.features, arm, earned.value, outcome.learned, decision.propensity)


def teach(model: Model, lessons: Sequence[Lesson]) -> int:
    """Teach what is due, in this order, and return how many lessons that were."""
    due = [lesson for lesson in lessons if lesson.due]
    model.learn([_example(model, lesson) for lesson in due])
    return len(due)


def _example(model: Model, lesson: Lesson) -> Example:
    scaling = model.scaling
    scaling.note(lesson.reward)
    before = None if lesson.before is None else scaling.label(lesson.before)
    return Example(lesson.features, lesson.arm, scaling.label(lesson.reward), lesson.propensity, before)
