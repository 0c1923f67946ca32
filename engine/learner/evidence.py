"""What the data said of every arm, as numbers that can be added, faded, moved to other columns and stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the data said: precision [arms, columns, columns] and shift [arms, columns]."""

    precision: Floats
    shift: Floats

    def __add__(self, other: Evidence) -> Evidence:
        return Evidence(self.precision + other.precision, self.shift + other.shift)

    def times(self, kept: float | Floats) -> Evidence:
        """Return this share of it, for all arms or arm by arm."""
        shares = np.broadcast_to(kept, len(self.shift))
        return Evidence(self.precision * shares[:, None, None], self.shift * shares[:, None])

    def for_arms(self, at: Sequence[int]) -> Evidence:
        """Return what is known of the arms with these numbers; nothing of one that has none."""
        found = none(len(at), self.shift.shape[1])
        for row, place in enumerate(at):
            if 0 <= place < len(self.shift):
                found.precision[row], found.shift[row] = self.precision[place], self.shift[place]
        return found

    def for_columns(self, at: Sequence[int]) -> Evidence:
        """Return it over columns that stood at these places; -1 is a new one."""
        padded = np.pad(self.precision, ((0, 0), (0, 1), (0, 1)))
        return Evidence(padded[:, at][:, :, at], moved(self.shift, at))

    def rounded(self) -> Evidence:
        """Return it as it is stored: single precision, the same on both sides of the diagonal."""
        return Evidence(
            whole(upper(self.precision), self.shift.shape[1]), self.shift.astype(np.float32).astype(np.float64)
        )


def none(arms: int, columns: int) -> Evidence:
    return Evidence(np.zeros((arms, columns, columns)), np.zeros((arms, columns)))


def moved(weights: Floats, at: Sequence[int]) -> Floats:
    """Return [arms, columns] over columns that stood at these places; -1 is a new one, and 0."""
    return np.pad(weights, ((0, 0), (0, 1)))[:, at]


def upper(both: Floats) -> npt.NDArray[np.float32]:
    at = np.triu_indices(both.shape[1])
    return np.asarray(both[:, at[0], at[1]], np.float32)


def whole(half: npt.NDArray[np.float32], columns: int) -> Floats:
    at = np.triu_indices(columns)
    both = np.zeros((len(half), columns, columns))
    both[:, at[0], at[1]] = both[:, at[1], at[0]] = half
    return both
