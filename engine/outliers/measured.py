"""The outliers as a report shows them: how many, who they are in words, whether they are the same people every week."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from engine.outliers.flags import Flagged, Line, flagged, stability
from engine.outliers.tree import Leaf, grown
from engine.report.intervals import needed_per_group

DETECTABLE = 0.01  # fewer of the people than this are noise
MOSTLY = 0.5  # of a group are outliers: then it is named
QUARTER, HALF_AS_MUCH = 0.25, 0.5
WEEK = 7
MOST_FOR_TREE = 50_000


@dataclass(frozen=True, slots=True)
class OutlierGroup:
    """One group in words. `condition` is what a journey file would say; `gain` is a model's estimate of the reward."""

    words: str
    condition: str
    people: int
    share: float  # of all people
    outliers: float  # share of the group
    best: str  # the arm that serves most of its outliers best
    gain: float


@dataclass(frozen=True, slots=True)
class Outliers:
    """What was found at one decision point.

    `needed`: decisions that are missing before a group could be noticed; 0: enough were made and there is none; None:
    there is a group. `right` is known in a simulation alone: the shares of the flagged who truly are outliers, and of
    the true outliers who were flagged.
    """

    point: str
    single: str
    people: int
    count: int
    learned: int
    groups: tuple[OutlierGroup, ...] = ()
    best: Mapping[str, int] | None = None  # arm -> people it serves best
    stable: float | None = None
    needed: int | None = None
    right: tuple[float, float] | None = None

    @property
    def share(self) -> float:
        return self.count / self.people if self.people else 0.0

    @property
    def found(self) -> bool:
        return self.needed is None


def measured(
    point: str, lines: Sequence[Line], arms: Mapping[str, str], baseline: str = ""
) -> tuple[Outliers, Flagged]:
    """Return the outliers of a decision point, and who they are by contact."""
    found = flagged(lines, arms, baseline)
    people, count = len(found.people), len(found.outliers)
    best = Counter(flag.best for flag in found.people.values())
    if people == 0 or count / people < DETECTABLE:
        missing = _missing(lines, len(arms), found.learned)
        return Outliers(point, found.single, people, count, found.learned, best=best, needed=missing), found
    groups = tuple(_groups(found))
    same = stability(lines, arms, found, WEEK)
    return Outliers(point, found.single, people, count, found.learned, groups, best, same), found


def _missing(lines: Sequence[Line], arms: int, learned: int) -> int:
    """Return how many more decisions would show a quarter of the people who like another arm half as much again."""
    rewards = [line.reward for line in lines if line.reward is not None]
    base = min(max(float(np.mean([reward > 0 for reward in rewards])) if rewards else 0.05, 0.01), 0.5)
    each = needed_per_group(base, HALF_AS_MUCH * base)
    return max(round(each * arms / QUARTER) - learned, 0)


def _groups(found: Flagged) -> list[OutlierGroup]:
    """Return the leaves that mostly hold outliers; the purest alone when none does."""
    people = list(found.people.items())[:MOST_FOR_TREE]
    meant = np.array([flag.outlier for _, flag in people])
    leaves = grown([flag.features for _, flag in people], meant)
    named = [leaf for leaf in leaves if leaf.share >= MOSTLY] or leaves[:1]
    return [_group(leaf, found, people) for leaf in named]


def _group(leaf: Leaf, found: Flagged, people: Sequence[tuple[str, object]]) -> OutlierGroup:
    flags = [found.people[people[row][0]] for row in leaf.rows]
    own = [flag for flag in flags if flag.outlier] or flags
    best = Counter(flag.best for flag in own).most_common(1)[0][0]
    gain = float(np.mean([flag.gain for flag in own if flag.best == best])) * found.scale
    return OutlierGroup(
        leaf.words, leaf.condition, len(flags), len(flags) / max(len(people), 1), leaf.share, best, gain
    )  # fmt: skip


def agreement(found: Flagged, truly: Callable[[str], bool]) -> tuple[float, float]:
    """Return the share of the flagged who truly are outliers, and of the true outliers who were flagged."""
    both = sum(truly(contact) for contact in found.outliers)
    true = sum(truly(contact) for contact in found.people)
    return both / max(len(found.outliers), 1), both / max(true, 1)
