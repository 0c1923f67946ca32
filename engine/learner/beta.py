"""The model without context: each arm's rate as a Beta distribution, chances as P(this arm is the best).

A reward in [0, 1] adds that much of a success and the rest of a failure; less than 0 is a failure. A label that
changes is taken back exactly, so the order in which news arrives does not matter.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from engine.core.policy import Shares
from engine.errors import LearnerError
from engine.learner.draws import DRAWS, SEED, Floats, smoothed
from engine.learner.envelope import Envelope, opened
from engine.learner.features import safe_tokens
from engine.learner.models import Example, checked, finite
from engine.learner.scaling import scaling_of

DEFAULTS: Mapping[str, Any] = {"prior": 1.0}


class BetaModel:
    """Successes and decisions by arm."""

    kind = "beta"

    def __init__(self, settings: Mapping[str, Any], state: Mapping[str, Any] | None = None) -> None:
        self.settings = settings
        self.learned = int((state or {}).get("learned", 0))
        self.scaling = scaling_of(settings, state)
        self._wins: dict[str, float] = dict((state or {}).get("wins", {}))
        self._times: dict[str, int] = dict((state or {}).get("times", {}))

    def learn(self, examples: Sequence[Example]) -> None:
        for example in checked(examples):
            arm = " ".join(safe_tokens(example.arm))
            was = 0.0 if example.before is None else max(0.0, example.before)
            self._wins[arm] = self._wins.get(arm, 0.0) + max(0.0, example.reward) - was
            self._times[arm] = self._times.get(arm, 0) + (example.before is None)
            self.learned += 1

    def scores(self, features: Sequence[str], arms: Mapping[str, str]) -> list[dict[str, float]]:
        """Return P(best) by arm, the same for everyone."""
        if not arms:
            return [{} for _ in features]
        row = dict(zip(arms, self._shares(list(arms.values())).tolist(), strict=True))
        return finite([dict(row) for _ in features])

    def policy(self, version: str) -> Shares:
        return Shares(version)

    def weight_hash(self) -> str:
        return hashlib.sha256(json.dumps([self._wins, self._times], sort_keys=True).encode()).hexdigest()

    def dumps(self) -> bytes:
        seen = self.scaling.state()
        state = {"learned": self.learned, "seen": seen, "wins": self._wins, "times": self._times}
        return Envelope(self.kind, self.settings, state, b"").dumps()

    def _shares(self, arms: Sequence[str]) -> Floats:
        prior = float(self.settings["prior"])
        named = [" ".join(safe_tokens(arm)) for arm in arms]
        wins = np.array([max(0.0, self._wins.get(arm, 0.0)) for arm in named])
        rest = np.array([max(0.0, self._times.get(arm, 0) - self._wins.get(arm, 0.0)) for arm in named])
        draws = np.random.default_rng(SEED).beta(wins + prior, rest + prior, (DRAWS, len(arms)))
        return smoothed(np.bincount(draws.argmax(axis=1), minlength=len(arms)).astype(float), DRAWS)


def new(settings: Mapping[str, Any]) -> BetaModel:
    return BetaModel(settings)


def loads(raw: bytes, settings: Mapping[str, Any]) -> BetaModel:
    state = opened(raw, BetaModel.kind, settings).state
    counts = [*state["wins"].values(), *state["times"].values()]
    if not all(math.isfinite(count) for count in counts):
        raise LearnerError("the stored model holds counts that are no numbers")
    return BetaModel(settings, state)
