"""Asking a store what a report needs: the facts of one journey and period, and how to look at them.

Rules
- Works on any store: a real one, or that of a simulation; only `Asked` says which it is.
- Groups are those that the hash drew (gather.py says why), so the seed of the engine must be known.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from importlib.metadata import PackageNotFoundError, version
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from engine.core.chance import draw
from engine.core.model import Event
from engine.report.asked import Asked
from engine.report.findings import Findings, Meta, ReasonCount
from engine.report.gather import Drawn, Facts, Handed, View, gather, grouped
from engine.report.noticing import outliers, suggested
from engine.report.spending import spending, worth_of
from engine.store import history, pressing
from engine.store.history import Credit, Question, Run
from engine.store.rows import DecisionRow
from journeys import Branch, Choose, Journey, Leave, Scope, Send, Split, State
from journeys.project import Project
from journeys.span import show_span

SIGNS = {"EUR": "€", "USD": "$", "GBP": "£"}
NOUNS = ("placed", "made", "completed", "created", "received", "paid", "answered", "booked")
KINDS: dict[type, str] = {Choose: "choose", Send: "send", Branch: "branch", Split: "split", Leave: "exit"}
UNIFORM = "uniform"
BEFORE = timedelta(days=60)


def findings(conn: sa.Connection, asked: Asked) -> Findings:
    """Return everything that the store says about what was asked."""
    decided = _decided(conn, asked)
    seen, is_outlier = outliers(decided, asked)
    looked = replace(view(conn, asked), outlier=is_outlier)
    known = facts(conn, asked, decided)
    fates = pressing.fates(conn, asked.journey.name, asked.period)
    reasons = tuple(ReasonCount(f.rule.replace("_", " "), f.waited, f.switched, f.skipped) for f in fates)
    runs = [grouped(run, looked.in_baseline) for run in known.runs]
    rows, differences = spending(conn, asked, _question(asked), runs)
    found = replace(gather(known, looked), measured=seen, reasons=reasons, money=rows, money_gaps=differences)
    found = replace(found, suggestions=suggested(asked, found, reasons, decided))
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
    found = history.runs(conn, _question(asked))
    if not asked.journey.holdout:  # whom nobody writes to is then all there is to compare with
        found = [replace(run, group="holdout") if run.group == "global" else run for run in found]
    return _guarded(conn, asked, found)


def _question(asked: Asked) -> Question:
    goal = asked.journey.goal
    within = goal.within if goal else asked.now - asked.since
    names = goal.events if goal else ()
    return Question(asked.journey.name, names, within, asked.now, asked.since, asked.until)


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
    return [
        replace(one, order=replace(one.order, data={"value": worth_of(one.order.at, one.order.data, asked, zone)}))
        for one in history.credits_of(conn, goal.events, asked.period)
    ]


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
