"""A tree that says groups in words: each leaf is a condition of our language, each group the leaves that are its own.

Rules
- At most 2k leaves, each of LEAST people or more: a group's rule stays readable. What it costs is its fidelity: the
  share of people whom the rule puts where the grouping put them, measured on people that the tree had not seen.
- A cut is the roundest number near where the tree cuts: it may move ROUNDING of the people to the other side.
- The rule is the group: its members are found by the rule alone, from the day that it is written down.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import floor, log10

import numpy as np
import numpy.typing as npt

from engine.audience.clusters import WHAT, Floats, Ints
from engine.audience.extra import taken_up

LEAST, LEAST_SHARE = 20, 0.005
ROUNDING = 0.005
GROWN = 200_000
"""People that a tree is grown from: more cost time and move no cut."""

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Cut:
    """`feature` (position) is at most, or more than, a number."""

    feature: int
    above: bool
    number: float

    def said(self, features: Sequence[str]) -> str:
        return f"{features[self.feature]} {'>' if self.above else '<='} {written(self.number)}"

    def holds(self, raw: Floats) -> Flags:
        column = raw[:, self.feature]
        return np.asarray(column > self.number if self.above else column <= self.number)


Path = tuple[Cut, ...]


@dataclass(frozen=True, slots=True)
class Rulebook:
    """Of each group the paths that lead to it, and how often the rules agree with the grouping."""

    paths: tuple[tuple[Path, ...], ...]
    fidelity: float
    cuts: tuple[Cut, ...] = field(default=())

    def condition(self, group: int, features: Sequence[str]) -> str:
        """Return the group's rule in our language."""
        return said(self.paths[group], features)

    def members(self, raw: Floats, group: int) -> Flags:
        """Return whom the group's rule holds for."""
        found = np.zeros(len(raw), dtype=bool)
        for path in self.paths[group]:
            here = np.ones(len(raw), dtype=bool)
            for cut in path:
                here &= cut.holds(raw)
            found |= here
        return found


def said(paths: Sequence[Path], features: Sequence[str]) -> str:
    """Return paths as one condition; what several have in common is said once."""
    common = [cut for cut in paths[0] if all(cut in path for path in paths)] if paths else []
    rest = [tuple(cut for cut in path if cut not in common) for path in paths]
    parts = [cut.said(features) for cut in common]
    if len(rest) > 1 and all(rest):
        first = dict.fromkeys(path[0] for path in rest)
        sides = [said([path for path in rest if path[0] == cut], features) for cut in first]
        either = " or ".join(f"({side})" if " and " in side else side for side in sides)
        parts.append(f"({either})" if common else either)
    return " and ".join([*parts, *(cut.said(features) for cut in (rest[0] if len(rest) == 1 else ()))])


def rules(raw: Floats, labels: Ints, seed: int) -> Rulebook:
    """Return the rules that say these groups of people, whose features are `raw` [people, features]."""
    k = int(labels.max()) + 1
    rng = np.random.default_rng(seed)
    mixed = rng.permutation(len(raw))[: 2 * GROWN]
    half = len(mixed) // 2
    learned = _grown(raw[mixed[:half]], labels[mixed[:half]], k, seed)
    fidelity = float((_told(learned, raw[mixed[half:]], k) == labels[mixed[half:]]).mean())
    return Rulebook(_grown(raw[mixed], labels[mixed], k, seed), fidelity)


def _told(paths: tuple[tuple[Path, ...], ...], raw: Floats, k: int) -> Ints:
    book, found = Rulebook(paths, 0.0), np.full(len(raw), -1)
    for group in range(k):
        found[book.members(raw, group)] = group
    return found


def _grown(raw: Floats, labels: Ints, k: int, seed: int) -> tuple[tuple[Path, ...], ...]:
    trees = taken_up("sklearn.tree", WHAT)
    least = max(2, min(LEAST, len(raw) // 20), int(LEAST_SHARE * len(raw)))
    model = trees.DecisionTreeClassifier(max_leaf_nodes=2 * k, min_samples_leaf=least, random_state=seed)
    tree = model.fit(raw, labels).tree_
    ordered = np.sort(raw, axis=0)

    def leaves(node: int) -> list[tuple[Path, int]]:
        left, right = int(tree.children_left[node]), int(tree.children_right[node])
        if left < 0:
            return [((), int(model.classes_[int(tree.value[node][0].argmax())]))]
        below, above = leaves(left), leaves(right)
        if {group for _, group in [*below, *above]} == {below[0][1]}:
            return [((), below[0][1])]  # both sides say the same: the question is none
        feature = int(tree.feature[node])
        number = round_between(ordered[:, feature], float(tree.threshold[node]))
        sides = ((False, below), (True, above))
        return [((Cut(feature, up, number), *path), group) for up, side in sides for path, group in side]

    found: list[list[Path]] = [[] for _ in range(k)]
    for path, group in leaves(0):
        found[group].append(_tidy(path))
    return tuple(tuple(paths) for paths in found)


def round_between(ordered: Floats, cut: float) -> float:
    """Return the roundest number that parts the ordered values nearly as `cut` does."""
    place = int(np.searchsorted(ordered, cut, "right"))
    slack = int(ROUNDING * len(ordered))
    low = float(ordered[max(0, place - 1 - slack)])
    high = float(ordered[min(len(ordered) - 1, place + slack)])
    if low == high:
        low, high = float(ordered[max(0, place - 1)]), float(ordered[min(len(ordered) - 1, place)])
    size = floor(log10(max(abs(low), abs(high), 1e-9)))
    for digits in range(-size, 12):
        for number in (round(cut, digits), floor(cut * 10.0**digits) / 10.0**digits):
            if low <= number < high:
                return number
    return low


def written(number: float) -> str:
    """Return a number as our language reads it: no exponent, a minus in front."""
    text = f"{number:.10f}".rstrip("0").rstrip(".")
    return text or "0"


def _tidy(path: Path) -> Path:
    """Keep of each feature and side the narrowest cut, in the order of the tree."""
    best: dict[tuple[int, bool], Cut] = {}
    for cut in path:
        held = best.get((cut.feature, cut.above))
        if held is None or (cut.number > held.number) == cut.above:
            best[cut.feature, cut.above] = cut
    return tuple(best.values())
