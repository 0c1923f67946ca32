"""The outliers and the suggestions, asked of the log of one decision point."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from zoneinfo import ZoneInfo

from engine.learner.features import arms_of
from engine.outliers.flags import Line
from engine.outliers.measured import Outliers, agreement, measured
from engine.report.asked import Asked
from engine.report.findings import Findings, ReasonCount, Suggestion
from engine.report.suggesting import cap_suggestion, suggestions
from engine.store.rows import DecisionRow
from journeys import NOTHING, Scope

TAUGHT = ("learner", "random", "baseline")  # groups whose messages went out
ENOUGH = 200  # decisions of either kind before a message is compared with silence


def outliers(
    decided: Sequence[DecisionRow], asked: Asked
) -> tuple[Outliers | None, Callable[[str], bool | None] | None]:
    """Return the outliers as measured, and who is one: None for those who did not reach the decision."""
    if asked.point is None or not decided:
        return None, None
    state, choose = asked.point
    single = choose.baseline[0] if choose.baseline else ""
    found, flags = measured(f"{asked.journey.name}.{state}", [_line(row) for row in decided], arms_of(choose), single)
    truly = asked.outlier
    if truly is not None:
        found = replace(found, right=agreement(flags, truly))

    def is_outlier(contact_id: str) -> bool | None:
        flag = flags.people.get(contact_id)
        return None if flag is None else flag.outlier

    return found, is_outlier if found.found else None


def suggested(
    asked: Asked, found: Findings, reasons: Sequence[ReasonCount], decided: Sequence[DecisionRow]
) -> tuple[Suggestion, ...]:
    """Return what to try next at the decision point."""
    if asked.point is None:
        return ()
    learner = next((group for group in found.groups if group.name == "learner" and group.contacts), None)
    rate = learner.goals / learner.contacts if learner else 0.05
    tried = suggestions(found.measured, [arm.id for arm in asked.point[1].arms], found.arms, rate)
    return (*tried, *cap_suggestion(reasons, found.doses, _worth(asked, decided)))


def _worth(asked: Asked, decided: Sequence[DecisionRow]) -> tuple[float, float]:
    """Return what a message earned beyond silence, and what one unsubscribe costs, in the unit of the reward."""
    closed = [row for row in decided if row.status == "closed" and row.decision.group in TAUGHT]
    sent = [row.reward or 0.0 for row in closed if row.decision.arm != NOTHING]
    silent = [row.reward or 0.0 for row in closed if row.decision.arm == NOTHING]
    penalty = asked.point[1].reward.score.get("unsubscribed") if asked.point else None
    if penalty is None or min(len(sent), len(silent)) < ENOUGH:
        return 0.0, 0.0
    lost = penalty.value(Scope(asked.now, ZoneInfo(asked.project.timezone), vars=asked.journey.vars))
    paid = abs(lost) if isinstance(lost, int | float) else 0.0
    return sum(sent) / len(sent) - sum(silent) / len(silent), paid


def _line(row: DecisionRow) -> Line:
    made = row.decision
    taught = row.status == "closed" and made.group in TAUGHT
    reward = (row.reward or 0.0) if taught else None
    return Line(row.contact_id, row.at, made.features, tuple(made.arms), made.arm, reward)
