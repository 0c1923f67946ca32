"""Messages that quiet hours or caps could never let through."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import time, timedelta
from functools import lru_cache

from journeys.finding import channels, choices, clause, error
from journeys.journey import Journey, QuietHours, Send, State, Window
from journeys.place import Place
from journeys.problem import Problem
from journeys.project import Project
from journeys.words import show_window

DAY = 24 * 60
EVERY = 7
WEEK = EVERY * DAY
FULL = timedelta(days=1)
ANY_TIME = Window(None, None, frozenset(range(EVERY)))


def time_inside_quiet_hours(journey: Journey, _: Project) -> Iterator[Problem]:
    """P601: times at which every message of the state would be held back."""
    for state in journey.states.values():
        wanted = _minutes(state.window or ANY_TIME)
        rules = quiet_rules(journey, state)
        if rules and len(rules) == len(channels(state)) and all(wanted <= _quiet_minutes(rule) for rule in rules):
            endless = len(_quiet_minutes(rules[0])) == WEEK
            yield _never_at_all(rules[0]) if endless else _never_on_time(state, state.window or ANY_TIME, rules[0])


def nobody_hears(journey: Journey, project: Project) -> Iterator[Problem]:
    """P606: everybody is held out."""
    share = journey.holdout or project.holdout
    if share >= 1 and not journey.transactional and any(channels(state) for state in journey.states.values()):
        whole = Place(journey.file, 1, 1)
        place = journey.places.get("holdout") or journey.places.get("journey") or whole
        says = "everybody is held out: no message of this journey could ever leave"
        yield error("P606", place, says, "use `holdout: 10%`; to keep a journey quiet for a while: `sojourn pause`")


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


def _never_at_all(rule: QuietHours) -> Problem:
    says = f"{rule.start:%H:%M}-{rule.end:%H:%M} is quiet all day and all week: no message could ever leave"
    return error("P601", rule.place, says, 'write when the night begins and ends: `{from: "21:30", to: "08:00"}`')


def _never_on_time(state: State, window: Window, rule: QuietHours) -> Problem:
    hours = f"{rule.start:%H:%M}-{rule.end:%H:%M}"
    shown = show_window(window if len(rule.days) < EVERY else replace(window, days=ANY_TIME.days))
    free = "another day" if length(rule) == FULL else f"a time between {rule.end:%H:%M} and {rule.start:%H:%M}"
    found = error(
        "P601",
        clause(state, "at" if window.opens else "days", "at"),
        f"{shown} is inside the quiet hours ({hours}): this message could never leave on time",
        f"choose {free}, or mark the journey transactional",
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


@lru_cache(maxsize=64)
def _minutes(window: Window) -> frozenset[int]:
    """Return the minutes of the week, from Monday 00:00, at which the window is open."""
    opens = _minute(window.opens or time(0))
    exact = window.opens is not None and window.closes is None
    span = 1 if exact else DAY if window.closes is None else (_minute(window.closes) - opens - 1) % DAY + 1
    return frozenset((day * DAY + opens + minute) % WEEK for day in window.days for minute in range(span))


@lru_cache(maxsize=64)
def _quiet_minutes(rule: QuietHours) -> frozenset[int]:
    span = int(length(rule) / timedelta(minutes=1))
    return frozenset((day * DAY + _minute(rule.start) + minute) % WEEK for day in rule.days for minute in range(span))
