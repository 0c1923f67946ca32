"""What every model can do, whatever is inside it, and the one place where a kind becomes a model.

Rules
- The shell knows `Model`, never a kind. The libraries are imported when the first model is made, not before.
- Settings are plain values. They are part of the model: with other settings it is another model.
- The same examples in the same order give the same weights, in whatever batches they came.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from engine.core.model import Policy
from engine.errors import LearnerError
from engine.learner.features import SCHEMA
from engine.learner.scaling import Scaling
from journeys import Choose

KINDS = {"vw": "engine.learner.vw", "thompson": "engine.learner.thompson", "beta": "engine.learner.beta"}


@dataclass(frozen=True, slots=True)
class Example:
    """What a model learns from. `reward` is scaled to [-1, 1]; `before` is what it was told earlier of the same
    decision (None: nothing). A model that can take a label back does so; the others learn it as one more.
    """

    features: str
    arm: str  # the arm's features
    reward: float
    propensity: float = 1.0
    before: float | None = None


class Model(Protocol):
    """Estimates what each arm would earn, and says how those scores become chances."""

    @property
    def kind(self) -> str: ...
    @property
    def settings(self) -> Mapping[str, Any]: ...
    @property
    def learned(self) -> int:
        """Return how many examples it has learned from."""

    @property
    def scaling(self) -> Scaling: ...
    def learn(self, examples: Sequence[Example]) -> None:
        """Learn in this order, or LearnerError with nothing learned."""

    def scores(self, features: Sequence[str], arms: Mapping[str, str]) -> list[dict[str, float]]:
        """Return one score per arm id for every line of features; LearnerError when one is not finite."""

    def policy(self, version: str) -> Policy:
        """Return the value that turns these scores into chances."""

    def weight_hash(self) -> str:
        """Return what two models share that learned the same."""

    def dumps(self) -> bytes: ...


def new_model(kind: str, settings: Mapping[str, Any] | None = None) -> Model:
    """Make a model that knows nothing yet."""
    made: Model = _room(kind).new(full_settings(kind, settings))
    return made


def load_model(kind: str, raw: bytes, settings: Mapping[str, Any] | None = None) -> Model:
    """Read a stored model; LearnerError unless it is whole and was made with these settings."""
    try:
        loaded: Model = _room(kind).loads(raw, full_settings(kind, settings))
    except (KeyError, TypeError, ValueError) as error:
        raise LearnerError(f"the stored {kind} model cannot be read: {error}") from error
    return loaded


def settings_for(choose: Choose) -> dict[str, Any]:
    """Return what a decision point asks of its model; today that is the scale of its rewards."""
    terms = choose.reward
    highest = terms.clip[1] if terms.clip and terms.clip[1] > 0.0 else None
    return {"scale": terms.scale or highest}


def full_settings(kind: str, settings: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the settings with every default filled in; a name that is not known is refused."""
    known: dict[str, Any] = {"schema": SCHEMA, "scale": None, **_room(kind).DEFAULTS}
    if odd := sorted(set(settings or {}) - set(known)):
        raise LearnerError(f"a {kind} model has no setting {odd[0]!r}")
    return known | dict(settings or {})


def checked(examples: Sequence[Example]) -> Sequence[Example]:
    """Return the examples; LearnerError when a label would poison the model for good."""
    for example in examples:
        if not -1.0 <= example.reward <= 1.0:  # false for what is not a number, too
            raise LearnerError(f"a reward of {example.reward} cannot be learned: it must lie in [-1, 1]")
        if example.before is not None and not -1.0 <= example.before <= 1.0:
            raise LearnerError(f"an earlier reward of {example.before} cannot be learned: it must lie in [-1, 1]")
    return examples


def finite(rows: list[dict[str, float]]) -> list[dict[str, float]]:
    """Return the scores; LearnerError when one of them is no number."""
    if not all(math.isfinite(value) for row in rows for value in row.values()):
        raise LearnerError("the model gives scores that are no numbers: start a new one from the log of decisions")
    return rows


def _room(kind: str) -> Any:
    if kind not in KINDS:
        raise LearnerError(f"there is no {kind!r} model; there are {', '.join(KINDS)}")
    return importlib.import_module(KINDS[kind])
