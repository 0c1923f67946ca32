"""How sure a number is: intervals, the any-day interval, the split check, and the only words a verdict may use.

Rules
- The unit of an outcome is the contact, so two rates are compared as two independent groups of contacts.
- People look at a running experiment every day. While it runs, the words follow the any-day interval, which is
  right at every look; at the planned end they follow the 95 % interval.
- A verdict that says "cannot tell" says in the same breath how many contacts would tell.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

Z95 = NormalDist().inv_cdf(0.975)
ENOUGH_CONTACTS = 100  # mature contacts per group before anything is said
ENOUGH_GOALS = 30  # goals in total before anything is said; per group before a relative lift is shown
SPLIT_ALARM = 0.001
PLANNED = 10_000
"""Contacts at which the any-day interval is narrowest when nobody planned a size. It must not follow today's number: an
interval that is made anew for every look holds at none of them for certain."""
WORTH_SHOWING = 1 / 8  # of the control's rate: the smallest lift that planning aims to see

Word = Literal[
    "better", "worse", "leaning better", "leaning worse", "cannot tell yet", "too early", "not comparable"
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rate:
    """Goals among n contacts."""

    goals: int
    n: int

    @property
    def value(self) -> float:
        return self.goals / self.n if self.n else 0.0


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean of n values with their variance."""

    value: float
    variance: float
    n: int


@dataclass(frozen=True, slots=True)
class Span:
    """An interval, both ends included."""

    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        return self.low > 0 or self.high < 0


@dataclass(frozen=True, slots=True)
class Difference:
    """Treated minus control: now (95 % at this moment) and any_day (95 % at every look together)."""

    value: float
    now: Span
    any_day: Span
    chance: float  # P(treated is better), normal approximation
    relative: Span | None = None  # of treated / control - 1, when both have enough goals


@dataclass(frozen=True, slots=True)
class Verdict:
    """One of the fixed words; `needed` contacts per group would show a difference of `worth`."""

    word: Word
    needed: int | None = None
    worth: float | None = None

    @property
    def mark(self) -> str:
        return {"better": "▲", "worse": "▼"}.get(self.word, "●")


def normal_cdf(z: float) -> float:
    """Return P(Z <= z) of the standard normal."""
    return 0.5 * math.erfc(-z / math.sqrt(2))


def wilson(goals: int, n: int, z: float = Z95) -> Span:
    """Return the Wilson score interval of a rate; everything is possible when n is 0."""
    if n == 0:
        return Span(0.0, 1.0)
    p, zz = goals / n, z * z
    centre = (p + zz / (2 * n)) / (1 + zz / n)
    half = z / (1 + zz / n) * math.sqrt(p * (1 - p) / n + zz / (4 * n * n))
    return Span(max(0.0, centre - half), min(1.0, centre + half))


def newcombe(treated: Rate, control: Rate, z: float = Z95) -> Span:
    """Return Newcombe's hybrid score interval of the difference of two rates."""
    p1, p2 = treated.value, control.value
    a, b = wilson(treated.goals, treated.n, z), wilson(control.goals, control.n, z)
    d = p1 - p2
    return Span(d - math.hypot(p1 - a.low, b.high - p2), d + math.hypot(a.high - p1, p2 - b.low))


def any_day_factor(n: int, planned: int, alpha: float = 0.05) -> float:
    """Return how many standard errors wide an interval must be to hold at every look (instead of 1.96).

    An asymptotic confidence sequence (Waudby-Smith and others), narrowest when `planned` contacts are in.
    """
    if n <= 0 or planned <= 0:
        return math.inf
    rho2 = (-2 * math.log(alpha) + math.log(-2 * math.log(alpha) + 1)) / planned
    grown = n * rho2 + 1
    return math.sqrt(2 * grown / (n * rho2) * math.log(math.sqrt(grown) / alpha))


def any_day_half_width(standard_error: float, n: int, planned: int, alpha: float = 0.05) -> float:
    """Return the half-width that holds at every look, for an estimate with this standard error."""
    return standard_error * any_day_factor(n, planned, alpha)


def any_day(treated: Rate, control: Rate, planned: int, alpha: float = 0.05) -> Span:
    """Return the look-any-day interval of a difference: Newcombe's, with the any-day factor in place of 1.96."""
    factor = any_day_factor(treated.n + control.n, planned, alpha)
    return Span(-1.0, 1.0) if math.isinf(factor) else newcombe(treated, control, factor)


def relative_lift(treated: Rate, control: Rate, z: float = Z95) -> Span | None:
    """Return the interval of treated / control - 1 (log ratio, delta method), None with too few goals."""
    if min(treated.goals, control.goals) < ENOUGH_GOALS:
        return None
    log = math.log(treated.value / control.value)
    se = math.sqrt((1 - treated.value) / treated.goals + (1 - control.value) / control.goals)
    return Span(math.exp(log - z * se) - 1, math.exp(log + z * se) - 1)


def welch(treated: Mean, control: Mean, z: float = Z95) -> Span:
    """Return the interval of a difference of two means with unequal variances (large groups)."""
    d, half = treated.value - control.value, z * math.sqrt(treated.variance / treated.n + control.variance / control.n)
    return Span(d - half, d + half)


def chance_better(treated: Rate, control: Rate) -> float:
    """Return P(treated > control); half a goal more and less keeps empty groups from being certain."""
    variances = ((_shrunk(r) * (1 - _shrunk(r))) / (r.n + 1) for r in (treated, control))
    return normal_cdf((_shrunk(treated) - _shrunk(control)) / math.sqrt(sum(variances)))


def _shrunk(rate: Rate) -> float:
    return (rate.goals + 0.5) / (rate.n + 1)


def difference(treated: Rate, control: Rate, planned: int | None = None) -> Difference:
    """Compare two groups of contacts; `planned` is the size the experiment was made for (default: PLANNED)."""
    return Difference(
        value=treated.value - control.value,
        now=newcombe(treated, control),
        any_day=any_day(treated, control, planned or PLANNED),
        chance=chance_better(treated, control),
        relative=relative_lift(treated, control),
    )


def needed_per_group(p: float, delta: float) -> int:
    """Return how many contacts per group show a difference of `delta` at rate p with 80 % power."""
    if delta == 0:
        raise ValueError("a difference of zero needs no contacts and can never be shown")
    return math.ceil(16 * p * (1 - p) / delta**2)


def verdict(treated: Rate, control: Rate, *, planned: int | None = None, running: bool = True,
            split_p: float | None = None) -> Verdict:  # fmt: skip
    """Say in the fixed words what two groups of mature contacts show.

    "Leaning" is everything from 90 % on that the deciding interval does not settle.
    """
    if split_p is not None and split_p < SPLIT_ALARM:
        return Verdict("not comparable")
    if min(treated.n, control.n) < ENOUGH_CONTACTS or treated.goals + control.goals < ENOUGH_GOALS:
        return Verdict("too early")
    d = difference(treated, control, planned)
    deciding = d.any_day if running else d.now
    if deciding.excludes_zero:
        return Verdict("better" if d.value > 0 else "worse")
    worth = max(abs(d.value), control.value * WORTH_SHOWING)
    needed = needed_per_group(control.value, worth) if worth else None
    return Verdict(_leaning(d.chance), needed, worth)


def _leaning(chance: float) -> Word:
    if chance >= 0.9:
        return "leaning better"
    return "leaning worse" if chance <= 0.1 else "cannot tell yet"


def split_check(counts: Sequence[int], shares: Sequence[float]) -> float:
    """Return the p-value of these group sizes under the planned shares (chi-square)."""
    total, planned = sum(counts), sum(shares)
    cells = [(count, total * share / planned) for count, share in zip(counts, shares, strict=True) if share > 0]
    if total == 0 or len(cells) < 2:
        return 1.0
    return chi_square_tail(sum((count - due) ** 2 / due for count, due in cells), len(cells) - 1)


def chi_square_tail(x: float, freedom: int) -> float:
    """Return P(chi-square > x) for a whole number of degrees of freedom."""
    if freedom <= 2:
        return math.erfc(math.sqrt(x / 2)) if freedom == 1 else math.exp(-x / 2)
    step: float = (x / 2) ** (freedom / 2 - 1) * math.exp(-x / 2) / math.gamma(freedom / 2)
    return min(1.0, chi_square_tail(x, freedom - 2) + step)
