"""The default model: Vowpal Wabbit's SquareCB regression over context x arm. The one file that knows the library.

Rules
- The library learns; it never draws and never scores: scores come from its weights, for a whole batch at once, and
  the core's `SquareCb` turns them into the same chances the library would give.
- Every token goes through `safe_tokens`, every label through `checked`: a bar, a colon or a blank line in a value
  would silently become another feature or another arm, and one infinite cost would spoil the weights for good.
- Labels carry probability 1: this is plain regression on what was observed. Weighting by 1/p would let a single
  click on a rare arm outweigh a thousand.
- An example is learned with its own arm alone; the arms that were not taken say nothing about it. The library then
  gives it full weight, so `rate` is a tenth of what is usual with all arms told: at 4-12 % response 0.01 finds
  groups of one and of two features soonest (measured), and 0.1 does worse than one message for all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import vowpal_wabbit_next as vw

from engine.core.policy import SquareCb, square_cb
from engine.errors import LearnerError
from engine.learner.dense import Dense
from engine.learner.envelope import Envelope, opened
from engine.learner.features import safe_tokens
from engine.learner.models import Example, checked
from engine.learner.scaling import scaling_of
from engine.learner.schema import FIXED, Schema, schema_of
from engine.learner.table import Floats, Ints, Sight, Table
from engine.learner.words import Alike, Words

DEFAULTS: Mapping[str, Any] = {"gamma_scale": 30.0, "rate": 0.01, "bits": 20, "crosses": 8}
CONTEXT, CROSSED, ARM = "U", "S", "A"
KNOWN_TOKENS = 100_000
MANY, MOST_WORDS = 1000, 400  # contexts from which on rows of numbers pay, and tokens up to which
BORROWED = 10  # decisions without a reward that the base begins with


class VwModel:
    """One decision point's model; `state` and `body` are those of a stored one."""

    kind = "vw"

    patient = False
    link: Literal["reward"] = "reward"

    def __init__(self, settings: Mapping[str, Any], state: Mapping[str, Any] | None = None, body: bytes = b"") -> None:
        self.settings = settings
        self.schema = schema_of((state or {}).get("schema"))
        self.learned = int((state or {}).get("learned", 0))
        self.scaling = scaling_of(settings, state)
        self._library = _workspace(settings, body)
        self._parser = vw.TextFormatParser(self._library)
        self._hashes: dict[tuple[str, str], int] = {}
        self._words = Words(self.schema)
        self._dense_of: Any = (None, None)
        self._earned, self._decided = (state or {}).get("base", (0.0, 0))
        self._hashed = -1, ""  # how much was learned, and the hash of the weights then

    def learn(self, examples: Sequence[Example]) -> None:
        for example in checked(examples):
            shared = self._parser.parse_line(f"shared {self._written(example.features)}")
            label = f"0:{self.base - example.reward:.9f}:1"
            arm = self._parser.parse_line(f"{label} |{ARM} {' '.join(safe_tokens(example.arm))}")
            self._library.learn_one([shared, arm])
            self.learned += 1
            self._note(example)

    @property
    def base(self) -> float:
        """Return what a decision earns on average: the library learns what people and arms differ by."""
        return float(self._earned / (self._decided + BORROWED))

    def _note(self, example: Example) -> None:
        self._earned += example.reward - (example.before or 0.0)
        self._decided += example.before is None

    def provisional(self, examples: Sequence[Example]) -> VwModel:
        """Return itself: it is told every silence at once."""
        return self

    def numbers(self, features: Sequence[str], arms: Sequence[str]) -> Floats:
        """Return the estimated reward [lines, arms]."""
        if not arms or not features:
            return np.zeros((len(features), len(arms)))
        groups = self._words.grouped(features)
        parts = [self._costs(group, tuple(arms)) for group in groups]
        found = parts[0] if len(parts) == 1 else np.empty((len(features), len(arms)))
        for group, part in zip(groups, parts, strict=True) if len(parts) > 1 else ():
            found[group.rows] = part
        found = self.base - np.clip(found, -2.0, 2.0)
        if not np.isfinite(found).all():
            raise LearnerError("the model gives scores that are no numbers: start a new one from the log of decisions")
        return found

    def _costs(self, group: Alike, arms: tuple[str, ...]) -> npt.NDArray[Any]:
        """Return what the library would say, by rows of numbers where there are many contexts."""
        crosses = int(self.settings["crosses"])
        if len(group.codes) >= MANY and len(self._words.tokens) <= MOST_WORDS:
            return self._dense(arms).costs(group.codes, group.values, crosses)
        values = np.ones(group.codes.shape) if group.values is None else group.values.astype(np.float64)
        plain, crossed = self._places(group.codes), self._places(group.codes[:, :crosses], CROSSED)
        sights = Sight(plain, values), Sight(crossed, values[:, :crosses])
        return Table(self._weights()[:, 0]).costs(*sights, [self._arm_places(arm) for arm in arms])

    def _dense(self, arms: tuple[str, ...]) -> Dense:
        key = self.learned, arms, len(self._words.tokens)
        if self._dense_of[0] != key:
            codes = np.arange(len(self._words.tokens))
            places = self._places(codes), self._places(codes, CROSSED)
            table = Table(self._weights()[:, 0])
            self._dense_of = key, Dense(table, *places, [self._arm_places(arm) for arm in arms])
        found: Dense = self._dense_of[1]
        return found

    def _places(self, codes: npt.NDArray[Any], room: str = CONTEXT) -> Ints:
        """Return where the library keeps these tokens."""
        known = [self._place(room, token) for token in self._words.tokens]
        return np.asarray(np.array(known, dtype=np.int64)[codes], np.int64)

    def _arm_places(self, arm: str) -> Ints:
        return np.array([self._place(ARM, token) for token in safe_tokens(arm)], np.int64)

    def scores(self, features: Sequence[str], arms: Mapping[str, str]) -> list[dict[str, float]]:
        """Return the estimated reward of every arm in every context."""
        rows = self.numbers(features, list(arms.values())).tolist()
        return [dict(zip(arms, row, strict=True)) for row in rows]

    def estimates(self, features: Sequence[str], arms: Mapping[str, str]) -> list[dict[str, float]]:
        return self.scores(features, arms)

    def deviations(self, features: Sequence[str], arms: Mapping[str, str]) -> list[dict[str, float]]:
        return [dict.fromkeys(arms, 0.0) for _ in features]

    def explain(self, features: str, arm: str) -> Mapping[str, float]:
        """Return what is lost without each token in turn, the first ones first; `~one` is what is left."""
        tokens = features.split()
        lines = [" ".join(tokens[at:]) for at in range(len(tokens) + 1)]
        told = [row["arm"] for row in self.scores(lines, {"arm": arm})]
        found = {"~one": told[-1]}
        for at, token in enumerate(tokens):
            found[token] = found.get(token, 0.0) + told[at] - told[at + 1]
        return found

    def widen(self, arm: str) -> None:
        """Do nothing: a regression has no posterior."""

    def policy(self, version: str) -> SquareCb:
        return square_cb(version, float(self.settings["gamma_scale"]), self.learned)

    def weight_hash(self) -> str:
        """Hash the weights, not the file: the file also counts predictions. Asked twice, it looks once."""
        if self._hashed[0] != self.learned:
            self._hashed = self.learned, self._hash()
        return self._hashed[1]

    def _hash(self) -> str:
        kept = self._weights()[:, :3]  # the fourth column is scratch
        touched = self._touched()
        used = touched[(kept[touched] != 0).any(axis=1)]
        return hashlib.sha256(used.tobytes() + kept[used].tobytes()).hexdigest()

    def _touched(self) -> npt.NDArray[np.int64]:
        """Return the places of all rows with a bit in them: eight bytes, then two answers at a time, 8 x as fast."""
        pairs = self._library.weights().reshape(-1).view(np.uint64) != 0
        return np.flatnonzero(pairs.view(np.uint16) != 0)

    def dumps(self) -> bytes:
        state: dict[str, Any] = {"learned": self.learned, "seen": self.scaling.state(), "schema": self.schema.state()}
        state |= {"weights": self.weight_hash(), "base": [self._earned, self._decided]}
        return Envelope(self.kind, self.settings, state, self._library.serialize()).dumps()

    def _weights(self) -> npt.NDArray[np.float32]:
        """Return a view [place, state]; safe for this model alone, which is one weight wide."""
        view: npt.NDArray[np.float32] = self._library.weights()[:, 0, :]
        return view

    def _written(self, line: str) -> str:
        """Return the context as the library reads it: all tokens, and once more those that are crossed."""
        tokens = [_token(token, value) for token, value in self.schema.read(line)]
        return f"|{CONTEXT} {' '.join(tokens)} |{CROSSED} {' '.join(tokens[: int(self.settings['crosses'])])}"

    def _place(self, room: str, token: str) -> int:
        """Return the library's own hash of a token, asked once."""
        known = self._hashes.get((room, token))
        if known is None:
            if len(self._hashes) >= KNOWN_TOKENS:
                self._hashes.clear()
            known = self._hashes[room, token] = int(self._parser.parse_line(f"|{room} {token}")[room].indices[0])
        return known


def _token(token: str, value: float) -> str:
    return token if value == 1.0 else f"{token}:{_single(value):.9g}"


def _single(value: float) -> float:
    """Return the value as the library keeps it."""
    return float(np.float32(value))


def new(settings: Mapping[str, Any], schema: Schema = FIXED) -> VwModel:
    return VwModel(settings, {"schema": schema.state()})


def loads(raw: bytes, settings: Mapping[str, Any]) -> VwModel:
    """Read a stored model; the library sees its bytes only when digest, settings and options are ours."""
    stored = opened(raw, VwModel.kind, settings)
    if not stored.body.startswith(_header(_options(settings))):
        raise LearnerError("the stored model asks the library for other options than ours")
    model = VwModel(settings, stored.state, stored.body)
    if model.weight_hash() != stored.state["weights"]:
        raise LearnerError("the library reads other weights than were stored: start a new model from the log")
    return model


def _options(settings: Mapping[str, Any]) -> tuple[str, ...]:
    crosses = ("--cubic", f"{CROSSED}{CROSSED}{ARM}") if settings["crosses"] else ()
    return (
        "--cb_explore_adf", "--squarecb", "--gamma_scale", f"{settings['gamma_scale']:g}",
        "-l", f"{settings['rate']:g}", "-q", f"{CONTEXT}{ARM}", *crosses,
        "-b", f"{settings['bits']:d}", "--min_prediction", "-2", "--max_prediction", "2", "--quiet",
    )  # fmt: skip


def _workspace(settings: Mapping[str, Any], body: bytes) -> Any:
    try:
        if body:
            return vw.Workspace(["--quiet"], model_data=body)
        return vw.Workspace(list(_options(settings)))
    except RuntimeError as error:
        raise LearnerError(f"the model cannot be read: {error}") from error


@lru_cache(maxsize=32)
def _header(options: tuple[str, ...]) -> bytes:
    """Return how every file of a model with these options begins: version, table size, options."""
    fresh: bytes = vw.Workspace(list(options)).serialize()
    return fresh[: fresh.rindex(b"--") + fresh[fresh.rindex(b"--") :].index(b"\0") + 1]
