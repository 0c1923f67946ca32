"""Scores for many contexts at once, read from a table of hashed weights exactly as the learner itself would.

The learner adds up the weights of: a constant; each context token; each arm token; each pair of them; and each arm
token with each pair of context tokens (a token pairs with itself, too). Where a weight stands follows from the
tokens' hashes by the learner's own mixing, (hash * PRIME) ^ hash, repeated here on whole columns.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

PRIME = 16777619
CONSTANT = 11650396
PART = 2000  # contexts at once: every arm token is looked up for all of them together

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class Table:
    """The weights as they are now; `crosses` says whether pairs of context tokens take part."""

    def __init__(self, weights: npt.NDArray[np.float32], *, crosses: bool) -> None:
        self._weights = weights
        self._mask = len(weights) - 1
        self._prime = PRIME & self._mask  # only the low bits count; so products stay far from 2**63
        self._crosses = crosses

    def costs(self, contexts: Ints, values: Floats, arms: Sequence[Ints]) -> Floats:
        """Return [contexts, arms] for contexts with the same number of tokens; `values` are those of the tokens."""
        if len(contexts) > PART:
            parts = range(0, len(contexts), PART)
            return np.concatenate([self.costs(contexts[p : p + PART], values[p : p + PART], arms) for p in parts])
        shared = (self._at(contexts) * values).sum(axis=1) + self._at(np.array([CONSTANT & self._mask]))[0]
        tokens = sorted({int(token) for arm in arms for token in arm})
        by_token = dict(zip(tokens, self._tokens(contexts, values, np.array(tokens, dtype=np.int64)), strict=True))
        columns = [shared + sum((by_token[int(token)] for token in arm), np.zeros(len(contexts))) for arm in arms]
        return np.stack(columns, axis=1)

    def _tokens(self, contexts: Ints, values: Floats, tokens: Ints) -> Floats:
        """Return [tokens, contexts]: what each arm token adds in each context."""
        each = tokens[:, None, None]
        total: Floats = self._at(tokens)[:, None] + (self._at(self._mix(contexts) ^ each) * values).sum(axis=2)
        if self._crosses:
            begun = self._mix((each * self._prime & self._mask) ^ contexts)
            for first in range(contexts.shape[1]):
                found = self._at(begun[:, :, first : first + 1] ^ contexts[:, first:]) * values[:, first:]
                total = total + found.sum(axis=2) * values[:, first]
        return total

    def _mix(self, hashes: Ints) -> Ints:
        return hashes * self._prime & self._mask

    def _at(self, places: Ints) -> Floats:
        return self._weights[places].astype(np.float64)
