"""The questions a report answers, in their order, each with its groups, its interval and its word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engine.report.findings import Findings, GroupCount, Meta
from engine.report.intervals import SPLIT_ALARM, Difference, Rate, Verdict, difference, split_check, verdict


@dataclass(frozen=True, slots=True)
class Answer:
    """One question and what the counts say to it."""

    question: str
    treated: GroupCount
    control: GroupCount
    difference: Difference
    verdict: Verdict
    part: bool = False  # of the question before it

    @property
    def withheld(self) -> bool:
        """Return whether the numbers must not be read yet, or not at all."""
        return self.verdict.word in ("too early", "not comparable")

    @property
    def rates(self) -> tuple[float, float]:
        return rate(self.treated).value, rate(self.control).value


def rate(group: GroupCount) -> Rate:
    """Return the group's goal rate."""
    return Rate(group.goals, group.contacts)


def split_p(findings: Findings) -> float:
    """Return the p-value of the group sizes under the planned shares; everybody who entered counts."""
    known = [g for g in findings.groups if g.share > 0]
    return split_check([g.entered or g.contacts for g in known], [g.share for g in known])


def comparable(findings: Findings) -> bool:
    """Return whether the groups came out as planned."""
    return split_p(findings) >= SPLIT_ALARM


def answers(findings: Findings) -> tuple[Answer, ...]:
    """Return the answered questions; one whose groups are missing is left out."""
    asked = (
        ("Does messaging pay?", findings.groups, "holdout", False),
        ("Does personalising pay?", findings.groups, "baseline", False),
        ("… for the outliers", findings.outliers, "baseline", True),
        ("… for everyone else", findings.others, "baseline", True),
    )
    p = split_p(findings)
    found = (_answer(findings.meta, groups, (question, control, part), p) for question, groups, control, part in asked)
    return tuple(a for a in found if a)


def _answer(
    meta: Meta, groups: Sequence[GroupCount], asked: tuple[str, str, bool], p: float
) -> Answer | None:  # fmt: skip
    question, control_name, part = asked
    by_name = {g.name: g for g in groups}
    if "learner" not in by_name or control_name not in by_name:
        return None
    treated, control = by_name["learner"], by_name[control_name]
    planned = meta.planned if not part else None
    d = difference(rate(treated), rate(control), planned)
    word = verdict(rate(treated), rate(control), planned=planned, running=meta.running, split_p=p)
    return Answer(question, treated, control, d, word, part)


def outlier_share(findings: Findings) -> float | None:
    """Return which part of the people are outliers."""
    outliers = sum(g.contacts for g in findings.outliers)
    everyone = outliers + sum(g.contacts for g in findings.others)
    return outliers / everyone if outliers and findings.others else None


def would_have_come_anyway(findings: Findings) -> float | None:
    """Return the holdout's rate as a share of the learner's: attributed goals that no message caused.

    None while the comparison says nothing.
    """
    for answer in answers(findings):
        ours, theirs = answer.rates
        if answer.control.name == "holdout" and ours > 0 and not answer.withheld:
            return min(1.0, theirs / ours)
    return None
