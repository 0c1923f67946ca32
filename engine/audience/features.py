"""The eleven things that are asked about a person and a campaign's products, before an instant.

Rules
- Nothing at or after the instant is looked at: the same function makes lessons from the past and the audience of today.
- Everything is log1p: the step from none to one counts more than that from ten to eleven.
- For products that nobody has bought yet, "own" is the most similar ones and the affinity is that of words.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from engine.audience.arrays import DAY, Arrays, Flags, Floats, Ints, Longs

NAMES: Final = (
    "own_recent", "own_ever", "own_since", "near_recent", "near_since", "affinity",
    "visits_month", "visits_recent", "visits_ever", "spent_recent", "visit_since",
)  # fmt: skip
RECENT: Final = 84  # days
MONTH: Final = 28
NEVER: Final = 730.0  # days: what "never" counts as
AFFINITY: Final = 100.0
"""Affinities are small; a hundredfold, log1p bends them."""

Matrix = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Past:
    """What was known of some people just before `minute`: their lines, and five figures that hold for any campaign."""

    minute: int
    people: int
    start: Longs  # start[n]:start[n + 1] are the lines of person n
    who: Ints  # of each line, counted among these people
    item: Ints
    when: Ints
    money: Floats
    first: Flags
    profile: Matrix  # [people, 5], log1p


@dataclass(frozen=True, slots=True)
class Wanted:
    """A campaign's products: flags over all products, and how much each product of the past speaks for them."""

    own: Flags
    near: Flags  # of the same families: the wider circle
    affinity: Floats


def past(arrays: Arrays, minute: int, people: Ints | None = None) -> Past:
    """Return what was known before `minute`; of everybody, or of the people at these (sorted) positions."""
    who, item, when, money, first = arrays.who, arrays.item, arrays.when, arrays.money, arrays.first
    visitor, visit, spent = arrays.visitor, arrays.visit, arrays.spent
    count, start = arrays.people, arrays.start
    if people is not None:
        lines, visits = _picked(arrays.start, people), _picked(arrays.seen, people)
        count = len(people)
        who, visitor = _numbered(arrays.start, people), _numbered(arrays.seen, people)
        item, when, money, first = item[lines], when[lines], money[lines], first[lines]
        visit, spent = visit[visits], spent[visits]
        start = _starts(who, count)
    if minute < arrays.minute:
        before, earlier = when < minute, visit < minute
        who, item, when, money, first = who[before], item[before], when[before], money[before], first[before]
        visitor, visit, spent = visitor[earlier], visit[earlier], spent[earlier]
        start = _starts(who, count)
    return Past(minute, count, start, who, item, when, money, first, _profile(count, visitor, visit, spent, minute))


def some(known: Past, people: Ints) -> Past:
    """Return what was known of some of them; `people` as they are counted in `known`, each once."""
    at = _picked(known.start, people)
    who = _numbered(known.start, people)
    lines = known.item[at], known.when[at], known.money[at], known.first[at]
    return Past(known.minute, len(people), _starts(who, len(people)), who, *lines, known.profile[people])


def _starts(who: Ints, people: int) -> Longs:
    return np.concatenate(([0], np.cumsum(np.bincount(who, minlength=people)))).astype(np.int64)


def _picked(start: Longs, people: Ints) -> Longs:
    """Return the places of the rows of these people."""
    counts = (start[people + 1] - start[people]).astype(np.int64)
    ends = np.cumsum(counts)
    total = int(ends[-1]) if len(ends) else 0
    return np.asarray(np.arange(total) + np.repeat(start[people] - (ends - counts), counts), np.int64)


def _numbered(start: Longs, people: Ints) -> Ints:
    return np.repeat(np.arange(len(people), dtype=np.int32), start[people + 1] - start[people])


def _profile(people: int, who: Ints, when: Ints, spent: Floats, minute: int) -> Matrix:
    found = np.empty((people, 5), np.float32)
    recent = when >= minute - RECENT * DAY
    month = when >= minute - MONTH * DAY
    found[:, 0] = np.bincount(who[month], minlength=people)
    found[:, 1] = np.bincount(who[recent], minlength=people)
    found[:, 2] = np.bincount(who, minlength=people)
    found[:, 3] = np.maximum(np.bincount(who[recent], spent[recent], minlength=people), 0)
    found[:, 4] = _since(people, who, when, minute)
    return np.log1p(found)


def _since(people: int, who: Ints, when: Ints, minute: int) -> npt.NDArray[np.float64]:
    """Return the days since the last row of each person: rows stand in the order of time, so the last one wins."""
    last = np.full(people, -1, np.int64)
    last[who] = when
    return np.where(last < 0, NEVER, np.minimum((minute - last) / DAY, NEVER))


def features(known: Past, wanted: Wanted) -> Matrix:
    """Return [people, 11] in the order of NAMES."""
    found = np.empty((known.people, len(NAMES)), np.float32)
    circles = wanted.own + 2 * wanted.near.astype(np.uint8)
    at = np.flatnonzero(circles[known.item])
    lines = circles[known.item[at]], known.who[at], known.when[at]
    found[:, 0], found[:, 1], found[:, 2] = _lines(known, lines, 1)
    found[:, 3], _, found[:, 4] = _lines(known, lines, 2)
    found[:, 5] = AFFINITY * np.maximum(_affinity(known, wanted.affinity), 0)
    np.log1p(found[:, :6], out=found[:, :6])
    found[:, 6:] = known.profile
    return found


def _affinity(known: Past, affinity: Floats) -> npt.NDArray[np.float64]:
    """Return what each person's products say together; bought twice is bought."""
    speaks = affinity[known.item]
    speaks *= known.first
    found = np.zeros(known.people)
    some = np.flatnonzero(np.diff(known.start))
    if len(some):
        found[some] = np.add.reduceat(speaks, known.start[some], dtype=np.float64)
    return found


def _lines(
    known: Past, lines: tuple[npt.NDArray[np.uint8], Ints, Ints], circle: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Return of the lines in a circle (1: own, 2: near) how many lately, how many ever, and the days since."""
    inside = (lines[0] & circle) > 0
    who, when = lines[1][inside], lines[2][inside]
    lately = who[when >= known.minute - RECENT * DAY]
    ever = np.bincount(who, minlength=known.people)
    return np.bincount(lately, minlength=known.people), ever, _since(known.people, who, when, known.minute)
