"""The same sums as table.py for a big batch: all that a token or a pair of tokens adds to each arm, looked up as rows.

A model that serves thousands of contacts between two lessons adds up its weights by arm once; a contact then costs one
row of numbers per token and one per crossed pair. Single precision, as the library's own.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from engine.learner.table import Ints, Sight, Table

Singles = npt.NDArray[np.float32]
Codes = npt.NDArray[np.int32]

PART = 4096  # contacts at once: what is added up stays in the cache


class Dense:
    """The rows of a vocabulary: `plain` and `crossed` say where each token hashes to in either namespace."""

    def __init__(self, table: Table, plain: Ints, crossed: Ints, arms: Sequence[Ints]) -> None:
        nothing = Sight(np.zeros((1, 0), np.int64), np.zeros((1, 0)))
        self._constant = table.costs(nothing, nothing, arms)[0]
        one = Sight(plain[:, None], np.ones((len(plain), 1)))
        empty = Sight(np.zeros((len(plain), 0), np.int64), np.zeros((len(plain), 0)))
        self._alone = (table.costs(one, empty, arms) - self._constant).astype(np.float32)
        self._first = self._alone + table.shared(crossed)[:, None].astype(np.float32)
        self._pairs = table.pairs(crossed, arms).astype(np.float32).reshape(len(crossed) ** 2, len(arms))

    def costs(self, codes: Codes, values: Singles | None, crosses: int) -> Singles:
        """Return [contacts, arms] for the tokens of these codes; `values` are those of the tokens (None: all 1)."""
        found = np.empty((len(codes), len(self._constant)), np.float32)
        for start in range(0, len(codes), PART):
            part = slice(start, start + PART)
            found[part] = self._part(codes[part], None if values is None else values[part], crosses)
        return found

    def _part(self, codes: Codes, values: Singles | None, crosses: int) -> Singles:
        columns = np.ascontiguousarray(codes.T).astype(np.int64)
        total = np.tile(self._constant.astype(np.float32), (len(codes), 1))
        row = np.empty_like(total)
        size = len(self._alone)
        for at, column in enumerate(columns):
            np.take(self._first if at < crosses else self._alone, column, axis=0, out=row, mode="clip")
            total += row if values is None else row * values[:, at, None]
        for at in range(min(crosses, len(columns))):
            begun = columns[at] * size
            for other in range(at, min(crosses, len(columns))):
                np.take(self._pairs, begun + columns[other], axis=0, out=row, mode="clip")
                total += row if values is None else row * (values[:, at] * values[:, other])[:, None]
        return total
