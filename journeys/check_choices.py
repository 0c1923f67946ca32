"""Decisions that decide nothing, or learn the wrong thing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from journeys.check_pressure import length, quiet_rules
from journeys.finding import choices, clause, error, warning
from journeys.journey import NOTHING, Choose, Journey, State
from journeys.place import Place
from journeys.problem import Problem
from journeys.project import Project
from journeys.span import show_span


def one_arm_only(journey: Journey, _: Project) -> Iterator[Problem]:
    """B501: nothing to choose from."""
    for state, choose in choices(journey):
        if len(choose.arms) == 1:
            way_out = "add `nothing` or another message, or use `send:`"
            yield error("B501", _arms(state), "one arm is no choice", way_out)


def same_message_twice(journey: Journey, _: Project) -> Iterator[Problem]:
    """B505: two arms that send the same words; nobody could tell them apart."""
    for state, choose in choices(journey):
        sent = [(arm.message, arm.daypart, repr(sorted(arm.vars.items()))) for arm in choose.arms if arm.id != NOTHING]
        for twice in dict.fromkeys(words for words in sent if sent.count(words) > 1):
            way_out = "delete one (two conditions can be joined with `or`), or give them different `vars`"
            yield error("B505", _arms(state), f"two arms send the same message {twice[0]}", way_out)


def silent_baseline(journey: Journey, _: Project) -> Iterator[Problem]:
    """B507: a baseline of silence is a holdout."""
    for state, choose in choices(journey):
        if choose.baseline is not None and choose.baseline[0] == NOTHING:
            place = clause(state, "choose.baseline.arm", "choose.baseline", "choose")
            says = "`nothing` cannot be the baseline: people who hear nothing are the holdout"
            way_out = "use `holdout: 10%` for the journey, and the best single message as the baseline"
            yield error("B507", place, says, way_out)


def opens_as_reward(journey: Journey, _: Project) -> Iterator[Problem]:
    """B506: an open is no sign of interest."""
    for state, choose in choices(journey):
        if "opened" in choose.reward.score:
            place = clause(state, "choose.reward.score.opened", "choose.reward.score", "choose")
            says = "opens are a poor reward: mail clients and scanners open mail by themselves"
            note = "`opened` counts only human-looking opens, and still rewards the subject line, not the sale"
            yield replace(warning("B506", place, says), label="use `clicked`", notes=(note,))


def short_reward_window(journey: Journey, _: Project) -> Iterator[Problem]:
    """B504: the reward would be judged before the slowest message could have worked."""
    for state, choose in choices(journey):
        night = max((length(rule) for rule in quiet_rules(journey, state)), default=timedelta(0))
        holds = state.when_capped in ("wait", "switch") and journey.limits.caps
        capped = state.max_wait if holds else timedelta(0)
        if choose.reward.within < night + capped:
            yield _too_short(state, choose, night, capped)


def _too_short(state: State, choose: Choose, night: timedelta, capped: timedelta) -> Problem:
    parts = [f"{show_span(night)} quiet hours"] if night else []
    parts += [f"{_hours(capped)} max_wait"] if capped else []
    within = f"the reward window ({_hours(choose.reward.within)})"
    says = f"{within} is shorter than the longest delay before sending ({' + '.join(parts)})"
    enough = -(-(night + capped) // timedelta(days=1))
    found = warning(
        "B504",
        clause(state, "choose.reward.within", "choose.reward", "choose"),
        says,
        f"use `within: {enough * 24}h` or more" + (", or a shorter `max_wait`" if capped else ""),
    )
    note = "the window starts when the message is handed over, but night sends are judged before people wake"
    return replace(found, notes=(note,), notes_first=True)


def two_times(journey: Journey, _: Project) -> Iterator[Problem]:
    """S104: the state says when, and so do its arms."""
    for state, choose in choices(journey):
        says_when = state.window is not None and (state.window.opens is not None or state.window.best)
        if says_when and any(arm.window is not None for arm in choose.arms):
            says = "`at` does not go with `times`: both say at what time of the day"
            yield error("S104", clause(state, "at"), says, "delete one of them; `days` goes with both")


def no_silence(journey: Journey, _: Project) -> Iterator[Problem]:
    """W903: a decision that can never decide to say nothing."""
    for state, choose in choices(journey):
        if len(choose.arms) > 1 and all(arm.id != NOTHING for arm in choose.arms):
            says = "this decision can never decide to say nothing"
            way_out = "add `nothing` to the arms: for some people silence earns more than any message"
            yield warning("W903", _arms(state), says, way_out)


def _arms(state: State) -> Place:
    return clause(state, "choose.arms", "choose.messages", "choose")


def _hours(span: timedelta) -> str:
    """Return whole hours as people count them when they compare delays: 36h, not 1d 12h."""
    hours, rest = divmod(span, timedelta(hours=1))
    return f"{hours}h" if not rest and hours <= 96 else show_span(span)
