"""How raw numbers of a context become what a model learns from: bins and one standardised column, frozen.

Rules
- A schema is fitted once, from logged lines, and never changes afterwards: its id is the hash of its bounds. A model
  carries its schema; numbers seen later are read with the bounds of then.
- Per number: eight bins of equal share, which can follow any curve, and z = (x - mean) / sd clipped to [-4, 4], which
  learns from few people (where rates are near 1 % a straight line beats bins).
- A number no schema knows is put into the fixed bins of features.py: a young model learns from the first day.
"""

from __future__ import annotations

import hashlib
import math
import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.learner.features import MOST, harmless, number_bin

BINS = 8
FARTHEST = 4.0  # standard deviations
ENOUGH = 50  # values of a number before its bounds mean anything
KNOWN_LINES = 100_000

NUMBER = re.compile(r"([^=:\s]+):([-+]?[0-9.]+(?:e[-+]?[0-9]+)?)")

Tokens = tuple[tuple[str, float], ...]
"""What a model sees of a line: (token, value); a category's value is 1."""


@dataclass(frozen=True, slots=True)
class Column:
    """One number: at most seven inner bounds of its bins, ascending; mean and standard deviation (0: no column)."""

    bounds: tuple[float, ...]
    mean: float
    sd: float

    def tokens(self, name: str, value: float) -> Tokens:
        """Return the bin of the value and, where there is a spread, its standardised column."""
        found = (f"{name}=q{bisect_right(self.bounds, value)}", 1.0)
        if self.sd <= 0.0:
            return (found,)
        return found, (f"{name}~z", max(-FARTHEST, min(FARTHEST, (value - self.mean) / self.sd)))


@dataclass(frozen=True)
class Schema:
    """The columns by name of the number. Two schemas with the same columns have the same id."""

    columns: Mapping[str, Column] = field(default_factory=dict)
    _known: dict[str, Tokens] = field(default_factory=dict, compare=False, repr=False)

    @property
    def id(self) -> str:
        return hashlib.sha256(repr(self.state()).encode()).hexdigest()[:12]

    def read(self, line: str) -> Tokens:
        """Return what a logged line says, harmless whatever stands in it: each token once, at most MOST of the line."""
        known = self._known.get(line)
        if known is None:
            if len(self._known) >= KNOWN_LINES:
                self._known.clear()
            found = dict(pair for token in line.split()[:MOST] for pair in self._tokens(token))
            known = self._known[line] = tuple(found.items())
        return known

    def state(self) -> dict[str, list[Any]]:
        """Return plain values to store; `schema_of` makes the schema again."""
        return {name: [list(c.bounds), c.mean, c.sd] for name, c in sorted(self.columns.items())}

    def _tokens(self, token: str) -> Tokens:
        number = numeric(token)
        if number is None:
            return ((harmless(token), 1.0),)
        name, value = number
        column = self.columns.get(name)
        return column.tokens(name, value) if column else ((f"{name}={number_bin(value)}", 1.0),)


FIXED = Schema()
"""The schema that knows no number: fixed bins for all."""


def numeric(token: str) -> tuple[str, float] | None:
    """Return name and value of `name:number`; None for every other token."""
    found = NUMBER.fullmatch(token)
    if found is None:
        return None
    try:
        value = float(found[2])
    except ValueError:
        return None
    return (harmless(found[1]), value) if math.isfinite(value) else None


def fitted(lines: Iterable[str]) -> Schema:
    """Return the schema of the numbers in these logged lines; a number seen less than ENOUGH times has no column."""
    values: dict[str, list[float]] = {}
    for line in lines:
        for token in line.split()[:MOST]:
            if ":" in token and (number := numeric(token)) is not None:
                values.setdefault(number[0], []).append(number[1])
    return Schema({name: _column(sorted(some)) for name, some in sorted(values.items()) if len(some) >= ENOUGH})


def schema_of(state: Mapping[str, Any] | None) -> Schema:
    """Return the schema of stored values; ValueError when they are none."""
    columns = {name: Column(tuple(bounds), mean, sd) for name, (bounds, mean, sd) in (state or {}).items()}
    if not all(math.isfinite(x) for c in columns.values() for x in (*c.bounds, c.mean, c.sd)):
        raise ValueError("its schema holds bounds that are no numbers")
    return Schema(columns)


def _column(values: list[float]) -> Column:
    """Return the bounds, and mean and deviation of what lies between the 1st and the 99th percentile."""
    count = len(values)
    bounds = tuple(dict.fromkeys(values[count * part // BINS] for part in range(1, BINS)))
    low, high = values[count // 100], values[-1 - count // 100]
    usual = [max(low, min(high, value)) for value in values]
    mean = math.fsum(usual) / count
    sd = math.sqrt(math.fsum((value - mean) ** 2 for value in usual) / count)
    return Column(tuple(bound for bound in bounds if bound > values[0]), mean, sd if sd > 1e-9 * abs(mean) else 0.0)
