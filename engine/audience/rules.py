"""What shops go by when nothing is learned: each rule a score per person, so that it can stand beside the model.

A rule sees the same eleven features and RFM: fifths by recency, frequency and money, added up (Hughes 1994). Nobody
knows beforehand which rule is best for a campaign; afterwards one always was.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from engine.audience.features import NAMES, Matrix, Past

Scores = npt.NDArray[np.float64]
_AT: Final = {name: n for n, name in enumerate(NAMES)}


def fifths_of(known: Past) -> Scores:
    """Return recency, frequency and money in fifths, added up: 3 to 15; people who never came have 0."""
    came = np.flatnonzero(np.expm1(known.profile[:, 2]) > 0.5)
    money = np.bincount(known.who, known.money, minlength=known.people)[came]
    parts: tuple[npt.NDArray[Any], ...] = (-known.profile[came, 4], known.profile[came, 2], money)
    found = np.zeros(known.people)
    for part in parts:
        found[came] += _fifth(part)
    return found


def _fifth(values: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    rank = np.empty(len(values), np.int64)
    rank[np.argsort(values, kind="stable")] = np.arange(len(values))
    return np.asarray(rank * 5 // max(len(values), 1) + 1, np.int64)


def _column(rows: Matrix, name: str) -> Scores:
    return np.asarray(rows[:, _AT[name]], np.float64)


def _in_segment(rows: Matrix, _: Scores) -> Scores:
    return (_column(rows, "near_recent") > 0).astype(np.float64)


def _recent(rows: Matrix, _: Scores) -> Scores:
    """Return recency of the products, then of their family, then of any visit."""
    parts = ("own_since", 1e3), ("near_since", 1e1), ("visit_since", 1e-1)
    return -sum((_column(rows, name) * weight for name, weight in parts), np.zeros(len(rows)))


RULES: Final[Mapping[str, Callable[[Matrix, Scores], Scores]]] = {
    "segment": _in_segment,
    "rfm": lambda _, rfm: rfm,
    "rfm_in_segment": lambda rows, rfm: 100 * _in_segment(rows, rfm) + rfm,
    "frequency": lambda rows, rfm: 100 * _column(rows, "own_recent") + rfm / 100,
    "recency": _recent,
    "family_frequency": lambda rows, rfm: 100 * _column(rows, "near_recent") + rfm / 100,
}
"""Segment: bought of the family in the last 12 weeks, within it anybody."""
