"""What people spend, group beside group: raw, winsorised, and with what they spent before taken into account.

Rules
- The unit is the contact: money within the goal's time of the first run in the period, silence counted as 0.
- Winsorised at the 99.5th percentile of all groups together, so that one order decides nothing; the raw mean beside it.
- CUPED (Deng and others 2013): Y' = Y - theta (X - mean of X), theta = cov(X, Y) / var(X) over all groups, with X the
  90 days before the entry. It changes no mean in the long run and makes the interval narrower where habits last.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.report.findings import MoneyGap, MoneyRow
from engine.report.intervals import PLANNED, Mean, any_day_factor, welch

TOP = 0.995
ENOUGH = 100  # contacts in each group

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Spent:
    """One contact: the group, money in the window, and in the 90 days before."""

    group: str
    after: float
    before: float


def spent_rows(people: Sequence[Spent], order: Sequence[str]) -> tuple[MoneyRow, ...]:
    """Return one row a group, in this order; () when nobody spent anything."""
    if not any(one.after for one in people):
        return ()
    winsorised = _winsorised(people)
    found = {}
    for group in order:
        mine = [n for n, one in enumerate(people) if one.group == group]
        if mine:
            raw = float(np.mean([people[n].after for n in mine]))
            found[group] = MoneyRow(group, len(mine), raw, float(winsorised[mine].mean()))
    return tuple(found.values())


def gaps(people: Sequence[Spent], treated: str, controls: Sequence[str], planned: int | None) -> tuple[MoneyGap, ...]:
    """Return the treated group less each control; groups of fewer than ENOUGH are left out."""
    if not any(one.after for one in people):
        return ()
    values = {"raw": np.array([one.after for one in people]), "winsorised": _winsorised(people)}
    values["adjusted"] = _adjusted(values["winsorised"], np.array([one.before for one in people]))
    groups = np.array([one.group for one in people])
    ours = groups == treated
    theirs = {control: groups == control for control in controls}
    return tuple(
        _gap(control, values, (ours, mine), planned)
        for control, mine in theirs.items()
        if min(ours.sum(), mine.sum()) >= ENOUGH
    )


Sides = tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]


def _gap(control: str, values: Mapping[str, Floats], sides: Sides, planned: int | None) -> MoneyGap:
    means = {name: (_mean(v[sides[0]]), _mean(v[sides[1]])) for name, v in values.items()}
    spans = {name: welch(*pair) for name, pair in means.items()}
    ours, theirs = means["adjusted"]
    always = welch(ours, theirs, z=any_day_factor(ours.n + theirs.n, planned or PLANNED))
    return MoneyGap(
        control, ours.value - theirs.value, spans["adjusted"], always, spans["winsorised"], spans["raw"],
        _saved(values["winsorised"], values["adjusted"]),
    )  # fmt: skip


def _winsorised(people: Sequence[Spent]) -> Floats:
    after = np.array([one.after for one in people])
    capped: Floats = np.minimum(after, np.quantile(after, TOP))
    return capped


def _adjusted(after: Floats, before: Floats) -> Floats:
    capped = np.minimum(before, np.quantile(before, TOP))
    variance = float(capped.var())
    if variance == 0.0:
        return after
    theta = float(np.mean((capped - capped.mean()) * (after - after.mean()))) / variance
    adjusted: Floats = after - theta * (capped - capped.mean())
    return adjusted


def _mean(values: Floats) -> Mean:
    return Mean(float(values.mean()), float(values.var(ddof=1)), len(values))


def _saved(plain: Floats, adjusted: Floats) -> float:
    """Return which share of the variance what they spent before explains."""
    variance = float(plain.var())
    return 1.0 - float(adjusted.var()) / variance if variance else 0.0
