"""A small tree that says in words who a group is: at most three questions deep, every leaf a sentence.

Questions are asked of the logged context: is a word, is at least a number, is not known. Splits lower the Gini
impurity most (CART, Breiman and others 1984); a leaf holds at least 2 % of the people and 30 of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import unquote

import numpy as np
import numpy.typing as npt

from engine.learner.schema import numeric

DEPTH = 3
LEAST_SHARE, LEAST = 0.02, 30
CUTS = 8  # thresholds that are tried a number
WORTH = 0.002  # of impurity, weighted by size: smaller gains are noise

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Question:
    """`name` `sign` `value`: contact.tier = gold, entry.value >= 60; `sign` one of = != >= < known unknown."""

    name: str
    sign: str
    value: str = ""

    @property
    def words(self) -> str:
        if self.sign in ("known", "unknown"):
            return f"{self.name} is {self.sign}"
        if self.value in ("0", "1") and self.sign in ("=", "!="):
            return self.name if (self.value == "1") == (self.sign == "=") else f"not {self.name}"
        return f"{self.name} {self.sign} {self.value}"

    @property
    def condition(self) -> str:
        """Return the question as a journey file writes it."""
        if self.sign in ("known", "unknown"):
            return f"{self.name} {'!=' if self.sign == 'known' else '=='} none"
        if self.sign in (">=", "<"):
            return f"{self.name} {self.sign} {self.value}"
        if self.value in ("0", "1"):
            return self.name if (self.value == "1") == (self.sign == "=") else f"not {self.name}"
        return f'{self.name} {"==" if self.sign == "=" else "!="} "{self.value}"'


@dataclass(frozen=True, slots=True)
class Leaf:
    """One group: the questions that lead to it, which rows are in it, and the share of them that is meant."""

    questions: tuple[Question, ...]
    rows: npt.NDArray[np.int64]
    share: float

    @property
    def words(self) -> str:
        return " and ".join(one.words for one in self.questions) or "everybody"

    @property
    def condition(self) -> str:
        return " and ".join(one.condition for one in self.questions)


def grown(lines: Sequence[str], meant: Flags) -> list[Leaf]:
    """Return the leaves of a tree that tells the meant lines from the others, the purest first."""
    columns = dict(_columns(lines))
    least = max(LEAST, int(LEAST_SHARE * len(lines)))
    leaves = list(_split(columns, meant, (np.arange(len(lines)), ()), least))
    return sorted(leaves, key=lambda leaf: (-leaf.share, -len(leaf.rows)))


Place = tuple[npt.NDArray[np.int64], tuple[Question, ...]]


def _split(columns: dict[Question, Flags], meant: Flags, place: Place, least: int) -> Iterable[Leaf]:
    rows, asked = place
    here = meant[rows]
    best: tuple[float, Question | None] = (WORTH * len(meant), None)
    if len(asked) < DEPTH and 0 < here.sum() < len(here):
        for question, answers in columns.items():
            gain = _gain(here, answers[rows], least)
            if gain > best[0]:
                best = gain, question
    if best[1] is None:
        return [Leaf(_tidy(asked), rows, float(here.mean()) if len(here) else 0.0)]
    yes = columns[best[1]][rows]
    return [
        *_split(columns, meant, (rows[yes], (*asked, best[1])), least),
        *_split(columns, meant, (rows[~yes], (*asked, _opposite(best[1]))), least),
    ]


def _gain(meant: Flags, yes: Flags, least: int) -> float:
    """Return by how much a question lowers the impurity, weighted by people; 0 when a side is too small."""
    many, few = int(yes.sum()), int((~yes).sum())
    if many < least or few < least:
        return 0.0
    return _impurity(meant) - _impurity(meant[yes]) - _impurity(meant[~yes])


def _impurity(meant: Flags) -> float:
    share = float(meant.mean())
    return 2 * share * (1 - share) * len(meant)


def _columns(lines: Sequence[str]) -> Iterable[tuple[Question, Flags]]:
    """Yield every question that can be asked, with its answers, n."""
    words: dict[str, list[str]] = {}
    numbers: dict[str, dict[int, float]] = {}
    seen: dict[tuple[str, str], list[int]] = {}
    for row, line in enumerate(lines):
        for token in line.split():
            number = numeric(token)
            if number is not None:
                numbers.setdefault(number[0], {})[row] = number[1]
                continue
            name, _, value = token.partition("=")
            seen.setdefault((name, value), []).append(row)
            words.setdefault(name, []).append(value)
    for (name, value), rows in seen.items():
        answers = np.zeros(len(lines), dtype=bool)
        answers[rows] = True
        unknown = value == "~none"
        yield Question(unquote(name), "unknown" if unknown else "=", "" if unknown else unquote(value)), answers
    for name, found in numbers.items():
        yield from _thresholds(unquote(name), found, len(lines))


def _thresholds(name: str, found: dict[int, float], count: int) -> Iterable[tuple[Question, Flags]]:
    rows, values = np.array(list(found)), np.array(list(found.values()))
    for cut in np.unique(np.quantile(values, np.linspace(0, 1, CUTS + 2)[1:-1], method="higher")):
        answers = np.zeros(count, dtype=bool)
        answers[rows[values >= cut]] = True
        yield Question(name, ">=", f"{cut:.6g}"), answers


def _opposite(question: Question) -> Question:
    signs = {"=": "!=", ">=": "<", "unknown": "known"}
    return Question(question.name, signs[question.sign], question.value)


def _tidy(asked: Sequence[Question]) -> tuple[Question, ...]:
    """Drop a question that a later one makes superfluous: value >= 20 before value >= 60."""
    return tuple(
        one for n, one in enumerate(asked) if not any(_covers(later, one) for later in asked[n + 1 :])
    )  # fmt: skip


def _covers(later: Question, earlier: Question) -> bool:
    if later.name != earlier.name:
        return False
    if later.sign == earlier.sign and later.sign in (">=", "<"):
        return True
    return later.sign == "=" and earlier.sign in ("!=", "known")
