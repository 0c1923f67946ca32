"""How a segment does over time: conversion, value, retention, engagement and fatigue, week by week, with intervals.

Rules
- A week is a calendar week of the project's zone; its people are those who were in the segment when it began.
- conversion: people with the goal's event / people. engagement: people with a visit or a click / people.
  retention: people who are still in it when the week ends / people. value: money of orders a person, all of them.
  fatigue: messages a person, and people who unsubscribed per 1,000 messages.
- Rates have Wilson intervals, value has mean +- 1.96 standard errors. A week that is not over says so.
- `guessed`: a fill came later, so it is who was in it right after the fill, not who was in it then.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo

import sqlalchemy as sa

from engine.report.intervals import Z95, Span, wilson
from engine.store import kpis as kept
from engine.store.kpis import Asked, Counted
from journeys.project import Data

CLICKED = "clicked"


@dataclass(frozen=True, slots=True)
class Figure:
    """A number and its 95 % interval."""

    value: float
    span: Span


@dataclass(frozen=True, slots=True)
class Week:
    """A week of a segment. `value` None: data.yaml does not say where an order's money stands."""

    monday: date
    people: int
    conversion: Figure
    retention: Figure
    engagement: Figure
    value: Figure | None
    messages: float  # a person
    unsubscribed: Figure | None  # per 1,000 messages; None: there were none
    guessed: bool
    running: bool


def asked_of(data: Data, goal: str | None) -> Asked:
    """Return what is counted; the goal is an order unless another event is named."""
    goals = [goal] if goal else [data.buying.event] if data.buying else []
    return Asked(goals, data.buying, [*data.visits, CLICKED])


def weeks(
    conn: sa.Connection, segment: tuple[str, int], asked: Asked, when: tuple[datetime, tzinfo], count: int
) -> list[Week]:
    """Return the last `count` weeks, oldest first, the running one last; `segment`: name and number."""
    now, zone = when
    filled = kept.last_fill(conn, segment[0])
    local = now.astimezone(zone).date()
    monday = local - timedelta(days=local.weekday())
    found = []
    for back in range(count - 1, -1, -1):
        first = monday - timedelta(weeks=back)
        start, end = _midnight(first, zone, now), _midnight(first + timedelta(weeks=1), zone, now)
        known = max(start, filled) if filled is not None else start
        found.append(_week(kept.week(conn, segment, (start, min(end, now)), asked), asked, first,
                           (known > start, end > now)))  # fmt: skip
    return found


def _midnight(day: date, zone: tzinfo, now: datetime) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(now.tzinfo)


def _week(c: Counted, asked: Asked, monday: date, how: tuple[bool, bool]) -> Week:
    guessed, running = how
    money = asked.buying is not None and asked.buying.value is not None
    return Week(
        monday, c.people, _rate(c.converted, c.people), _rate(c.stayed, c.people), _rate(c.engaged, c.people),
        _mean(c) if money else None, c.messages / c.people if c.people else 0.0,
        _per_thousand(c), guessed, running,
    )  # fmt: skip


def _rate(goals: int, n: int) -> Figure:
    return Figure(goals / n if n else 0.0, wilson(goals, n))


def _mean(c: Counted) -> Figure:
    if c.people < 2:
        return Figure(c.worth, Span(-math.inf, math.inf))
    mean = c.worth / c.people
    half = Z95 * math.sqrt(max(c.squares - c.people * mean * mean, 0.0) / (c.people - 1) / c.people)
    return Figure(mean, Span(mean - half, mean + half))


def _per_thousand(c: Counted) -> Figure | None:
    if not c.messages:
        return None
    span = wilson(min(c.unsubscribed, c.messages), c.messages)
    return Figure(1000 * c.unsubscribed / c.messages, Span(1000 * span.low, 1000 * span.high))
