"""Which columns a Bayesian model looks at: the constant, the tokens of a context, pairs of the strongest features.

Rules
- A column belongs to a group, its feature (or pair of features); effects of one group are alike in size.
- There are at most MOST_COLUMNS, so the full covariance stays cheap; what is rare comes last, and says little.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property, lru_cache
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.learner.words import Alike, Words

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

ONE = "~one"
MOST_COLUMNS = 150
RARE = 8  # a token seen less often has no column
ACROSS = "&"


class Design:
    """Columns by name, and which features are crossed. It never changes: new columns are a new design."""

    def __init__(self, words: Words, columns: Sequence[str] = (ONE,), pairs: Sequence[tuple[str, str]] = ()) -> None:
        self.columns = tuple(columns)
        self.pairs = tuple(sorted(set(pairs)))
        self._words = words
        self._place = {name: at for at, name in enumerate(self.columns)}
        self._maps: tuple[Any, Ints, _Pairs] | None = None

    @cached_property
    def names(self) -> list[str]:
        """Return the groups' names in the order of their numbers; the constant's is first."""
        return list(dict.fromkeys(group_of(column) for column in self.columns))

    @cached_property
    def groups(self) -> Ints:
        """Return the number of each column's group."""
        numbers = {name: at for at, name in enumerate(self.names)}
        return np.array([numbers[group_of(column)] for column in self.columns], dtype=np.int64)

    def matrix(self, lines: Sequence[str], kind: type[np.floating[Any]] = np.float64) -> npt.NDArray[Any]:
        """Return [lines, columns]."""
        width = len(self.columns)
        found = np.zeros((len(lines), width + 1), kind)  # what has no column goes into the last one, and is cut off
        found[:, 0] = 1.0
        for group in self._words.grouped(lines) if lines else ():
            alone, pairs = self._mapped()
            for at in range(group.codes.shape[1]):
                found[group.rows, alone[group.codes[:, at]]] = 1.0 if group.values is None else group.values[:, at]
            for one, two, value in pairs.met(group):
                found[group.rows, pairs.places[one, two]] = value
        return found[:, :width]

    def _mapped(self) -> tuple[Ints, _Pairs]:
        """Return the columns of the vocabulary's tokens and of its pairs; made anew when the vocabulary has grown."""
        key = id(self._words.tokens), len(self._words.tokens)
        if self._maps is None or self._maps[0] != key:
            nowhere = len(self.columns)
            alone = np.array([self._place.get(token, nowhere) for token in self._words.tokens], dtype=np.int64)
            self._maps = key, alone, _Pairs(self._words.tokens, self.pairs, self._place)
        return self._maps[1], self._maps[2]


class _Pairs:
    """Columns of pairs of tokens, by the tokens' numbers among those that are crossed."""

    def __init__(self, tokens: Sequence[str], pairs: Sequence[tuple[str, str]], place: Mapping[str, int]) -> None:
        among = {name for pair in pairs for name in pair}
        self._some = [token for token in tokens if group_of(token) in among]
        numbers = {token: at for at, token in enumerate(self._some)}
        self.number = np.array([numbers.get(token, -1) for token in tokens], dtype=np.int64)
        shape = len(self._some) + 1, len(self._some) + 1  # the last is for tokens that are not crossed: number -1
        self.places = np.full(shape, len(place), dtype=np.int64)
        for (at, one), (other, two) in combinations(enumerate(self._some), 2):
            self.places[at, other] = self.places[other, at] = place.get(product(one, two), len(place))

    def met(self, group: Alike) -> Iterator[tuple[Ints, Ints, Any]]:
        """Yield, for every two positions with crossed tokens, their numbers and the products of their values."""
        numbers = self.number[group.codes]
        crossed = [at for at in range(numbers.shape[1]) if (numbers[:, at] >= 0).any()]
        for at, other in combinations(crossed, 2):
            value = 1.0 if group.values is None else group.values[:, at] * group.values[:, other]
            yield numbers[:, at], numbers[:, other], value


@lru_cache(maxsize=65536)
def group_of(column: str) -> str:
    """Return the feature of a column: `tier=gold` and `tier=tin` are alike, so are the bins and the column of one."""
    return ACROSS.join(part.partition("=")[0].removesuffix("~z") for part in column.split(ACROSS))


def product(one: str, two: str) -> str:
    """Return the name of the column of a pair, in the order of the features' names."""
    return ACROSS.join(sorted((one, two), key=lambda token: (group_of(token), token)))


def chosen(words: Words, lines: Sequence[str], strong: Mapping[str, float], crosses: int) -> Design:
    """Return the design for these lines: their tokens, and pairs of the `crosses` strongest features while they fit."""
    mains = _frequent(words, lines)
    sizes = Counter(group_of(token) for token in mains)
    best = sorted((name for name in sizes if strong.get(name, 0.0) > 0.0), key=lambda name: (-strong[name], name))
    pairs, products, room = [], [], MOST_COLUMNS - 1 - len(mains)
    for one, two in sorted(combinations(best[:crosses], 2), key=lambda pair: -strong[pair[0]] * strong[pair[1]]):
        if sizes[one] * sizes[two] <= room:
            room -= sizes[one] * sizes[two]
            pairs.append((min(one, two), max(one, two)))
            products += [product(a, b) for a in mains for b in mains if (group_of(a), group_of(b)) == (one, two)]
    return Design(words, (ONE, *mains, *sorted(products)), pairs)


def _frequent(words: Words, lines: Sequence[str]) -> list[str]:
    """Return the tokens that deserve a column, by name; the most frequent ones when there are too many."""
    groups = words.grouped(lines)
    seen = sum((np.bincount(group.codes.ravel(), minlength=len(words.tokens)) for group in groups), np.zeros(1, int))
    known = [(-int(count), token) for token, count in zip(words.tokens, seen, strict=False) if count >= RARE]
    return sorted(token for _, token in sorted(known)[: MOST_COLUMNS - 1])
