"""Messages that quiet hours or caps could never let through."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import time, timedelta

from journeys.finding import channels, choices, clause, error
from journeys.journey import Journey, QuietHours, Send, State, Window
from journeys.problem import Problem
from journeys.project import Project

DAY = 24 * 60
WEEK = 7 * DAY


def time_inside_quiet_hours(journey: Journey, _: Project) -> Iterator[Problem]:
    """P601: a time of day at which every message of the state would be held back."""
    for state in journey.states.values():
        if state.window is None or state.window.opens is None:
            continue
        wanted = _minutes(state.window)
        rules = quiet_rules(journey, state)
        if rules and len(rules) == len(channels(state)) and all(wanted <= _quiet_minutes(rule) for rule in rules):
            yield _never_on_time(state, state.window, rules[0])


def daypart_inside_quiet_hours(journey: Journey, _: Project) -> Iterator[Problem]:
    """P601: a part of the day that lies in the quiet hours of its channel."""
    for state, choose in choices(journey):
        said = set()
        for arm in choose.arms:
            rule = None if journey.transactional else journey.limits.quiet_for(arm.channel)
            if arm.window is None or rule is None or arm.daypart in said:
                continue
            if _minutes(arm.window) <= _quiet_minutes(rule):
                said.add(arm.daypart)
                yield _never_then(state, arm.window, rule)


def cap_of_zero(journey: Journey, _: Project) -> Iterator[Problem]:
    """P603: a cap that lets nothing through."""
    used = {channel for state in journey.states.values() for channel in channels(state)}
    for rule in journey.limits.caps:
        concerns = {"all": bool(used), "channel": rule.name in used, "topic": rule.name == journey.topic}[rule.scope]
        if rule.limit == 0 and concerns and not journey.transactional:
            way_out = "raise it or delete it; to keep a journey quiet for a while: `sojourn pause`"
            yield error("P603", rule.place, f"the cap {rule} can never allow a message", way_out)


def quiet_rules(journey: Journey, state: State) -> list[QuietHours]:
    """Return the quiet hours that messages of `state` meet, one for each channel that has some."""
    if journey.transactional or (isinstance(state.action, Send) and state.action.ignore_quiet_hours):
        return []
    rules = [journey.limits.quiet_for(channel) for channel in channels(state)]
    return [rule for rule in rules if rule is not None]


def length(rule: QuietHours) -> timedelta:
    """Return how long one night of quiet lasts."""
    return timedelta(minutes=(_minute(rule.end) - _minute(rule.start) - 1) % DAY + 1)


def _never_on_time(state: State, window: Window, rule: QuietHours) -> Problem:
    hours, opens = f"{rule.start:%H:%M}-{rule.end:%H:%M}", f"{window.opens:%H:%M}"
    shown = f"{opens}-{window.closes:%H:%M}" if window.closes else opens
    found = error(
        "P601",
        clause(state, "at"),
        f"{shown} is inside the quiet hours ({hours}): this message could never leave on time",
        f"choose a time between {rule.end:%H:%M} and {rule.start:%H:%M}, or mark the journey transactional",
    )
    fate = f"messages would wait until {rule.end:%H:%M}" if rule.then == "wait" else "messages would be skipped"
    return replace(found, notes=(f"quiet hours come from {rule.place}; {fate}",), notes_first=True)


def _never_then(state: State, window: Window, rule: QuietHours) -> Problem:
    found = error(
        "P601",
        clause(state, "choose.times", "choose.arms", "choose"),
        f"{window.opens:%H:%M}-{window.closes:%H:%M} is inside the quiet hours "
        f"({rule.start:%H:%M}-{rule.end:%H:%M}): this arm could never leave",
        f"choose hours between {rule.end:%H:%M} and {rule.start:%H:%M}, or drop this time",
    )
    return replace(found, notes=(f"quiet hours come from {rule.place}",), notes_first=True)


def _minute(at: time) -> int:
    return at.hour * 60 + at.minute


def _minutes(window: Window) -> set[int]:
    """Return the minutes of the week, from Monday 00:00, at which the window is open."""
    opens = _minute(window.opens or time(0))
    span = 1 if window.closes is None else (_minute(window.closes) - opens - 1) % DAY + 1
    return {(day * DAY + opens + minute) % WEEK for day in window.days for minute in range(span)}


def _quiet_minutes(rule: QuietHours) -> set[int]:
    span = int(length(rule) / timedelta(minutes=1))
    return {(day * DAY + _minute(rule.start) + minute) % WEEK for day in rule.days for minute in range(span)}
