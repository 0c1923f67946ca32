"""Scores for many contexts at once, read from a table of hashed weights exactly as the learner itself would.

The learner adds up the weights of: a constant; each context token; each arm token; each pair of them; and each arm
token with each pair of context tokens (a token pairs with itself, too). Where a weight stands follows from the
tokens' hashes by the learner's own mixing, (hash * PRIME) ^ hash, repeated here on whole columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

PRIME = 16777619
CONSTANT = 11650396
PART = 2000  # contexts at once: every arm token is looked up for all of them together

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Sight:
    """Tokens of contexts that have equally many: [contexts, tokens] where they hash to, and their values."""

    places: Ints
    values: Floats

    def part(self, start: int) -> Sight:
        return Sight(self.places[start : start + PART], self.values[start : start + PART])


class Table:
    """The weights as they are now."""

    def __init__(self, weights: npt.NDArray[np.float32]) -> None:
        self._weights = weights
        self._mask = len(weights) - 1
        self._prime = PRIME & self._mask  # only the low bits count; so products stay far from 2**63

    def costs(self, plain: Sight, crossed: Sight, arms: Sequence[Ints]) -> Floats:
        """Return [contexts, arms] for all tokens, and once more those that are crossed in pairs."""
        count = len(plain.places)
        if count > PART:
            return np.concatenate([self.costs(plain.part(p), crossed.part(p), arms) for p in range(0, count, PART)])
        shared = self._at(np.array([CONSTANT & self._mask]))[0] + sum(
            (self._at(sight.places) * sight.values).sum(axis=1) for sight in (plain, crossed)
        )
        tokens = sorted({int(token) for arm in arms for token in arm})
        each = self._tokens(plain, crossed, np.array(tokens, dtype=np.int64))
        by_token = dict(zip(tokens, each, strict=True))
        columns = [shared + sum((by_token[int(token)] for token in arm), np.zeros(count)) for arm in arms]
        return np.stack(columns, axis=1)

    def shared(self, places: Ints) -> Floats:
        """Return what tokens at these places add to every arm alike."""
        return self._at(places)

    def pairs(self, crossed: Ints, arms: Sequence[Ints]) -> Floats:
        """Return [first tokens, other tokens, arms]: what each pair of crossed tokens adds to each arm."""
        columns = []
        for arm in arms:
            begun = self._mix((arm[:, None] * self._prime & self._mask) ^ crossed)
            columns.append(self._at(begun[:, :, None] ^ crossed).sum(axis=0))
        return np.stack(columns, axis=2)

    def _tokens(self, plain: Sight, crossed: Sight, tokens: Ints) -> Floats:
        """Return [tokens, contexts]: what each arm token adds in each context."""
        each = tokens[:, None, None]
        alone = self._at(self._mix(plain.places) ^ each) * plain.values
        total: Floats = self._at(tokens)[:, None] + alone.sum(axis=2)
        begun = self._mix((each * self._prime & self._mask) ^ crossed.places)
        for first in range(crossed.places.shape[1]):
            found = self._at(begun[:, :, first : first + 1] ^ crossed.places[:, first:]) * crossed.values[:, first:]
            total = total + found.sum(axis=2) * crossed.values[:, first]
        return total

    def _mix(self, hashes: Ints) -> Ints:
        return hashes * self._prime & self._mask

    def _at(self, places: Ints) -> Floats:
        return self._weights[places].astype(np.float64)
