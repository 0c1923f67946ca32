"""Which columns a Bayesian model looks at: the constant, the tokens of a context, pairs of the strongest features.

Rules
- A column belongs to a group, its feature (or pair of features); effects of one group are alike in size.
- There are at most MOST_COLUMNS, so the full covariance stays cheap; what is rare comes last, and says little.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property, lru_cache
from itertools import combinations

import numpy as np
import numpy.typing as npt

from engine.learner.schema import Schema, Tokens

Floats = npt.NDArray[np.float64]

ONE = "~one"
MOST_COLUMNS = 150
RARE = 8  # a token seen less often has no column


class Design:
    """Columns by name, and which features are crossed. It never changes: new columns are a new design."""

    def __init__(self, schema: Schema, columns: Sequence[str] = (ONE,), pairs: Iterable[tuple[str, str]] = ()) -> None:
        self.columns = tuple(columns)
        self.pairs = tuple(sorted({(a, b) for a, b in pairs}))
        self._schema = schema
        self._place = {name: at for at, name in enumerate(self.columns)}
        self._crossed = frozenset(self.pairs)
        self._known: dict[str, tuple[list[int], list[float]]] = {}

    @cached_property
    def groups(self) -> npt.NDArray[np.int64]:
        """Return the number of each column's group; the constant's is 0."""
        names = [group_of(column) for column in self.columns]
        numbers = {name: at for at, name in enumerate(dict.fromkeys(names))}
        return np.array([numbers[name] for name in names], dtype=np.int64)

    @property
    def names(self) -> list[str]:
        """Return the groups' names in the order of their numbers."""
        return list(dict.fromkeys(group_of(column) for column in self.columns))

    def matrix(self, lines: Sequence[str]) -> Floats:
        """Return [lines, columns]."""
        known = [self.read(line) for line in lines]
        found = np.zeros((len(lines), len(self.columns)))
        rows = np.repeat(np.arange(len(lines)), [len(places) for places, _ in known])
        found[rows, [place for places, _ in known for place in places]] = [x for _, values in known for x in values]
        return found

    def read(self, line: str) -> tuple[list[int], list[float]]:
        """Return where a line has what value."""
        known = self._known.get(line)
        if known is None:
            if len(self._known) > 50_000:
                self._known.clear()
            names = {ONE: 1.0, **dict(crossed(self._schema.read(line), self._crossed))}
            kept = [(self._place[name], value) for name, value in names.items() if name in self._place]
            known = self._known[line] = [place for place, _ in kept], [value for _, value in kept]
        return known


@lru_cache(maxsize=65536)
def group_of(column: str) -> str:
    """Return the feature of a column: `tier=gold` and `tier=tin` are alike, so are the bins and the column of one."""
    return "&".join(part.partition("=")[0].removesuffix("~z") for part in column.split("&"))


def crossed(tokens: Tokens, pairs: frozenset[tuple[str, str]]) -> Iterable[tuple[str, float]]:
    """Yield the tokens, and the products of those whose features are crossed."""
    yield from tokens
    if pairs:
        among = {name for pair in pairs for name in pair}
        named = [(group_of(token), token, value) for token, value in tokens if group_of(token) in among]
        for (one, a, x), (two, b, y) in combinations(named, 2):
            if (one, two) in pairs:
                yield f"{a}&{b}", x * y
            elif (two, one) in pairs:
                yield f"{b}&{a}", x * y


def chosen(schema: Schema, lines: Sequence[str], strong: Mapping[str, float], crosses: int) -> Design:
    """Return the design for these lines: their tokens, and pairs of the `crosses` strongest features while they fit."""
    times: Counter[str] = Counter(lines)
    seen: Counter[str] = Counter()
    for line, count in times.items():
        for token, _ in schema.read(line):
            seen[token] += count
    mains = [token for token, count in sorted(seen.items(), key=lambda kv: (-kv[1], kv[0])) if count >= RARE]
    mains = sorted(mains[: MOST_COLUMNS - 1])
    sizes = Counter(group_of(token) for token in mains)
    best = sorted((name for name in sizes if strong.get(name, 0.0) > 0.0), key=lambda name: (-strong[name], name))
    pairs, room = [], MOST_COLUMNS - 1 - len(mains)
    for one, two in sorted(combinations(best[:crosses], 2), key=lambda pair: -strong[pair[0]] * strong[pair[1]]):
        if sizes[one] * sizes[two] <= room:
            room -= sizes[one] * sizes[two]
            pairs.append((min(one, two), max(one, two)))
    kept = set(mains)
    products = _products(schema, times, frozenset(pairs), kept)
    return Design(schema, (ONE, *mains, *sorted(products)), pairs)


def _products(schema: Schema, lines: Iterable[str], pairs: frozenset[tuple[str, str]], kept: set[str]) -> set[str]:
    """Return the pairs of kept tokens that occur."""
    found: set[str] = set()
    for line in lines if pairs else ():
        tokens = tuple(pair for pair in schema.read(line) if pair[0] in kept)
        found.update(name for name, _ in crossed(tokens, pairs) if "&" in name)
    return found
