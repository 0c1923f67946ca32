"""Bayesian logistic regression per arm, chances as P(this arm is the best for this contact): Thompson sampling with
the drawing done by an integral (Chapelle and Li 2011; the posterior in full covariance).

Rules
- What it learns it learns in blocks whose ends depend on the count alone, so batches do not matter. A block is a part
  of what is known: the more is known, the less often anything is computed again.
- Now and then (DESIGNS) it looks at all it remembers with new eyes: which tokens and pairs deserve a column.
- Arms have no weights in common, but a common prior: what holds for all arms, more so for those that are alike.
"""

from __future__ import annotations

import copy
import hashlib
import zlib
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from engine.core.policy import Bells, spread_of
from engine.errors import LearnerError
from engine.learner import posterior
from engine.learner.changes import Watch, calm
from engine.learner.design import ONE, Design, chosen
from engine.learner.envelope import Envelope, opened, packed, unpacked
from engine.learner.evidence import Evidence, Floats, moved, none, upper, whole
from engine.learner.features import safe_tokens
from engine.learner.models import Example, checked, finite
from engine.learner.posterior import Batch, Prior, Terms, rates
from engine.learner.scaling import scaling_of
from engine.learner.schema import FIXED, Schema, schema_of
from engine.learner.words import Words

# `start` is the logit of an arm nobody knows, `spread` what arms, features and pairs are thought to differ by (standard
# deviations), `pseudo` how many effects that thought counts for. `width` scales the spread that chances come from, for
# an arm of which more than `young` (a precision) is known. `crosses` is how many of the strongest features are crossed
# in pairs, `memory` how many examples are looked at again, `kept` what is still believed after a change.
DEFAULTS: Mapping[str, Any] = {
    "start": -2.0, "spread": [1.0, 0.2, 0.1], "pseudo": 2.0, "width": 0.2, "crosses": 5, "memory": 20_000,
    "forget": 1.0, "young": 3.0, "kept": 0.05,
}  # fmt: skip
FIRST, PART, DESIGNS = 32, 16, 1.5
WORST = 1e4  # a logit
LATE, CATCHING_UP = 1000, 10.0  # settled examples after which an arm is a newcomer, and how much longer it is young
PART_OF_MANY = 2048

Seen = tuple[str, int, float, float]
"""A line of features, the arm's number, trials, what was earned."""


class ThompsonModel:
    """One posterior per arm over the columns of the design."""

    kind = "thompson"
    patient = True
    link: Literal["log-odds"] = "log-odds"

    def __init__(self, settings: Mapping[str, Any], schema: Schema = FIXED) -> None:
        self.settings = settings
        self.schema = schema
        self.scaling = scaling_of(settings)
        self.learned = 0
        self.arms: list[str] = []
        self.born: list[int] = []  # how much was settled when an arm was first seen
        self.words = Words(schema)
        self.design = Design(self.words)
        self.evidence = none(0, 1)
        self.older = none(0, 1)  # of what is remembered no more
        self.prior = Prior(np.zeros((0, 1)), np.ones(1))
        self.memory: list[Seen] = []
        self.pending: list[Seen] = []
        self.watch = calm(0, 1)
        self.changes = 0  # how often the watch was alarmed
        self.settled = 0
        self.next_design = FIRST
        self._cached: dict[Any, Any] = {}

    # what it is told

    def learn(self, examples: Sequence[Example]) -> None:
        for example in checked(examples):
            self.pending.append(self._seen(example))
            self.learned += 1
            if len(self.pending) >= max(FIRST, self.settled // PART):
                self._settle()
        self._cached = {}

    def provisional(self, examples: Sequence[Example]) -> ThompsonModel:
        """Return a copy that has learned these, too, and cannot look again: it is light, and soon thrown away."""
        served = copy.copy(self)
        served.arms, served.born, served.pending, served.memory = [*self.arms], [*self.born], [*self.pending], []
        served.take_in(checked(examples))
        return served

    def take_in(self, examples: Sequence[Example]) -> None:
        """Learn these for good, in one block, and remember none of them."""
        self.pending += [self._seen(example) for example in examples]
        self.evidence, self.prior = self._now().rounded(), self._grown_prior()
        self.pending, self.older, self._cached = [], none(len(self.arms), len(self.design.columns)), {}

    def _seen(self, example: Example) -> Seen:
        line = " ".join(safe_tokens(example.arm))
        if line not in self.arms:
            self.arms.append(line)
            self.born.append(self.settled)
        was = example.before
        trials = example.weight if was is None else 0.0
        features = " ".join(example.features.split())
        return features, self.arms.index(line), trials, example.weight * (example.reward - (was or 0.0))

    def _settle(self) -> None:
        batch = self._batch(self.pending, self.design)
        before = self._grown(self.evidence).times(self.settings["forget"] ** len(self.pending))
        prior = self._grown_prior()
        start = posterior.means(prior, before)
        self.watch = self.watch.seen(batch, before, start, prior.scatter)
        self.evidence = (before + posterior.told(prior, before, batch, start, 2)).rounded()
        self.memory += self.pending
        self.settled += len(self.pending)
        self.pending = []
        self._heed()
        self.prior = posterior.learned_prior(prior, self.evidence, self.design.groups, self._terms())
        corrected = bool((batch.trials == 0.0).any())  # a straight line drawn before the correction misleads
        if corrected or self.settled >= self.next_design:
            self._look_again()
            self.next_design = max(self.next_design, int(self.settled * DESIGNS))

    def _heed(self) -> None:
        """Believe less of everything once something has changed, least of the arms that did."""
        changed = self.watch.alarmed()
        if changed.any():
            self.changes += 1
            kept = float(self.settings["kept"])
            self._fade(np.where(changed > 0.0, kept, np.sqrt(kept)))
            self.watch = calm(len(self.arms), len(self.design.columns))

    def _fade(self, kept: Floats) -> None:
        """Keep of what each arm's data said this share."""
        self.evidence = self._grown(self.evidence).times(kept).rounded()
        self.older = self._grown(self.older).times(kept).rounded()
        shares = kept.tolist()
        self.memory = [(line, arm, trials * shares[arm], won * shares[arm]) for line, arm, trials, won in self.memory]

    def _look_again(self) -> None:
        """Choose the columns anew, and learn again all that is remembered."""
        lines = [seen[0] for seen in self.memory]
        design = chosen(self.words, lines, self._strong(), int(self.settings["crosses"]))
        old = {name: at for at, name in enumerate(self.design.columns)}
        at = [old.get(name, -1) for name in design.columns]
        start = moved(posterior.means(self.prior, self.evidence), at)
        self.older, self.watch = self._grown(self.older).for_columns(at), calm(len(self.arms), len(at))
        usual = self._usual(design)
        variance = np.where(np.array(at) >= 0, self.prior.variance[at], usual[design.groups])
        self.prior = Prior(moved(self.prior.mean, at), variance, self.prior.scatter)
        self.design = design
        batch = self._batch(self.memory, design)
        for _ in range(3):
            found = posterior.told(self.prior, self.older, batch, start, 2)
            self.prior = posterior.learned_prior(self.prior, self.older + found, design.groups, self._terms())
            start = posterior.means(self.prior, self.older + found)
        self.prior = Prior(self.prior.mean, self.prior.variance, posterior.scatter_of(batch, start))
        self.evidence = (self.older + found).rounded()
        self._forget_the_oldest(batch, start)

    def _forget_the_oldest(self, batch: Batch, at: Floats) -> None:
        extra = len(self.memory) - int(self.settings["memory"])
        if extra > 0:
            part = Batch(batch.x[:extra], batch.arm[:extra], batch.trials[:extra], batch.earned[:extra])
            self.older = (self.older + posterior.told(self.prior, self.older, part, at, 1)).rounded()
            self.memory = self.memory[extra:]

    def _strong(self) -> dict[str, float]:
        """Return how much the arms' worth differs between people by each feature."""
        x = self._batch(self.memory[-5000:], self.design).x
        if len(self.design.columns) == 1:
            return {}
        apart = ((posterior.means(self.prior, self.evidence) - self.prior.mean) ** 2).sum(axis=0) * x.mean(axis=0)
        groups = self.design.groups
        return dict(zip(self.design.names, np.bincount(groups, apart).tolist(), strict=True))

    # the prior

    def _terms(self) -> Terms:
        start = np.zeros(len(self.design.columns))
        start[0] = float(self.settings["start"])
        return Terms(start, self._usual(self.design), self._alike(self.arms), pseudo=float(self.settings["pseudo"]))

    def _usual(self, design: Design) -> Floats:
        arms, feature, pair = (float(spread) ** 2 for spread in self.settings["spread"])
        return np.array([arms if name == ONE else pair if "&" in name else feature for name in design.names])

    def _alike(self, arms: Sequence[str]) -> Floats:
        """Return [arms, known arms]: 1, and more for arms that share message, channel or another token."""
        mine = [set(arm.split()) for arm in arms]
        known = [set(arm.split()) for arm in self.arms]
        return np.array([[1.0 + 2.0 * len(a & b) / max(1, len(a | b)) for b in known] for a in mine]).reshape(
            len(mine), len(known)
        )

    def _grown(self, evidence: Evidence) -> Evidence:
        return evidence if len(evidence.shift) == len(self.arms) else evidence.for_arms(range(len(self.arms)))

    def _grown_prior(self) -> Prior:
        return Prior(self._prior_means(self.arms), self.prior.variance, self.prior.scatter)

    def _prior_means(self, arms: Sequence[str]) -> Floats:
        """Return [arms, columns]: what is expected of arms before they are tried."""
        rows = []
        for arm in arms:
            at = self.arms.index(arm) if arm in self.arms else len(self.arms)
            if at < len(self.prior.mean):
                rows.append(self.prior.mean[at])
            elif len(self.prior.mean):
                like = self._alike([arm])[0][: len(self.prior.mean)]
                rows.append(like @ self.prior.mean / like.sum())
            else:
                rows.append(self._terms().start)
        return np.array(rows).reshape(len(rows), len(self.design.columns))

    def _batch(self, seen: Sequence[Seen], design: Design) -> Batch:
        numbers = np.array([one[1:] for one in seen], dtype=np.float64).reshape(-1, 3)
        return Batch(
            design.matrix([one[0] for one in seen]), numbers[:, 0].astype(np.int64), numbers[:, 1], numbers[:, 2]
        )

    # what it says

    def numbers(self, features: Sequence[str], arms: Sequence[str]) -> Floats:
        """Return the arms' means and then their spreads [lines, 2 x arms]."""
        return np.concatenate(self.bells(features, arms), axis=1)

    def scores(self, features: Sequence[str], arms: Mapping[str, str]) -> list[dict[str, float]]:
        """Return mean and spread of each arm's logit, for `Bells`."""
        if not arms or not features:
            return [{} for _ in features]
        names = [*arms, *map(spread_of, arms)]
        rows = self.numbers(features, list(arms.values())).tolist()
        return finite([dict(zip(names, row, strict=True)) for row in rows])

    def bells(self, features: Sequence[str], arms: Sequence[str]) -> tuple[Floats, Floats]:
        """Return means and spreads [lines, arms] that chances come from: an arm's own spread while it is young, and
        `width` of it later. Small widths waste least, and alone may never find what a newcomer is good for: one that
        comes to arms which are known stays young for longer.
        """
        mean, spread = self._moments(features, arms)
        return np.clip(mean, -WORST, WORST), spread * self._widths(arms).astype(spread.dtype)

    def _widths(self, arms: Sequence[str]) -> Floats:
        born = dict(zip(self.arms, self.born, strict=True))
        late = [born.get(" ".join(safe_tokens(arm)), self.settled) >= LATE for arm in arms]
        young, least = (
            float(self.settings["young"]) * np.where(late, CATCHING_UP, 1.0),
            float(self.settings["width"]) ** 2,
        )
        known = self._beliefs(arms)[2]
        return np.asarray(np.sqrt(least + (1.0 - least) * young / (young + known)), np.float64)

    def _moments(self, features: Sequence[str], arms: Sequence[str]) -> tuple[Floats, Floats]:
        """Return means and deviations [lines, arms]; many lines in parts and in single precision."""
        weights, spread, _ = self._beliefs(arms)
        kind = np.float64 if len(features) < PART_OF_MANY else np.float32
        mean, variance = (np.empty((len(features), len(arms)), kind) for _ in range(2))
        spread = spread.astype(kind)
        for start in range(0, len(features), PART_OF_MANY):
            part = slice(start, start + PART_OF_MANY)
            x = np.ascontiguousarray(self.design.matrix(features[part], kind))
            mean[part] = x @ weights.T.astype(kind)
            for arm, one in enumerate(spread):
                variance[part, arm] = np.einsum("nc,nc->n", x @ one, x)
        return mean, np.sqrt(np.maximum(variance, 0.0))

    def policy(self, version: str) -> Bells:
        return Bells(version)

    def estimates(self, features: Sequence[str], arms: Mapping[str, str]) -> list[dict[str, float]]:
        if not arms or not features:
            return [{} for _ in features]
        found = np.clip(rates(self._moments(features, list(arms.values()))[0]), -1.0, 1.0).tolist()
        return finite([dict(zip(arms, row, strict=True)) for row in found])

    def deviations(self, features: Sequence[str], arms: Mapping[str, str]) -> list[dict[str, float]]:
        if not arms or not features:
            return [{} for _ in features]
        return [dict(zip(arms, row, strict=True)) for row in self._moments(features, list(arms.values()))[1].tolist()]

    def explain(self, features: str, arm: str) -> Mapping[str, float]:
        weights, _, _ = self._beliefs([arm])
        x = self.design.matrix([features])[0]
        return {self.design.columns[at]: float(weights[0, at] * x[at]) for at in np.flatnonzero(x)}

    def widen(self, arm: str) -> None:
        line = " ".join(safe_tokens(arm))
        if line in self.arms:
            self._settle()
            self._fade(np.where(np.arange(len(self.arms)) == self.arms.index(line), float(self.settings["kept"]), 1.0))
            self._cached = {}

    def _beliefs(self, arms: Sequence[str]) -> tuple[Floats, Floats, Floats]:
        """Return means [arms, columns], covariances and precisions of the constant, with all that was said by now."""
        key = tuple(arms)
        if key not in self._cached:
            named = [" ".join(safe_tokens(arm)) for arm in arms]
            if "all" not in self._cached:
                self._cached["all"] = self._now()
            evidence = self._cached["all"]
            prior = Prior(self._prior_means(named), self.prior.variance, self.prior.scatter)
            at = [self.arms.index(arm) if arm in self.arms else -1 for arm in named]
            mine = evidence.for_arms(at)
            known = mine.precision[:, 0, 0] / prior.scatter
            self._cached[key] = posterior.means(prior, mine), posterior.covariance(prior, mine), known
        found: tuple[Floats, Floats, Floats] = self._cached[key]
        return found

    def _now(self) -> Evidence:
        """Return the evidence of what is settled and of what is not yet."""
        evidence, prior = self._grown(self.evidence), self._grown_prior()
        if not self.pending:
            return evidence
        batch = self._batch(self.pending, self.design)
        return evidence + posterior.told(prior, evidence, batch, posterior.means(prior, evidence), 2)

    def weight_hash(self) -> str:
        return hashlib.sha256(self._body()).hexdigest()

    def dumps(self) -> bytes:
        state = {
            "learned": self.learned, "seen": self.scaling.state(), "schema": self.schema.state(), "arms": self.arms,
            "columns": list(self.design.columns), "pairs": [list(pair) for pair in self.design.pairs],
            "settled": self.settled, "changes": self.changes, "born": self.born,
            "next": self.next_design, "pending": len(self.pending),
        }  # fmt: skip
        return Envelope(self.kind, self.settings, state, zlib.compress(self._body(), 1)).dumps()

    def _body(self) -> bytes:
        seen = [*self.memory, *self.pending]
        lines = {line: at for at, line in enumerate(dict.fromkeys(one[0] for one in seen))}
        arrays: dict[str, npt.NDArray[Any]] = {
            "precision": upper(self.evidence.precision), "shift": self.evidence.shift.astype(np.float32),
            "up": self.watch.up, "down": self.watch.down,
            "older_precision": upper(self.older.precision), "older_shift": self.older.shift.astype(np.float32),
            "mean": self.prior.mean, "variance": self.prior.variance, "scatter": np.array([self.prior.scatter]),
            "lines": np.frombuffer("\n".join(lines).encode("utf-8", "surrogatepass"), np.uint8),
            "seen": np.array([(lines[line], *rest) for line, *rest in seen], dtype=np.float64).reshape(-1, 4),
        }  # fmt: skip
        return packed(arrays)


def new(settings: Mapping[str, Any], schema: Schema = FIXED) -> ThompsonModel:
    return ThompsonModel(settings, schema)


def loads(raw: bytes, settings: Mapping[str, Any]) -> ThompsonModel:
    """Read a stored model; LearnerError when one of its numbers is none."""
    stored = opened(raw, ThompsonModel.kind, settings)
    state, arrays = stored.state, unpacked(zlib.decompress(stored.body))
    if not all(np.isfinite(array).all() for array in arrays.values()):
        raise LearnerError("the stored model holds weights that are no numbers")
    model = ThompsonModel(settings, schema_of(state["schema"]))
    model.scaling = scaling_of(settings, state)
    model.learned, model.settled, model.next_design = state["learned"], state["settled"], state["next"]
    model.arms, model.born = list(state["arms"]), list(state["born"])
    model.design = Design(model.words, state["columns"], [(a, b) for a, b in state["pairs"]])
    columns = len(model.design.columns)
    model.evidence = Evidence(whole(arrays["precision"], columns), arrays["shift"].astype(np.float64))
    model.watch = Watch(arrays["up"], arrays["down"])
    model.changes = state["changes"]
    model.older = Evidence(whole(arrays["older_precision"], columns), arrays["older_shift"].astype(np.float64))
    model.prior = Prior(arrays["mean"], arrays["variance"], float(arrays["scatter"][0]))
    lines = arrays["lines"].tobytes().decode("utf-8", "surrogatepass").split("\n")
    seen = [(lines[int(line)], int(arm), trials, earned) for line, arm, trials, earned in arrays["seen"].tolist()]
    model.memory = seen[: len(seen) - state["pending"]]
    model.pending = seen[len(model.memory) :]
    return model
