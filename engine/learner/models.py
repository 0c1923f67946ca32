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
from typing import TYPE_CHECKING, Any, Literal, Protocol

from engine.core.model import Policy
from engine.errors import LearnerError
from engine.learner.features import SCHEMA
from engine.learner.scaling import Scaling
from engine.learner.schema import FIXED, Schema
from journeys import Choose

if TYPE_CHECKING:
    from engine.learner.evidence import Floats  # importing this room loads no library

KINDS = {"vw": "engine.learner.vw", "thompson": "engine.learner.thompson", "beta": "engine.learner.beta"}


@dataclass(frozen=True, slots=True)
class Example:
    """What a model learns from. `reward` is scaled to [-1, 1]; `before` is what it was told earlier of the same
    decision (None: nothing): the label is corrected, the decision is not counted twice. `weight` in [0, 1] says how
    much of a decision this is: 1 for what is certain, F(age) for a silence that may still be broken.
    """

    features: str
    arm: str  # the arm's features
    reward: float
    propensity: float = 1.0
    before: float | None = None
    weight: float = 1.0


class Model(Protocol):
    """Estimates what each arm would earn, and says how those scores become chances.

    What it is told, and when, depends on `patient`:
    - True: `learn` is given each decision once, when its window has closed. The open ones go into `provisional`: what
      they earned so far with weight 1, a silence with the share of outcomes that is usually known at its age.
    - False: `learn` is given every decision at once with what is known so far, and again, with `before`, when its
      total changed; `provisional` is never needed.
    """

    @property
    def kind(self) -> str: ...
    @property
    def patient(self) -> bool: ...
    @property
    def link(self) -> Literal["reward", "log-odds"]:
        """Return the scale on which `explain` adds up and `deviations` are meant."""

    @property
    def settings(self) -> Mapping[str, Any]: ...
    @property
    def learned(self) -> int:
        """Return how many examples it has learned from."""

    @property
    def scaling(self) -> Scaling: ...
    @property
    def schema(self) -> Schema:
        """Return how it reads numbers; frozen when the model was made."""

    def learn(self, examples: Sequence[Example]) -> None:
        """Learn in this order, or LearnerError with nothing learned."""

    def provisional(self, examples: Sequence[Example]) -> Model:
        """Return a model to serve with, which has also learned these, weighted; this one is left as it is."""

    def scores(self, features: Sequence[str], arms: Mapping[str, str]) -> list[dict[str, float]]:
        """Return what `policy` wants for every line of features; LearnerError when a number is not finite."""

    def numbers(self, features: Sequence[str], arms: Sequence[str]) -> Floats:
        """Return the scores as one array [lines, arms or twice the arms], in the order of `scores`."""

    def policy(self, version: str) -> Policy:
        """Return the value that turns these scores into chances."""

    def estimates(self, features: Sequence[str], arms: Mapping[str, str]) -> list[dict[str, float]]:
        """Return the expected reward (scaled as labels are) of each arm id for every line of features."""

    def deviations(self, features: Sequence[str], arms: Mapping[str, str]) -> list[dict[str, float]]:
        """Return the standard deviation of each arm's estimate, on the scale of `link`; 0 where a model has none."""

    def explain(self, features: str, arm: str) -> Mapping[str, float]:
        """Return what each token adds, by token; they add up to the estimate on the scale of `link`."""

    def widen(self, arm: str) -> None:
        """Believe less of what is known about this arm: its rewards have changed. Does nothing without a posterior."""

    def weight_hash(self) -> str:
        """Return what two models share that learned the same."""

    def dumps(self) -> bytes: ...


def new_model(kind: str, settings: Mapping[str, Any] | None = None, schema: Schema = FIXED) -> Model:
    """Make a model that knows nothing yet; `schema` is how it will read numbers (`schema.fitted(lines)` makes one)."""
    made: Model = _room(kind).new(full_settings(kind, settings), schema)
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
        if not 0.0 < example.propensity <= 1.0:
            raise LearnerError(f"a chance of {example.propensity} cannot be learned: it must lie in (0, 1]")
        if not 0.0 <= example.weight <= 1.0:
            raise LearnerError(f"a weight of {example.weight} cannot be learned: it must lie in [0, 1]")
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
