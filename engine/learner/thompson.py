"""The challenger: one Bayesian logistic regression per arm, chances as P(this arm is the best for this contact).

Each weight has a mean and a precision of its own (a diagonal Laplace posterior). One example moves the means of its
tokens to the exact maximum of "what we believed" x "what we saw": along a diagonal that is one number, found by
bisection; so there is no step size, nothing diverges, and batches do not matter.
A label that changes is learned as one more example. Taking the first one back would be exact for a little late news
and runs away when much of it is late (measured: rates of 0.3 became 0.99); one more example bends p to p / (1 + p) at
worst, which keeps the arms' order.
"""

from __future__ import annotations

import hashlib
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import numpy as np

from engine.core.policy import Shares
from engine.errors import LearnerError
from engine.learner.draws import Floats, share_of_best
from engine.learner.envelope import Envelope, opened
from engine.learner.features import safe_tokens
from engine.learner.models import Example, checked, finite
from engine.learner.scaling import scaling_of
from engine.learner.schema import FIXED, Schema, schema_of

# `prior` is the precision of a weight before it has seen anything, `start` the logit of an arm nobody knows,
# `width` scales the spread that is drawn from, `crosses` how many of the first tokens are crossed in pairs.
DEFAULTS: Mapping[str, Any] = {"prior": 5.0, "start": -2.0, "width": 0.5, "crosses": 0}
FARTHEST = 30.0  # logits beyond are as good as certain

Weights = dict[str, tuple[float, float]]  # token -> mean, precision


class ThompsonModel:
    """One posterior per arm; tokens an arm has not met are at the prior."""

    kind = "thompson"

    patient = True
    link: Literal["log-odds"] = "log-odds"

    def __init__(self, settings: Mapping[str, Any], state: Mapping[str, Any] | None = None) -> None:
        self.settings = settings
        self.schema = schema_of((state or {}).get("schema"))
        self.learned = int((state or {}).get("learned", 0))
        self.scaling = scaling_of(settings, state)
        self.arms: dict[str, Weights] = {}
        self._fresh = (0.0, float(settings["prior"]))

    def learn(self, examples: Sequence[Example]) -> None:
        for example in checked(examples):
            self._learn(example)
            self.learned += 1

    def scores(self, features: Sequence[str], arms: Mapping[str, str]) -> list[dict[str, float]]:
        """Return P(best) by arm for every line of features."""
        if not arms or not features:
            return [{} for _ in features]
        bells = [self._bells(features, arm) for arm in arms.values()]
        means, spreads = (np.stack([bell[part] for bell in bells], axis=1) for part in (0, 1))
        shares = share_of_best(means, float(self.settings["width"]) * spreads)
        return finite([dict(zip(arms, row, strict=True)) for row in shares.tolist()])

    def provisional(self, examples: Sequence[Example]) -> ThompsonModel:
        """Return a copy that has learned these, too."""
        copy = loads(self.dumps(), self.settings)
        copy.learn(examples)
        return copy

    def estimates(self, features: Sequence[str], arms: Mapping[str, str]) -> list[dict[str, float]]:
        """Return the rate of each arm for every line."""
        bells = {name: self._bells(features, arm)[0].tolist() for name, arm in arms.items()}
        return [{name: sigmoid(bells[name][at]) for name in arms} for at in range(len(features))]

    def deviations(self, features: Sequence[str], arms: Mapping[str, str]) -> list[dict[str, float]]:
        bells = {name: self._bells(features, arm)[1].tolist() for name, arm in arms.items()}
        return [{name: bells[name][at] for name in arms} for at in range(len(features))]

    def explain(self, features: str, arm: str) -> Mapping[str, float]:
        weights = self.arms.get(" ".join(safe_tokens(arm)), {})
        found = {token: weights.get(token, self._fresh)[0] for token in self._tokens(features)}
        return found | {"~one": found["~one"] + float(self.settings["start"])}

    def widen(self, arm: str) -> None:
        """Return to the prior's precision."""
        weights = self.arms.get(" ".join(safe_tokens(arm)), {})
        weights.update({token: (mean, self._fresh[1]) for token, (mean, _) in weights.items()})

    def policy(self, version: str) -> Shares:
        return Shares(version)

    def weight_hash(self) -> str:
        found = hashlib.sha256()
        for arm, token, mean, precision in self._rows():
            found.update(f"{arm}|{token}|{mean.hex()}|{precision.hex()}\n".encode())
        return found.hexdigest()

    def dumps(self) -> bytes:
        rows = list(self._rows())
        body = io.BytesIO()
        np.savez(
            body,
            names=np.array([f"{arm}|{token}" for arm, token, _, _ in rows], dtype=np.str_),
            values=np.array([(mean, precision) for _, _, mean, precision in rows], dtype=np.float64),
        )
        state = {"learned": self.learned, "seen": self.scaling.state(), "schema": self.schema.state()}
        return Envelope(self.kind, self.settings, state, body.getvalue()).dumps()

    def _learn(self, example: Example) -> None:
        weights = self.arms.setdefault(" ".join(safe_tokens(example.arm)), {})
        tokens = self._tokens(example.features)
        known = [weights.get(token, self._fresh) for token in tokens]
        logit = float(self.settings["start"]) + math.fsum(mean for mean, _ in known)
        room = math.fsum(1.0 / precision for _, precision in known)
        pull = _pull(logit, room, max(0.0, example.reward))
        rate = sigmoid(logit + room * pull)
        gained = rate * (1.0 - rate)
        for token, (mean, precision) in zip(tokens, known, strict=True):
            weights[token] = (mean + pull / precision, precision + gained)

    def _bells(self, features: Sequence[str], arm: str) -> tuple[Floats, Floats]:
        """Return mean and spread of the arm's logit for every line."""
        weights = self.arms.get(" ".join(safe_tokens(arm)), {})
        beliefs = [[weights.get(token, self._fresh) for token in self._tokens(line)] for line in features]
        start = float(self.settings["start"])
        means = np.array([start + sum(mean for mean, _ in line) for line in beliefs])
        spreads = np.sqrt([sum(1.0 / precision for _, precision in line) for line in beliefs])
        return np.clip(means, -FARTHEST, FARTHEST), spreads

    def _tokens(self, line: str) -> tuple[str, ...]:
        """Return the constant, the context's tokens, and the pairs of the first ones."""
        tokens = tuple(token for token, _ in self.schema.read(line))
        first = tokens[: int(self.settings["crosses"])]
        pairs = tuple(f"{a}&{b}" for at, a in enumerate(first) for b in first[at + 1 :])
        return ("~one", *tokens, *pairs)

    def _rows(self) -> Iterator[tuple[str, str, float, float]]:
        for arm in sorted(self.arms):
            for token in sorted(self.arms[arm]):
                yield arm, token, *self.arms[arm][token]


def _pull(logit: float, room: float, label: float) -> float:
    """Return s = label - rate(logit + room s): how hard the example pulls at its weights."""
    low, high = label - 1.0, label
    for _ in range(40):
        middle = (low + high) / 2.0
        if middle + sigmoid(logit + room * middle) < label:
            low = middle
        else:
            high = middle
    return (low + high) / 2.0


def sigmoid(logit: float) -> float:
    return 1.0 / (1.0 + math.exp(-max(-FARTHEST, min(FARTHEST, logit))))


def new(settings: Mapping[str, Any], schema: Schema = FIXED) -> ThompsonModel:
    return ThompsonModel(settings, {"schema": schema.state()})


def loads(raw: bytes, settings: Mapping[str, Any]) -> ThompsonModel:
    stored = opened(raw, ThompsonModel.kind, settings)
    model = ThompsonModel(settings, stored.state)
    with np.load(io.BytesIO(stored.body), allow_pickle=False) as arrays:
        names, values = arrays["names"].tolist(), arrays["values"]
    if not np.isfinite(values).all():
        raise LearnerError("the stored model holds weights that are no numbers")
    for name, (mean, precision) in zip(names, values.tolist(), strict=True):
        arm, _, token = name.partition("|")
        model.arms.setdefault(arm, {})[token] = (mean, precision)
    return model
