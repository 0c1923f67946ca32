"""The model without context: what each arm gains and loses as Beta distributions; chances are P(this arm is the
best), from their means and deviations.

A reward in [0, 1] adds that much of a success and the rest of a failure to the arm's gains; one in [-1, 0) does the
same to its losses; an arm is worth its gains less its losses. While nobody ever lost anything, losses are no question.
A label that changes is taken back exactly, so the order in which news arrives does not matter.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from engine.core.policy import Bells, spread_of
from engine.errors import LearnerError
from engine.learner.envelope import Envelope, opened
from engine.learner.evidence import Floats
from engine.learner.features import safe_tokens
from engine.learner.models import Example, checked, finite
from engine.learner.scaling import scaling_of
from engine.learner.schema import FIXED, Schema, schema_of

DEFAULTS: Mapping[str, Any] = {"prior": 1.0}
KEPT = 0.1  # of what was seen, when an arm has changed

Counts = tuple[float, float, float]
"""Gains, losses, decisions of one arm."""


class BetaModel:
    """Gains, losses and decisions by arm."""

    kind = "beta"
    patient = True
    link: Literal["reward"] = "reward"

    def __init__(self, settings: Mapping[str, Any], state: Mapping[str, Any] | None = None) -> None:
        stored = state or {}
        self.settings = settings
        self.schema = schema_of(stored.get("schema"))
        self.learned = int(stored.get("learned", 0))
        self.scaling = scaling_of(settings, state)
        self._seen: dict[str, Counts] = {arm: (a, b, n) for arm, (a, b, n) in stored.get("arms", {}).items()}

    def learn(self, examples: Sequence[Example]) -> None:
        for example in checked(examples):
            arm = " ".join(safe_tokens(example.arm))
            gains, losses, times = self._seen.get(arm, (0.0, 0.0, 0.0))
            was, now, weight = example.before or 0.0, example.reward, example.weight
            gains += weight * (max(0.0, now) - max(0.0, was))
            losses += weight * (max(0.0, -now) - max(0.0, -was))
            self._seen[arm] = gains, losses, times + weight * (example.before is None)
            self.learned += 1

    def provisional(self, examples: Sequence[Example]) -> BetaModel:
        copy = BetaModel(self.settings, self._state())
        copy.learn(examples)
        return copy

    def numbers(self, features: Sequence[str], arms: Sequence[str]) -> Floats:
        """Return the arms' means and then their deviations [lines, 2 x arms], the same for everyone."""
        found = np.array([self._moments(arm) for arm in arms], np.float64).reshape(-1, 2)
        return np.tile(found.T.ravel(), (len(features), 1))

    def scores(self, features: Sequence[str], arms: Mapping[str, str]) -> list[dict[str, float]]:
        """Return mean and deviation by arm, for `Bells`."""
        names = [*arms, *map(spread_of, arms)]
        rows = self.numbers(features, list(arms.values())).tolist()
        return finite([dict(zip(names, row, strict=True)) for row in rows])

    def policy(self, version: str) -> Bells:
        return Bells(version)

    def estimates(self, features: Sequence[str], arms: Mapping[str, str]) -> list[dict[str, float]]:
        row = {name: self._moments(arm)[0] for name, arm in arms.items()}
        return finite([dict(row) for _ in features])

    def deviations(self, features: Sequence[str], arms: Mapping[str, str]) -> list[dict[str, float]]:
        row = {name: self._moments(arm)[1] for name, arm in arms.items()}
        return finite([dict(row) for _ in features])

    def explain(self, features: str, arm: str) -> Mapping[str, float]:
        return {"~one": self._moments(arm)[0]}

    def widen(self, arm: str) -> None:
        named = " ".join(safe_tokens(arm))
        gains, losses, times = self._seen.get(named, (0.0, 0.0, 0.0))
        self._seen[named] = KEPT * gains, KEPT * losses, KEPT * times

    def weight_hash(self) -> str:
        return hashlib.sha256(json.dumps(self._seen, sort_keys=True).encode()).hexdigest()

    def dumps(self) -> bytes:
        return Envelope(self.kind, self.settings, self._state(), b"").dumps()

    def _state(self) -> dict[str, Any]:
        seen = self.scaling.state()
        return {"learned": self.learned, "seen": seen, "schema": self.schema.state(), "arms": dict(self._seen)}

    def _sides(self, arm: str) -> tuple[tuple[float, float], tuple[float, float] | None]:
        """Return the two Beta distributions of an arm: its gains, and its losses where anybody lost anything."""
        prior = float(self.settings["prior"])
        gains, losses, times = self._seen.get(" ".join(safe_tokens(arm)), (0.0, 0.0, 0.0))
        sides = [(prior + max(0.0, part), prior + max(0.0, times - part)) for part in (gains, losses)]
        return sides[0], sides[1] if any(lost > 0.0 for _, lost, _ in self._seen.values()) else None

    def _moments(self, arm: str) -> tuple[float, float]:
        gain, loss = self._sides(arm)
        found = [(a / (a + b), a * b / ((a + b) ** 2 * (a + b + 1.0))) for a, b in (gain, *([loss] if loss else []))]
        return found[0][0] - sum(mean for mean, _ in found[1:]), math.sqrt(sum(variance for _, variance in found))


def new(settings: Mapping[str, Any], schema: Schema = FIXED) -> BetaModel:
    return BetaModel(settings, {"schema": schema.state()})


def loads(raw: bytes, settings: Mapping[str, Any]) -> BetaModel:
    state = opened(raw, BetaModel.kind, settings).state
    if not all(math.isfinite(count) for counts in state["arms"].values() for count in counts):
        raise LearnerError("the stored model holds counts that are no numbers")
    return BetaModel(settings, state)
