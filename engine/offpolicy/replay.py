"""Off-policy evaluation of one log: each policy's worth with its interval, what stands on it, and the words allowed.

Rules
- Policies are ranked by clipped DR; IPS stands beside it, so that a reader sees where they part.
- A policy the log cannot carry is refused, with the reason in place of a number.
- The advice at the end is to keep the single message unless personalising is shown to be better than it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from engine.offpolicy.estimators import Case, Estimate, clipped, dr, gap, ips, refusal, snips
from engine.offpolicy.logged import Floats, Logged
from engine.offpolicy.outcome import crossfitted
from engine.offpolicy.targets import Target
from engine.report.intervals import Z95, Word, normal_cdf

AS_LOGGED = "as logged"
POWER = 0.8416  # standard deviations of an 80 % power
DRIFT = 3.3  # standard errors between the halves of a log (p = 0.001)


@dataclass(frozen=True, slots=True)
class Worth:
    """One policy: its estimates, what they stand on, the arm it takes most; `refused` says why there are none.

    `personal`: it takes different arms for different people.
    """

    name: str
    value: Estimate  # clipped DR
    doubly: Estimate
    ips: Estimate
    snips: Estimate
    effective: float
    largest: float
    arm: str
    personal: bool = False
    refused: str = ""


@dataclass(frozen=True, slots=True)
class Compared:
    """One policy less another: the word for it, and how many times this log would show it."""

    name: str
    other: str
    difference: Estimate
    word: Word
    times: float | None = None


@dataclass(frozen=True, slots=True)
class Check:
    name: str
    ok: bool
    says: str


@dataclass(frozen=True, slots=True)
class Replay:
    """`compared`: each policy with the log itself, then each that chooses per person with the single message."""

    worths: Sequence[Worth]
    compared: Sequence[Compared]
    checks: Sequence[Check]
    decisions: int
    contacts: int
    arms: Sequence[str]
    single: str  # the policy that stands for one message for everyone, "" = none was asked


def replay(log: Logged, targets: Mapping[str, Target], single: str, done: Callable[[], None] = lambda: None) -> Replay:
    """Evaluate policies by name, beside the log itself; `done` is called after each."""
    folds = log.folds()
    q = crossfitted(log, folds)
    worths = [_worth(AS_LOGGED, Case(log, log.chances, q))]
    for name, target in targets.items():
        worths.append(_worth(name, Case(log, target.chances(log, folds), q), personal=target.personal))
        done()
    compared = [compare(worths[0], one, log) for one in worths[1:]]
    base = next((one for one in worths if one.name == single), None)
    if base is not None:
        compared += [compare(base, one, log) for one in worths[1:] if one.personal]
    contacts = len(np.unique(log.contact))
    return Replay(worths, compared, _checks(log, worths), len(log), contacts, tuple(log.arms), single)


def advice(found: Replay) -> str:
    """Return what follows for the marketer, in one sentence."""
    personal = [one for one in found.compared if one.other == found.single]
    if not personal:
        return ""
    best = max(personal, key=lambda one: one.difference.value)
    arm = next(one.arm for one in found.worths if one.name == found.single)
    if any(one.word == "better" for one in personal):
        return f"choosing per person pays here: {best.name} beats {arm} for everyone"
    if all(one.word == "worse" for one in personal):
        return f"one message serves these people better: keep {arm}"
    return f"cannot tell: keep the single message, {arm}"


def _worth(name: str, case: Case, *, personal: bool = False) -> Worth:
    commonest = int(np.argmax(case.target.mean(axis=0)))
    return Worth(
        name, clipped(case), dr(case), ips(case), snips(case), case.effective,
        float(case.weights.max(initial=0.0)), list(case.log.arms)[commonest], personal=personal, refused=refusal(case),
    )  # fmt: skip


def compare(base: Worth, one: Worth, log: Logged) -> Compared:
    """Return what `one` is beside `base`; nothing is said of what was refused."""
    difference = gap(one.value, base.value, log.contact)
    if base.refused or one.refused:
        return Compared(one.name, base.name, difference, "not comparable")
    word = word_for(difference)
    settled = word in ("better", "worse")
    return Compared(one.name, base.name, difference, word, None if settled else _times(difference))


def word_for(difference: Estimate) -> Word:
    """Return the fixed word (measures.md 4.5) for a difference looked at once."""
    if not math.isfinite(difference.error):
        return "too early"
    if difference.error == 0.0:
        return "cannot tell yet"
    z = difference.value / difference.error
    if abs(z) >= Z95:
        return "better" if z > 0 else "worse"
    chance = normal_cdf(z)
    if chance >= 0.9:
        return "leaning better"
    return "leaning worse" if chance <= 0.1 else "cannot tell yet"


def _times(difference: Estimate) -> float | None:
    """Return how many times as many decisions would show this difference with 80 % power."""
    if difference.value == 0.0 or not math.isfinite(difference.error):
        return None
    return ((Z95 + POWER) * difference.error / difference.value) ** 2


def _checks(log: Logged, worths: Sequence[Worth]) -> list[Check]:
    sums = bool(np.allclose(log.chances.sum(axis=1), 1.0, atol=1e-4))
    largest = max((one.largest for one in worths), default=0.0)
    moved, drifted = drift(log)
    return [
        Check("propensities", sums, "sum to 1" if sums else "do not sum to 1"),
        Check("overlap", largest <= 100, f"largest weight {largest:,.1f}"),
        Check("drift", not drifted, f"second half {moved:+.3g} beside the first"),
    ]


def drift(log: Logged) -> tuple[float, bool]:
    """Return how the mean reward moved from the first half of the log to the second, and whether that is alarming."""
    half = len(log) // 2
    early, late = log.reward[:half], log.reward[half:]
    if half < 2:
        return 0.0, False
    moved = float(late.mean() - early.mean())
    error = math.sqrt(float(early.var()) / len(early) + float(late.var()) / len(late))
    return moved, error > 0 and abs(moved) > DRIFT * error


def value_of(log: Logged, chances: Floats) -> Estimate:
    """Return the clipped DR value of a policy given as chances, n x K."""
    return clipped(Case(log, chances, crossfitted(log, log.folds())))
