"""Who plays beside the product: stock explorers of Vowpal Wabbit, an A/B test, another library, chance, the truth."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import vowpal_wabbit_next as vw

from benchmarks.choice.drive import Told
from benchmarks.choice.worlds import Flags, Floats, Ints, World

STOCK = {
    "VW epsilon 0.1": ("--epsilon", "0.1"),
    "VW cover 4": ("--cover", "4"),
    "VW squarecb": ("--squarecb",),
}


class StockVw:
    """Vowpal Wabbit as its manual starts one: an explorer with its defaults, context crossed with arm."""

    def __init__(self, options: Sequence[str], arms: dict[str, str]) -> None:
        self._library = vw.Workspace(["--cb_explore_adf", *options, "-q", "UA", "-b", "18", "--quiet"])
        self._parser = vw.TextFormatParser(self._library)
        self._arms = list(arms.values())

    def chances(self, lines: Sequence[str], eligible: Flags) -> Floats:
        found = np.zeros(eligible.shape)
        for row, line in enumerate(lines):
            numbers = np.flatnonzero(eligible[row])
            asked = [f"shared |U {line}", *(f"|A {self._arms[at]}" for at in numbers)]
            said = self._library.predict_one([self._parser.parse_line(one) for one in asked])
            for at, chance in said:
                found[row, numbers[at]] = max(0.0, chance)
        return np.asarray(found / found.sum(axis=1, keepdims=True), np.float64)

    def learn(self, told: Told) -> None:
        for line, arm, reward, chance in zip(told.lines, told.arms, told.rewards, told.chances, strict=True):
            asked = [f"shared |U {line}", *(f"|A {one}" for one in self._arms)]
            asked[1 + arm] = f"0:{-reward:g}:{chance:.6f} {asked[1 + arm]}"
            self._library.learn_one([self._parser.parse_line(one) for one in asked])


@dataclass
class AbThenWinner:
    """A tenth of the contacts evenly, all others the arm that won."""

    contacts: int
    arms: int
    seen: int = 0
    won: Floats = field(default_factory=lambda: np.zeros(0))
    tried: Floats = field(default_factory=lambda: np.zeros(0))

    def __post_init__(self) -> None:
        self.won, self.tried = np.zeros(self.arms), np.zeros(self.arms)

    def chances(self, lines: Sequence[str], eligible: Flags) -> Floats:
        self.seen += len(lines)
        if self.seen <= self.contacts / 10:
            return np.asarray(eligible / eligible.sum(axis=1, keepdims=True), np.float64)
        rates = self.won / np.maximum(self.tried, 1.0)
        found = np.zeros(eligible.shape)
        found[np.arange(len(lines)), np.where(eligible, rates, -2.0).argmax(axis=1)] = 1.0
        return found

    def learn(self, told: Told) -> None:
        if self.seen <= self.contacts / 10:
            np.add.at(self.won, told.arms, told.rewards)
            np.add.at(self.tried, told.arms, 1.0)


class Even:
    """Every arm alike."""

    def chances(self, lines: Sequence[str], eligible: Flags) -> Floats:
        return np.asarray(eligible / eligible.sum(axis=1, keepdims=True), np.float64)

    def learn(self, told: Told) -> None:
        """Chance does not learn."""


class Mabwiser:
    """mabwiser's linear Thompson sampling with its defaults; it names an arm, so that one has all the chance."""

    def __init__(self, columns: dict[str, int], arms: int) -> None:
        mab = importlib.import_module("mabwiser.mab")
        policy = mab.LearningPolicy.LinTS(alpha=0.1)
        self._learner: Any = mab.MAB(list(range(arms)), policy, seed=1)
        self._columns, self._arms, self._fitted = columns, arms, False

    def chances(self, lines: Sequence[str], eligible: Flags) -> Floats:
        if not self._fitted:
            return Even().chances(lines, eligible)
        said = self._learner.predict_expectations(self._matrix(lines))
        worth = np.array([[row[arm] for arm in range(self._arms)] for row in said])
        found = np.zeros(eligible.shape)
        found[np.arange(len(lines)), np.where(eligible, worth, -np.inf).argmax(axis=1)] = 1.0
        return found

    def learn(self, told: Told) -> None:
        x = self._matrix(told.lines)
        tell = self._learner.partial_fit if self._fitted else self._learner.fit
        tell(told.arms.tolist(), told.rewards.tolist(), x)
        self._fitted = True

    def _matrix(self, lines: Sequence[str]) -> Floats:
        found = np.zeros((len(lines), len(self._columns) + 1))
        found[:, -1] = 1.0
        for row, line in enumerate(lines):
            found[row, [self._columns[token] for token in line.split() if token in self._columns]] = 1.0
        return found


@dataclass
class Oracle:
    """Knows what every contact wants."""

    best: Ints
    at: int = 0

    def chances(self, lines: Sequence[str], eligible: Flags) -> Floats:
        found = np.zeros(eligible.shape)
        found[np.arange(len(lines)), self.best[self.at : self.at + len(lines)]] = 1.0
        self.at += len(lines)
        return found

    def learn(self, told: Told) -> None:
        """Nothing is left to learn."""


def mabwiser_there() -> bool:
    return importlib.util.find_spec("mabwiser") is not None


def mabwiser(world: World) -> Mabwiser:
    tokens = sorted({token for line in world.lines[:2000] for token in line.split()})
    return Mabwiser({token: at for at, token in enumerate(tokens)}, world.means.shape[1])
