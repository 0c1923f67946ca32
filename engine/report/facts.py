"""Asking a store what a report needs: the facts of one journey and period, and how to look at them.

Rules
- Works on any store: a real one, or that of a simulation; only `Asked` says which it is.
- Groups are those that the hash drew (gather.py says why), so the seed of the engine must be known.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from engine.core.chance import draw
from engine.core.model import Event
from engine.learner.features import arms_of
from engine.outliers.flags import Line
from engine.outliers.measured import Outliers, agreement, measured
from engine.report.findings import Findings, Meta, ReasonCount, Suggestion
from engine.report.gather import Drawn, Facts, Handed, Known, View, gather
from engine.report.suggesting import cap_suggestion, suggestions
from engine.store import history, pressing
from engine.store.history import Credit, Period, Question, Run
from engine.store.rows import DecisionRow
from journeys import NOTHING, Branch, Choose, Journey, Leave, Scope, Send, Split, State
from journeys.project import Project
from journeys.span import show_span

SIGNS = {"EUR": "€", "USD": "$", "GBP": "£"}
NOUNS = ("placed", "made", "completed", "created", "received", "paid", "answered", "booked")
KINDS: dict[type, str] = {Choose: "choose", Send: "send", Branch: "branch", Split: "split", Leave: "exit"}
UNIFORM = "uniform"
TAUGHT = ("learner", "random", "baseline")  # groups whose messages went out
BEFORE = timedelta(days=60)
ENOUGH = 200  # decisions of either kind before a message is compared with silence


@dataclass(frozen=True, slots=True)
class Asked:
    """One journey in [since, until) as seen at `now`. `state` narrows the decisions; `seed` is the engine's.

    The rest is for simulations: `number` is the seed that people typed, the functions take a contact id.
    """

    project: Project
    journey: Journey
    since: datetime
    now: datetime
    seed: str
    until: datetime | None = None
    state: str | None = None
    running: bool = True
    planned: int | None = None
    invented: bool = False
    number: int | None = None
    label: Callable[[str], str] | None = None
    outlier: Callable[[str], bool] | None = None
    truth: Callable[[str], Known] | None = None

    @property
    def point(self) -> tuple[str, Choose] | None:
        """Return the decision to look at: the one asked for, else the first with a baseline, else the first."""
        choices = [c for c in self.journey.choices if self.state in (None, c[0])]
        return next((c for c in choices if c[1].baseline), choices[0] if choices else None)

    @property
    def period(self) -> Period:
        return Period(self.since, self.until)


def findings(conn: sa.Connection, asked: Asked) -> Findings:
    """Return everything that the store says about what was asked."""
    decided = _decided(conn, asked)
    seen, is_outlier = outliers(decided, asked)
    looked = replace(view(conn, asked), outlier=is_outlier)
    found = replace(gather(facts(conn, asked, decided), looked), measured=seen)
    found = replace(found, suggestions=tuple(_suggested(asked, found)))
    fates = pressing.fates(conn, asked.journey.name, asked.period)
    reasons = tuple(ReasonCount(f.rule.replace("_", " "), f.waited, f.switched, f.skipped) for f in fates)
    worth = _worth(asked, decided)
    found = replace(
        found, reasons=reasons, suggestions=(*found.suggestions, *cap_suggestion(reasons, found.doses, worth))
    )
    if asked.journey.goal is None:
        note = f"{asked.journey.name} has no goal, so nothing says whether it pays."
        return replace(found, groups=(), outliers=(), others=(), daily=(), notes=(note,))
    return found


def facts(conn: sa.Connection, asked: Asked, decided: Sequence[DecisionRow]) -> Facts:
    """Return the rows that the findings are made of; `decided` are the decisions of the point, older ones too."""
    name, period = asked.journey.name, asked.period
    numbers = history.journey_numbers(conn, name, period)
    return Facts(
        runs=_runs(conn, asked),
        numbers=numbers,
        credits=_credits(conn, asked),
        drawn=_drawn(decided, asked),
        handed=[Handed(h.key, h.contact_id, h.at) for h in pressing.handed(conn, name, period)],
        left=pressing.drove_away(conn, name, period),
        people=numbers.contacts,
    )


def view(conn: sa.Connection, asked: Asked) -> View:
    """Return how to look at the facts: names, planned shares, who the hash put into the baseline."""
    choose = asked.point[1] if asked.point else None
    return View(
        meta=_meta(conn, asked),
        shares=shares(asked.project, asked.journey, choose),
        states=[(state.name, _kind(state)) for state in asked.journey.states.values()],
        in_baseline=_in_baseline(asked),
        label=asked.label,
        truth=asked.truth,
        value="value",
    )


def shares(project: Project, journey: Journey, choose: Choose | None) -> dict[str, float]:
    """Return the planned share of each group among the people who are compared."""
    silent = journey.holdout or project.holdout
    if journey.transactional:
        silent = 0.0
    baseline = choose.baseline[1] if choose and choose.baseline else 0.0
    planned = {"learner": (1 - silent) * (1 - baseline), "baseline": (1 - silent) * baseline, "holdout": silent}
    return {group: share for group, share in planned.items() if share}


def _in_baseline(asked: Asked) -> Callable[[str], bool]:
    point = asked.point
    if point is None or point[1].baseline is None:
        return lambda _: False
    name, share = f"{asked.journey.name}.{point[0]}", point[1].baseline[1]
    return lambda contact_id: draw(asked.seed, "baseline", contact_id, name) < share


def _kind(state: State) -> str:
    return KINDS.get(type(state.action), "wait")


def _meta(conn: sa.Connection, asked: Asked) -> Meta:
    project, journey = asked.project, asked.journey
    numbers = pressing.versions(conn, journey.name)
    noun, verb = words(journey)
    best = asked.point[1].baseline if asked.point else None
    zone = ZoneInfo(project.timezone)
    return Meta(
        project=project.name, journey=journey.name, goal=_goal(journey), since=asked.since.astimezone(zone),
        until=(asked.until or asked.now).astimezone(zone), made_at=asked.now.astimezone(zone),
        version=f"v{numbers.get(journey.version, len(numbers) + 1)}", program=_program(),
        currency=SIGNS.get(project.currency, f"{project.currency} "), goal_noun=noun, goal_verb=verb,
        running=asked.running, planned=asked.planned, invented=asked.invented, seed=asked.number,
        single_best=best[0] if best else "",
    )  # fmt: skip


def _goal(journey: Journey) -> str:
    goal = journey.goal
    return f"{' or '.join(goal.events)} within {show_span(goal.within)}" if goal else "none"


def words(journey: Journey) -> tuple[str, str]:
    """Return what a goal is called and what people do who reach it: ("order", "order") for order_placed."""
    first, _, last = (journey.goal.events[0] if journey.goal else "").rpartition("_")
    noun = first.replace("_", " ") if last in NOUNS and first else "goal"
    return noun, "order" if noun == "order" else f"reach the {noun}"


def _program() -> str:
    try:
        return version("sojourn")
    except PackageNotFoundError:
        return ""


def _runs(conn: sa.Connection, asked: Asked) -> list[Run]:
    journey, goal = asked.journey, asked.journey.goal
    names = goal.events if goal else ()
    within = goal.within if goal else asked.now - asked.since
    question = Question(journey.name, names, within, asked.now, asked.since, asked.until)
    found = history.runs(conn, question)
    if not journey.holdout:  # whom nobody writes to is then all there is to compare with
        found = [replace(run, group="holdout") if run.group == "global" else run for run in found]
    return _guarded(conn, asked, found)


def _guarded(conn: sa.Connection, asked: Asked, runs: list[Run]) -> list[Run]:
    """Drop the goal events that do not meet the goal's own condition."""
    goal = asked.journey.goal
    if goal is None or goal.guard is None:
        return runs
    known = pressing.entrants(conn, asked.journey.name, asked.period)
    zone = ZoneInfo(asked.project.timezone)
    guard = goal.guard

    def holds(run: Run, event: Event) -> bool:
        contact, entry = known.get(run.id, ({}, {}))
        scope = Scope(
            event.at, zone, contact=contact, entry=entry, event=event.data, vars=asked.journey.vars,
            segments=asked.project.data.segments, entry_at=run.entered_at,
        )  # fmt: skip
        return guard.holds(scope)

    return [replace(run, goals=tuple(event for event in run.goals if holds(run, event))) for run in runs]


def _credits(conn: sa.Connection, asked: Asked) -> list[Credit]:
    """Return the credited goal events, their data reduced to what they are worth."""
    goal = asked.journey.goal
    if goal is None:
        return []
    zone = ZoneInfo(asked.project.timezone)
    found = []
    for credit in history.credits_of(conn, goal.events, asked.period):
        order = credit.order
        scope = Scope(order.at, zone, event=order.data, vars=asked.journey.vars)
        worth = goal.value.value(scope) if goal.value else 0
        value = worth if isinstance(worth, int | float) else 0
        found.append(replace(credit, order=replace(order, data={"value": value})))
    return found


def _decided(conn: sa.Connection, asked: Asked) -> list[DecisionRow]:
    """Return the decisions of the point, those that a model may learn from before the period included."""
    if asked.point is None:
        return []
    return history.decided(conn, f"{asked.journey.name}.{asked.point[0]}", asked.since - BEFORE, asked.until)


def _drawn(decided: Sequence[DecisionRow], asked: Asked) -> list[Drawn]:
    return [
        Drawn(row.contact_id, row.at, d.arms, d.chances, d.arm, d.policy == UNIFORM)
        for row in decided
        if (d := row.decision).group == "learner" and row.at >= asked.since
    ]


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


def _suggested(asked: Asked, found: Findings) -> list[Suggestion]:
    if asked.point is None:
        return []
    learner = next((group for group in found.groups if group.name == "learner" and group.contacts), None)
    rate = learner.goals / learner.contacts if learner else 0.05
    return suggestions(found.measured, [arm.id for arm in asked.point[1].arms], found.arms, rate)


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
