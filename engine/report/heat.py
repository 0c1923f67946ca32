"""Who gets what: kinds of people against arms, as a table whose cells are coloured by their share."""

from __future__ import annotations

from collections.abc import Sequence

from engine.report.findings import HeatRow
from engine.report.svg import Canvas, colour, shortened
from engine.report.wording import count, percent


def short_names(arms: Sequence[str]) -> dict[str, str]:
    """Return the arms without channel and without the first word that they all share."""
    names = {arm: arm.rsplit("/", 1)[-1] for arm in arms}
    words = [name.split("_") for arm, name in names.items() if arm != "nothing"]
    common = len(words) > 1 and all(len(w) > 1 and w[0] == words[0][0] for w in words)
    short = {a: n.split("_", 1)[1] if common and a != "nothing" else n for a, n in names.items()}
    return short if len(set(short.values())) == len(short) else names


def heat_map(canvas: Canvas, rows: Sequence[HeatRow], arms: Sequence[str]) -> str:
    """Draw one line of cells per kind of people, its name above; a frame marks the truly best arm if known."""
    names, wide = short_names(arms), canvas.width / len(arms)
    for n, arm in enumerate(arms):
        canvas.text((n * wide + wide / 2, 12), shortened(names[arm], wide - 4, 11), "q s", "middle")
    total, y = sum(r.decisions for r in rows) or 1, 38.0
    for row in rows:
        canvas.text((0, y), shortened(row.label, canvas.width - 150), "b")
        tail = f"{percent(row.decisions / total, 0)} · n {count(row.decisions)}"
        canvas.text((canvas.width, y), tail, "q", "end")
        for n, arm in enumerate(arms):
            _cell(canvas, (n * wide, y + 7, wide), row, arm)
        y += 66
    canvas.text(
        (0, y - 8), "% of draws in the row" + (" · frame: truly best" if any(r.best for r in rows) else ""), "q s"
    )
    return canvas.render(y - 2)


def _cell(canvas: Canvas, place: tuple[float, float, float], row: HeatRow, arm: str) -> None:
    left, top, wide = place
    share = row.shares.get(arm, 0.0)
    box = (left + 1.5, top, wide - 3, 34.0)
    canvas.rect(box, colour("soft"), rx=4)
    tip = f"{row.label}: {arm} {percent(share)}"
    canvas.rect(box, colour("heat"), tip=tip, rx=4, opacity=round(min(1.0, share * 1.1), 3))
    if row.best == arm:
        canvas.rect(box, "none", rx=4, stroke=colour("ink"), stroke_width=1.5)
    words = f"{100 * share:.0f}" if share >= 0.005 or share == 0 else "<1"
    canvas.text((left + wide / 2, top + 22), words, "b" if share >= 0.3 else "", "middle")
