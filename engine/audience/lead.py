"""How likely somebody is to come to a goal, beside everybody else: a lean logistic regression, with its reasons. Pure.

Rules
- What is asked about a person is asked before an instant; whether the goal came within AHEAD after it is the answer.
- Trained on an older window, judged on the newest one that is over, then trained on both. Where the judge cannot tell
  it from chance it says so and no score is given.
- Shown as the percentile among all people, 0 to 100: ranks hold longer than chances.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.audience.logistic import Logistic, fit

AHEAD = timedelta(days=28)
WINDOWS = (timedelta(days=28), timedelta(days=84))
LEAST = 30
"""People who came to the goal, in each window: with fewer nobody can tell yet."""
REASONS = 3
DAY = 86_400_000_000

Matrix = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]
Row = tuple[str, str, tuple[int, ...], int, int]  # contact, event, counts by window and ever, first, last


@dataclass(frozen=True, slots=True)
class Asked:
    """People and what is known of each: one row a person, all log1p."""

    ids: Sequence[str]
    rows: Matrix
    columns: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Lead:
    """A trained score. `auc` on the window that it had not seen, with its 95 % interval; `why_not`: no score then."""

    goal: str
    columns: tuple[tuple[str, str], ...]
    model: Logistic | None
    auc: tuple[float, float, float] = (0.0, 0.0, 0.0)
    people: int = 0
    came: int = 0
    why_not: str = ""


def columns_of(names: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Return what is asked: each event in 28 days, 84 days and ever; interest; days since the first and last sign."""
    each = [(name, span) for name in names for span in ("28d", "84d", "ever")]
    return (*each, ("", "interest"), ("", "since_first"), ("", "since_last"))


def asked(did: Iterable[Row], names: Sequence[str], until: int, weights: Mapping[str, float]) -> Asked:
    """Return the rows of everybody who did anything before `until` (microseconds); `did` comes by contact.

    `weights`: points of an event as a sign of interest; they fade by half in 90 days, by the middle of each window.
    """
    place = {name: 3 * n for n, name in enumerate(names)}
    ids: list[str] = []
    cells: list[tuple[int, int, tuple[int, ...]]] = []
    points, first, last = list[float](), list[int](), list[int]()
    for id_, name, counts, began, ended in did:
        if not ids or ids[-1] != id_:
            ids.append(id_)
            points.append(0.0)
            first.append(began)
            last.append(ended)
        cells.append((len(ids) - 1, place[name], counts))
        points[-1] += weights.get(name, 0.0) * _faded(counts)
        first[-1], last[-1] = min(first[-1], began), max(last[-1], ended)
    rows = np.zeros((len(ids), 3 * len(names) + 3), dtype=np.float32)
    if cells:
        who = np.fromiter((cell[0] for cell in cells), np.int64, len(cells))
        at = np.fromiter((cell[1] for cell in cells), np.int64, len(cells))
        counted = np.array([cell[2] for cell in cells], dtype=np.float32)
        for n in range(3):
            rows[who, at + n] = counted[:, n]
    rows[:, -3] = points
    rows[:, -2] = (until - np.array(first, dtype=np.float64)) / DAY
    rows[:, -1] = (until - np.array(last, dtype=np.float64)) / DAY
    return Asked(ids, np.log1p(np.maximum(rows, 0.0)), columns_of(names))


def _faded(counts: tuple[int, ...]) -> float:
    month, season, ever = counts
    return month * 0.898 + (season - month) * 0.65 + (ever - season) * 0.35


def trained(goal: str, older: tuple[Asked, Flags], newer: tuple[Asked, Flags]) -> Lead:
    """Return the score for `goal`; each window is (people, who came to it)."""
    columns = older[0].columns
    came = int(older[1].sum()), int(newer[1].sum())
    if min(came) < LEAST:
        says = (
            f"{LEAST} people who came to {goal} in each of two windows of 28 days (there are {came[0]} and {came[1]})"
        )
        return Lead(
            goal, columns, None, people=len(newer[0].ids), came=came[1], why_not=f"cannot tell yet: needs {says}"
        )
    model = _fitted(older[0].rows, older[1])
    auc = area(model.chances(newer[0].rows), newer[1])
    if auc[1] <= 0.5:
        says = f"no better than chance: of two people it picks the one who comes in {auc[0]:.0%} of cases"
        return Lead(goal, columns, None, auc, len(newer[0].ids), came[1], says)
    both = _fitted(np.concatenate([older[0].rows, newer[0].rows]), np.concatenate([older[1], newer[1]]))
    return Lead(goal, columns, both, auc, len(newer[0].ids), came[1])


def _fitted(rows: Matrix, came: Flags) -> Logistic:
    return fit(rows, came, np.ones(len(rows), dtype=np.float32))


def scores(chances: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Return the percentile of each, 0 to 100; the same for equal ones."""
    order = np.sort(chances)
    middle = (np.searchsorted(order, chances, "left") + np.searchsorted(order, chances, "right")) / 2
    return np.rint(100 * middle / max(len(chances), 1)).astype(np.int64)


def area(chances: npt.NDArray[np.float64], came: Flags) -> tuple[float, float, float]:
    """Return the area under the ROC curve and its 95 % interval (Hanley and McNeil 1982)."""
    yes, no = int(came.sum()), int((~came).sum())
    if not yes or not no:
        return 0.5, 0.0, 1.0
    order = np.sort(chances)
    ranks = (np.searchsorted(order, chances, "left") + np.searchsorted(order, chances, "right") + 1) / 2
    auc = float((ranks[came].sum() - yes * (yes + 1) / 2) / (yes * no))
    one, two = auc / (2 - auc), 2 * auc * auc / (1 + auc)
    wide = (auc * (1 - auc) + (yes - 1) * (one - auc * auc) + (no - 1) * (two - auc * auc)) / (yes * no)
    half = 1.96 * float(np.sqrt(max(wide, 0.0)))
    return auc, max(0.0, auc - half), min(1.0, auc + half)


def reasons(lead: Lead, row: Matrix) -> list[str]:
    """Return the three things that move this person's score most, in words: "+ viewed 5 times in 28 days"."""
    if lead.model is None:
        return []
    parts = lead.model.parts(row[None, :])[0]
    strongest = np.argsort(-np.abs(parts), kind="stable")[:REASONS]
    return [f"{'+' if parts[n] > 0 else '-'} {_words(lead.columns[n], float(np.expm1(row[n])))}" for n in strongest]


def _words(column: tuple[str, str], value: float) -> str:
    name, what = column
    if what == "interest":
        return f"{value:.0f} points of interest shown"
    if what == "since_first":
        return f"first seen {value:.0f} days ago"
    if what == "since_last":
        return f"last seen {value:.0f} days ago"
    times = {0: "never", 1: "once", 2: "twice"}.get(round(value), f"{round(value):,} times")
    return f"{name} {times}" + (" so far" if what == "ever" else f" in {what[:-1]} days")


def to_record(lead: Lead) -> dict[str, Any]:
    """Return the score as plain values."""
    record: dict[str, Any] = {
        "goal": lead.goal, "columns": [list(one) for one in lead.columns], "auc": list(lead.auc), "people": lead.people,
        "came": lead.came, "why_not": lead.why_not, "model": None,
    }  # fmt: skip
    if lead.model is not None:
        m = lead.model
        record["model"] = {"bias": m.bias, **{k: getattr(m, k).tolist() for k in ("weights", "mean", "spread")}}
    return record


def from_record(record: Mapping[str, Any]) -> Lead:
    """Return the score that `to_record` wrote."""
    m = record["model"]
    model = m and Logistic(m["bias"], *(np.array(m[key], dtype=np.float64) for key in ("weights", "mean", "spread")))
    columns = tuple((str(a), str(b)) for a, b in record["columns"])
    low, middle, high = record["auc"]
    return Lead(
        record["goal"], columns, model, (low, middle, high), record["people"], record["came"], record["why_not"]
    )
