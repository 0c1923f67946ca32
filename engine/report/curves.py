"""Figures along the days: goal rates of the groups as they settle, shares of the arms as they move."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate

from engine.report.bars import legend
from engine.report.findings import ArmDay, DailyCount
from engine.report.intervals import wilson
from engine.report.svg import Canvas, Scale, colour, spread, ticks, width_of
from engine.report.wording import percent

GROUP_PAINT = {"learner": "g0", "baseline": "g1", "holdout": "g2"}
FIRST_ENTRIES = 30  # a group is drawn from the day on which it has this many entries
LEFT = 30.0

Curve = tuple[list[tuple[int, float]], list[tuple[int, float, float]]]  # (day, rate), (day, low, high)


def settled(daily: DailyCount) -> Curve:
    """Return the cumulated goal rate by day, and its 95 % band, from the first day that says anything."""
    rates, bands = [], []
    for day, (n, goals) in enumerate(zip(accumulate(daily.entries), accumulate(daily.goals), strict=True), 1):
        if n >= FIRST_ENTRIES:
            span = wilson(goals, n)
            rates.append((day, goals / n))
            bands.append((day, span.low, span.high))
    return rates, bands


def lines_by_day(canvas: Canvas, series: Sequence[DailyCount]) -> str:
    """Draw the goal rate of each group, all days so far together, with the group's name at its end."""
    curves = {s.group: settled(s) for s in series}
    curves = {name: curve for name, curve in curves.items() if curve[0]}
    days = max([2, *(len(s.entries) for s in series)])
    high = max([0.02, *(rate for rates, _ in curves.values() for _, rate in rates)]) * 1.18
    room = max([40.0, *(width_of(f"{name} 00.0 %") for name in curves)]) + 8
    foot, top = 206.0, 24.0
    x, y = Scale(1, days, LEFT, canvas.width - room), Scale(0, high, foot, top)
    _axes(canvas, x, y)
    for name, (_, bands) in curves.items():
        edge = [(x(d), y.held(up)) for d, _, up in bands] + [(x(d), y.held(low)) for d, low, _ in reversed(bands)]
        canvas.path(edge, close=True, fill=colour(GROUP_PAINT.get(name, "g2")), opacity=0.13)
    for name, (rates, _) in curves.items():
        dash = "5 4" if name == "holdout" else None
        wide = 2.5 if name == "learner" else 2
        paint = colour(GROUP_PAINT.get(name, "g2"))
        canvas.path(
            [(x(d), y.held(r)) for d, r in rates],
            fill="none", stroke=paint, stroke_width=wide, stroke_dasharray=dash, stroke_linejoin="round",
        )  # fmt: skip
    _end_labels(canvas, curves, x, y)
    canvas.text((0, 10), "% of entries with a goal, all days so far", "q s")
    return canvas.render(foot + 38)


def _axes(canvas: Canvas, x: Scale, y: Scale) -> None:
    for value in ticks(0, y.high, 5):
        canvas.line((LEFT, y(value)), (x.end, y(value)), class_="rule" if value else "zero")
        canvas.text((LEFT - 6, y(value) + 4), f"{100 * value:.3g}", "q s", "end")
    _day_axis(canvas, x, y.start)


def _day_axis(canvas: Canvas, x: Scale, foot: float) -> None:
    marks = sorted({1, *(int(t) for t in ticks(1, x.high, 6) if t > 1 and t == int(t)), int(x.high)})
    kept: list[int] = []
    for day in reversed(marks):
        if not kept or x(kept[-1]) - x(day) > 26:
            kept.append(day)
    for day in kept:
        canvas.text((x(day), foot + 16), str(day), "q s", "middle")
    canvas.text((x.end, foot + 32), "day", "q s", "end")


def _end_labels(canvas: Canvas, curves: Mapping[str, Curve], x: Scale, y: Scale) -> None:
    ends = [(name, rates[-1]) for name, (rates, _) in curves.items()]
    heights = spread([y.held(rate) for _, (_, rate) in ends], 16)
    for (name, (day, rate)), height in zip(ends, heights, strict=True):
        paint = colour(GROUP_PAINT.get(name, "g2"))
        canvas.dot((x(day), y.held(rate)), 3.5, paint)
        canvas.rect((x.end + 8, height - 5, 8, 8), paint, rx=2)
        canvas.text((x.end + 20, height + 3), f"{name} {100 * rate:.1f}", "s")


def arm_paints(canvas: Canvas, arms: Sequence[str]) -> dict[str, str]:
    """Return a fixed colour per arm by its place; `nothing` is hatched grey everywhere."""
    drawn = [arm for arm in arms if arm != "nothing"]
    paints = {arm: colour(f"c{n % 7}") for n, arm in enumerate(drawn)}
    if "nothing" in arms:
        paints["nothing"] = canvas.hatch()
    return paints


def stacked_shares(canvas: Canvas, days: Sequence[ArmDay], arms: Sequence[str]) -> str:
    """Draw which share of the people each arm gets, day by day; warm-up days are paler."""
    paints = arm_paints(canvas, arms)
    top = legend(canvas, [(arm, paints[arm]) for arm in arms], 12) + 18
    foot = top + 150
    first, last = days[0].day, days[-1].day
    x, y = Scale(first, last + 1, LEFT, canvas.width), Scale(0, 1, foot, top)
    for day in days:
        _share_column(canvas, day, paints, (x, y))
    for value in (0.0, 0.25, 0.5, 0.75, 1.0):
        canvas.text((LEFT - 6, y(value) + 4), f"{100 * value:.0f}", "q s", "end")
    _day_axis(canvas, Scale(first, last, x(first + 0.5), x(last + 0.5)), foot)
    canvas.text((0, foot + 32), "% of draws", "q s")
    return canvas.render(foot + 38)


def _share_column(canvas: Canvas, day: ArmDay, paints: Mapping[str, str], scales: tuple[Scale, Scale]) -> None:
    x, y = scales
    total, below = sum(day.shares.values()) or 1.0, 0.0
    left, wide = x(day.day), x(day.day + 1) - x(day.day)
    for arm, paint in paints.items():
        share = day.shares.get(arm, 0.0) / total
        if share > 0:
            tip = f"day {day.day}: {arm} {percent(share, 0)} of {day.decisions} decisions"
            box = (left, y(below + share), wide - 0.7, y(below) - y(below + share))
            canvas.rect(box, paint, tip=tip, opacity=0.5 if day.warmup else None)
        below += share
