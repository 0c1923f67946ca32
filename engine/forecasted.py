"""The figures of a forecast: messages by day, channel and journey, what held them, and what a provider cannot carry."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo

from engine.app import pacing_of
from engine.conflicts import Capped, capped
from engine.forecast import DAY, Forecast, Foreseen
from journeys.project import Project

T = TypeVar("T")
HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Saturated:
    """An hour in which a channel gets more than its rate lets through: the rest leaves later."""

    channel: str
    at: datetime
    messages: float
    can: float


@dataclass(frozen=True, slots=True)
class Figures:
    """One plan in numbers, scaled up to all contacts. `days` are (day, channel) -> messages, local to the project."""

    plan: str
    messages: float
    channels: Mapping[str, float]
    journeys: Mapping[str, float]
    days: Mapping[tuple[date, str], float]
    entered: Mapping[str, float]
    quiet: Mapping[str, float]  # by journey: messages that waited for quiet hours to end
    capped: tuple[Capped, ...]  # of the sample, not scaled: each is somebody
    saturated: tuple[Saturated, ...]
    removed: Mapping[str, float]
    moved: Mapping[str, float]


def figures(found: Forecast, project: Project, journey: str | None = None) -> list[Figures]:
    """Return the figures of every plan; of one journey alone when it is named (all of them run)."""
    return [_figures(plan, found, project, journey) for plan in found.plans]


def _figures(plan: Foreseen, found: Forecast, project: Project, journey: str | None) -> Figures:
    scale, zone = found.basis.scale, ZoneInfo(project.timezone)
    sent = [row for row in plan.sent if journey in (None, row.journey)]
    held = {(row.journey, row.key) for row in plan.stopped if row.rule == "quiet_hours" and row.until is not None}
    return Figures(
        plan=plan.name,
        messages=len(sent) * scale,
        channels=_scaled(Counter(row.channel for row in sent), scale),
        journeys=_scaled(Counter(row.journey for row in sent), scale),
        days=_scaled(Counter((row.sent_at.astimezone(zone).date(), row.channel) for row in sent), scale),
        entered=_scaled(Counter({k: n for k, n in plan.entered.items() if journey in (None, k)}), scale),
        quiet=_scaled(Counter(name for name, _ in held if journey in (None, name)), scale),
        capped=tuple(one for one in capped(plan) if journey in (None, one.journey)),
        saturated=tuple(_saturated(plan, project, scale)),
        removed=_scaled(Counter(plan.removed), scale),
        moved=_scaled(Counter(plan.moved), scale),
    )


def _scaled(counts: Counter[T], scale: float) -> dict[T, float]:
    return {name: count * scale for name, count in counts.items()}


def _saturated(plan: Foreseen, project: Project, scale: float) -> list[Saturated]:
    """Return the hours that bring a channel more than its rate carries in an hour; all journeys share it."""
    limits = {channel: a_second * HOUR.total_seconds() for channel, a_second in pacing_of(project).rates.items()}
    hours = Counter((row.channel, row.sent_at.replace(minute=0, second=0, microsecond=0)) for row in plan.sent)
    over = [
        Saturated(channel, at, count * scale, limits[channel])
        for (channel, at), count in hours.items()
        if channel in limits and count * scale > limits[channel]
    ]
    return sorted(over, key=lambda one: one.at)


def days_of(found: Forecast, zone: ZoneInfo) -> list[date]:
    """Return the local days of a forecast, oldest first."""
    first = found.wanted.start.astimezone(zone).date()
    return [first + n * DAY for n in range(found.wanted.days + 1)]
