"""The label rule: what a model is told of a decision, and when.

Rules
- Whether a decision is taught depends on its stage alone, never on what it earned. A patient model learns each
  decision once, when its window has closed; a hasty one learns each at its first sight with what is known so far,
  and again when that has changed. So "1 on a click, 0 at the close" cannot be written here: it wrecks every learner.
- A patient model serves as a copy that has also seen the open decisions: what they earned with weight 1, a silence
  with the weight of the delay curve at its age. The copy is thrown away; nothing has to be unlearned.
- What is heard after the close waits for the nightly refit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from engine.core.model import Outcome, Reward
from engine.learner.delays import Curves
from engine.learner.models import Example, Model

SAME = 1e-9

Stage = Literal["open", "closed", "late"]


@dataclass(frozen=True, slots=True)
class Lesson:
    """A decision with its total reward by now; `before` is the total the model was last told (None: nothing)."""

    features: str
    arm: str  # the arm's features
    reward: float
    before: float | None = None
    propensity: float = 1.0
    stage: Stage = "open"

    @property
    def new(self) -> bool:
        """Return whether this says anything that was not said before."""
        return self.before is None or abs(self.reward - self.before) > SAME

    def due(self, *, patient: bool) -> bool:
        """Return whether a model of this temper is taught now."""
        if self.stage == "late":
            return False
        return self.stage == "closed" if patient else self.new


@dataclass(frozen=True, slots=True)
class Open:
    """A decision whose window is open: what it has earned, whether that is silence, its age in seconds."""

    features: str
    arm: str
    channel: str
    reward: float
    silent: bool
    age: float
    propensity: float = 1.0


def lesson(outcome: Outcome, earned: Reward, arm: str) -> Lesson:
    """Return what this outcome teaches; `arm` is the features of the arm that was taken."""
    decision = outcome.decision
    stage: Stage = "closed" if earned.closed else "open"
    return Lesson(decision.features, arm, earned.value, outcome.learned, decision.propensity, stage)


def teach(model: Model, lessons: Sequence[Lesson]) -> int:
    """Teach what is due, in this order, and return how many lessons that were."""
    due = [lesson for lesson in lessons if lesson.due(patient=model.patient)]
    if due:
        model.learn([_example(model, lesson) for lesson in due])
    return len(due)


def relearn(model: Model, lessons: Sequence[tuple[Lesson, float]]) -> None:
    """Teach a new model decisions with all that is known of them, each once and with its weight, in this order."""
    for lesson, _ in lessons:
        model.scaling.note(lesson.reward)
    scaling = model.scaling
    model.learn(
        [
            Example(one.features, one.arm, scaling.label(one.reward), one.propensity, None, weight)
            for one, weight in lessons
        ]
    )


def serving(model: Model, open_decisions: Sequence[Open], curves: Curves) -> Model:
    """Return the model that decides: for a patient one a copy that knows the open decisions, too."""
    if not model.patient or not open_decisions:
        return model
    return model.provisional([_provisional(model, one, curves) for one in open_decisions])


def _example(model: Model, lesson: Lesson) -> Example:
    scaling = model.scaling
    scaling.note(lesson.reward)
    before = None if lesson.before is None or model.patient else scaling.label(lesson.before)
    return Example(lesson.features, lesson.arm, scaling.label(lesson.reward), lesson.propensity, before)


def _provisional(model: Model, one: Open, curves: Curves) -> Example:
    weight = curves.share(one.channel, one.age) if one.silent else 1.0
    return Example(one.features, one.arm, model.scaling.label(one.reward), one.propensity, None, weight)
