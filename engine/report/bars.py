"""Figures made of bars: intervals on one scale, people by state, messages held by a rule, a histogram."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engine.report.findings import ReasonCount, StateCount
from engine.report.intervals import Span
from engine.report.svg import Canvas, Scale, colour, shortened, ticks, width_of
from engine.report.wording import count, percent, signed

OUTCOMES = (("waited", "c0"), ("switched", "c2"), ("skipped", "c6"))


@dataclass(frozen=True, slots=True)
class IntervalRow:
    """One interval; `thick` is 95 % now, `thin` (if any) 95 % at every look."""

    label: str
    value: float
    thick: Span
    thin: Span | None = None
    note: str = ""
    fill: str = "g0"


def interval_scale(rows: Sequence[IntervalRow]) -> tuple[float, float]:
    """Return the range that shows every row and zero."""
    spans = [s for row in rows for s in (row.thick, row.thin) if s]
    low, high = min(0.0, *(s.low for s in spans)), max(0.0, *(s.high for s in spans))
    room = max(high - low, 0.01) * 0.06
    return (low - room if low < 0 else 0.0), high + room


def interval_bars(canvas: Canvas, rows: Sequence[IntervalRow], *, top: float = 14) -> str:
    """Draw one rate per row on a shared scale from zero: words above, bar below, percent at the foot."""
    x, step = Scale(*interval_scale(rows), 6, canvas.width - 12), 44.0
    foot = top + step * len(rows) - 10
    marks = ticks(x.low, x.high, 7)
    for n, row in enumerate(rows):
        y = top + n * step
        _row_words(canvas, row, y)
        canvas.rect((0, y + 8, canvas.width, 18), colour("soft"), rx=4)
        for value in marks:
            canvas.line((x(value), y + 8), (x(value), y + 26), class_="tick")
        interval(canvas, row, x, y + 17)
    for value in marks:
        canvas.text((x(value), foot + 13), f"{100 * value:.3g}", "q s", "middle")
    canvas.text((canvas.width, foot + 28), "percent", "q s", "end")
    return canvas.render(foot + 34)


def _row_words(canvas: Canvas, row: IntervalRow, y: float) -> None:
    note = width_of(row.note) + 10 if row.note else 0
    canvas.text((0, y), shortened(row.label, canvas.width - note), "b")
    if row.note:
        canvas.text((canvas.width, y), row.note, "q", "end")


def interval(canvas: Canvas, row: IntervalRow, x: Scale, y: float) -> None:
    """Draw the thin whisker, the thick bar and the dot of one interval."""
    paint = colour(row.fill)
    if row.thin:
        canvas.line((x.held(row.thin.low), y), (x.held(row.thin.high), y), stroke=paint, stroke_width=1.5)
        for end in (row.thin.low, row.thin.high):
            canvas.line((x.held(end), y - 4), (x.held(end), y + 4), stroke=paint, stroke_width=1.5)
    left, right = x.held(row.thick.low), x.held(row.thick.high)
    canvas.rect((left, y - 4, max(right - left, 1), 8), paint, rx=4, opacity=0.45)
    canvas.dot((x.held(row.value), y), 5, paint, stroke=colour("card"), stroke_width=1.5)


def single_interval(canvas: Canvas, row: IntervalRow, scale: tuple[float, float]) -> str:
    """Draw one difference against zero on a given scale of points."""
    x = Scale(*scale, 4, canvas.width - 4)
    canvas.rect((0, 6, canvas.width, 18), colour("soft"), rx=4)
    for value in ticks(*scale, 7):
        zero = abs(value) < 1e-9
        canvas.line((x(value), 3 if zero else 6), (x(value), 27 if zero else 24), class_="zero" if zero else "tick")
        words = "0" if zero else signed(100 * value, 0)
        canvas.text((min(max(x(value), 10), canvas.width - 10), 40), words, "q s", "middle")
    interval(canvas, row, x, 15)
    return canvas.render(44)


def flow_bars(canvas: Canvas, states: Sequence[StateCount], entries: int) -> str:
    """Draw the journey from top to bottom: who reached each state, who is in it now."""
    most = max([entries, 1, *(s.entered for s in states)])
    x, y = Scale(0, most, 0, canvas.width), 14.0
    rows = [StateCount("entered", "start", entries), *states]
    for state in rows:
        inside = f" · {count(state.inside)} in it now" if state.inside else ""
        tail = f"{count(state.entered)}{inside}"
        _state_mark(canvas, (5, y - 4), state.kind)
        canvas.text((17, y), shortened(state.name, canvas.width - width_of(tail) - 29), "b")
        canvas.text((canvas.width, y), tail, "q", "end")
        canvas.rect((0, y + 6, canvas.width, 8), colour("soft"), rx=4)
        tip = f"{state.name}: {count(state.entered)}, {percent(state.entered / most)} of the entries"
        if state.entered:
            canvas.rect((0, y + 6, max(x(state.entered), 3), 8), _state_paint(state.kind), tip=tip, rx=4)
        y += 35
    return canvas.render(y - 16)


def _state_mark(canvas: Canvas, at: tuple[float, float], kind: str) -> None:
    """Draw what kind of state it is: a ring waits, a diamond forks, a full diamond chooses, a block sends."""
    (x, y), paint = at, _state_paint(kind)
    diamond = [(x, y - 5), (x + 5, y), (x, y + 5), (x - 5, y)]
    if kind in ("branch", "split", "choose"):
        fill = paint if kind == "choose" else "none"
        canvas.path(diamond, close=True, fill=fill, stroke=paint, stroke_width=1.5)
    elif kind == "send":
        canvas.rect((x - 5, y - 4, 10, 8), paint, rx=1.5)
    elif kind == "start":
        canvas.path([(x - 4, y - 5), (x + 5, y), (x - 4, y + 5)], close=True, fill=paint)
    else:
        canvas.dot((x, y), 4, "none", stroke=paint, stroke_width=1.5)


def _state_paint(kind: str) -> str:
    return colour({"choose": "g1", "send": "g0", "start": "g2", "exit": "g2"}.get(kind, "c0"))


def reason_bars(canvas: Canvas, reasons: Sequence[ReasonCount]) -> str:
    """Draw what held messages back and what became of them."""
    y = legend(canvas, [(name, colour(paint)) for name, paint in OUTCOMES], 12) + 27
    x = Scale(0, max([1, *(r.hits for r in reasons)]), 0, canvas.width)
    for reason in reasons:
        canvas.text((0, y), shortened(reason.rule, canvas.width - 70), "b")
        canvas.text((canvas.width, y), count(reason.hits), "q", "end")
        left = 0.0
        for name, paint in OUTCOMES:
            n = getattr(reason, name)
            if n:
                wide = x(n)
                tip = f"{reason.rule}: {count(n)} {name}"
                canvas.rect((left, y + 6, max(wide - 1, 1), 10), colour(paint), tip=tip, rx=2)
                left += wide
        y += 37
    return canvas.render(y - 14)


def legend(canvas: Canvas, entries: Sequence[tuple[str, str]], top: float) -> float:
    """Write colour swatches with names, breaking lines where needed; return the last base line."""
    x, y = 0.0, top
    for name, paint in entries:
        words = shortened(name, canvas.width - 20)
        wide = width_of(words) + 30
        if x and x + wide - 14 > canvas.width:
            x, y = 0.0, y + 19
        canvas.rect((x, y - 9, 11, 11), paint, rx=2)
        canvas.text((x + 16, y), words)
        x += wide
    return y


def histogram(canvas: Canvas, bins: Sequence[int], limit: int | None = None) -> str:
    """Draw person-weeks by number of messages; the share stands above each column, the cap as a line."""
    total, foot, top = max(1, sum(bins)), 186.0, 44.0
    pitch = canvas.width / len(bins)
    y = Scale(0, max([1, *bins]) / total, foot, top)
    for n, people in enumerate(bins):
        share, left = people / total, n * pitch
        label = f"{n}+" if n == len(bins) - 1 else str(n)
        height = max(foot - y(share), 1 if people else 0)
        tip = f"{label} messages: {count(people)} person-weeks, {percent(share)}"
        paint = colour("none" if n == 0 else "g0")
        canvas.rect((left + pitch * 0.12, foot - height, pitch * 0.76, height), paint, tip=tip, rx=2)
        words = "0" if not people else (f"{100 * share:.0f}" if share >= 0.0095 else "<1")
        canvas.text((left + pitch / 2, foot - height - 6), words, "s", "middle")
        canvas.text((left + pitch / 2, foot + 16), label, "q s", "middle")
    canvas.line((0, foot), (canvas.width, foot), class_="zero")
    if limit is not None and limit < len(bins) - 1:
        here = (limit + 1) * pitch
        canvas.line((here, top), (here, foot), stroke=colour("bad"), stroke_dasharray="4 3")
        canvas.text((here - 4, top + 2), f"cap {limit} a week", "q s", "end")
    canvas.text((0, 10), "% of person-weeks", "q s")
    canvas.text((canvas.width, foot + 32), "messages in a week", "q s", "end")
    return canvas.render(foot + 38)
