"""`sojourn segment kpis`: how a segment does, week by week."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from engine.cli.answer import Answer
from engine.cli.segment import known
from engine.cli.session import Session
from engine.cli.text import columns

if TYPE_CHECKING:
    from engine.kpis import Figure, Week
    from journeys.project import Data

WIDE = 20


def kpis(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="ID", help="A segment of data.yaml.")],
    *,
    weeks: Annotated[int, typer.Option(min=1, max=104, help="How many weeks, this one included.")] = 12,
    goal: Annotated[str, typer.Option(metavar="EVENT", help="What counts as a conversion. Default: an order.")] = "",
) -> Answer:
    """Show conversion, value, retention, engagement and fatigue of a segment by week, each with its interval."""
    from engine.kpis import asked_of
    from engine.kpis import weeks as counted_weeks
    from engine.store import kpis as kept
    from engine.store.connect import reading

    session: Session = ctx.obj
    project = session.project()
    known(project, name)
    asked = asked_of(project.data, _event(project.data, goal))
    when = session.now(), ZoneInfo(project.timezone)
    with session.store(project) as store, reading(store) as conn:
        number = kept.number_of(conn, name)
        found = counted_weeks(conn, (name, number), asked, when, weeks) if number is not None else []
    if number is None:
        return Answer({"segment": name, "weeks": []}, [f"{name} is not filled yet: the next tick or deploy does it"])
    data = {"segment": name, "goal": asked.goal, "engagement": asked.signs, "weeks": [_told(one) for one in found]}
    return Answer(data, _lines(name, found, " or ".join(asked.goal), project.currency))


def _event(data: Data, goal: str) -> str | None:
    from engine.errors import NotFound
    from journeys.page import near

    if goal and goal not in data.events:
        guess = near(goal, tuple(data.events))
        raise NotFound(f'no event called "{goal}" in data.yaml' + (f"; did you mean {guess}?" if guess else ""))
    return goal or None


def _lines(name: str, found: list[Week], goal: str, currency: str) -> list[str]:
    top = max((week.conversion.value for week in found), default=0.0)
    rows = [("  week of", "people", f"{goal or 'conversion'}", "", "", "stay", "active", f"{currency} each",
             "mails each", "unsub/1,000")]  # fmt: skip
    for week in found:
        bar = "█" * round(WIDE * week.conversion.value / top) if top else ""
        mark = f"{'~' if week.guessed else ''}{'…' if week.running else ''}"
        rows.append((
            f"  {week.monday:%d %b}{mark}", f"{week.people:,}", f"{week.conversion.value:.1%}",
            f"{week.conversion.span.low:.1%}-{week.conversion.span.high:.1%}" if week.people else "", bar,
            f"{week.retention.value:.0%}" if week.people else "", f"{week.engagement.value:.0%}" if week.people else "",
            _money(week.value), f"{week.messages:.1f}",
            f"{week.unsubscribed.value:.1f} ({week.unsubscribed.span.low:.1f}-{week.unsubscribed.span.high:.1f})"
            if week.unsubscribed else "",
        ))  # fmt: skip
    notes = []
    if any(week.guessed for week in found):
        notes.append("  ~ the segment was filled since: these are its people right after that, not those of then")
    if any(week.running for week in found):
        notes.append("  … this week is not over")
    return [name, *columns(rows, right=(1, 2, 5, 6, 7, 8)), *notes]


def _money(value: Figure | None) -> str:
    if value is None or not math.isfinite(value.span.low):
        return "" if value is None else f"{value.value:,.2f}"
    return f"{value.value:,.2f} ±{value.value - value.span.low:,.2f}"


def _told(week: Week) -> dict[str, Any]:
    value = week.value if week.value is not None and math.isfinite(week.value.span.low) else None
    return {"week": week.monday, "people": week.people, "conversion": week.conversion, "retention": week.retention,
            "engagement": week.engagement, "value": value, "messages_each": week.messages,
            "unsubscribed_per_1000": week.unsubscribed, "guessed": week.guessed, "running": week.running}  # fmt: skip
