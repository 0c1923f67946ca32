"""A small drawing board: shapes as text, scales and ticks. No layout engine, no script, no dependency.

Colours are CSS variables (`STYLE`), so the same picture is right on light and dark paper; a title and a
description make it readable without eyes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

STYLE = """
:root{--paper:#fff;--card:#fff;--ink:#16181d;--quiet:#5b6270;--rule:#e3e6eb;--soft:#f3f5f8;--accent:#1d4fd7;
--good:#12702f;--bad:#b01818;--heat:#56b4e9;--none:#8b919c;
--g0:#0072b2;--g1:#d55e00;--g2:#5b6270;
--c0:#56b4e9;--c1:#e69f00;--c2:#009e73;--c3:#cc79a7;--c4:#f0e442;--c5:#0072b2;--c6:#d55e00}
@media (prefers-color-scheme:dark){:root{--paper:#0f1115;--card:#171a20;--ink:#eceef2;--quiet:#a3abb8;--rule:#2b303a;
--soft:#1e222a;--accent:#8ab4ff;--good:#5fd38a;--bad:#ff8f87;--heat:#006dab;--none:#7b828e;
--g0:#56b4e9;--g1:#f08a3c;--g2:#a3abb8;--c5:#3d9bdc}}
svg.f{display:block;width:100%;height:auto;overflow:visible;font-family:inherit}
svg.f text{font-size:12px;fill:var(--ink);font-variant-numeric:tabular-nums}
svg.f .q{fill:var(--quiet)}svg.f .s{font-size:11px}svg.f .b{font-weight:600}
svg.f .rule{stroke:var(--rule);stroke-width:1;fill:none}svg.f .zero{stroke:var(--quiet);stroke-width:1}
svg.f .tick{stroke:var(--card);stroke-width:1.5}
""".strip()


def colour(name: str) -> str:
    """Return the CSS value of a named colour: g0 (learner), c3 (fourth arm), good, quiet."""
    return f"var(--{name})"


class Canvas:
    """Collects shapes; `name` makes the ids on one page different from each other."""

    def __init__(self, name: str, width: float, title: str, desc: str = "") -> None:
        self.name, self.width, self.title, self.desc = name, width, title, desc
        self.parts: list[str] = []

    def text(self, at: tuple[float, float], words: str, look: str = "", anchor: str = "start") -> None:
        """Write at the base line; `look` holds classes: q quiet, s small, b bold."""
        anchored = "" if anchor == "start" else f' text-anchor="{anchor}"'
        looks = f' class="{look}"' if look else ""
        self.parts.append(f'<text x="{_n(at[0])}" y="{_n(at[1])}"{anchored}{looks}>{escape(words)}</text>')

    def rect(self, box: tuple[float, float, float, float], fill: str, *, tip: str = "", **more: object) -> None:
        """Draw x, y, width, height; `tip` appears when the pointer rests on it."""
        x, y, w, h = (_n(v) for v in box)
        inside = f"<title>{escape(tip)}</title></rect>" if tip else ""
        end = f">{inside}" if inside else "/>"
        self.parts.append(f'<rect x="{x}" y="{y}" width="{w}" height="{h}" fill="{fill}"{_attributes(more)}{end}')

    def line(self, start: tuple[float, float], end: tuple[float, float], **more: object) -> None:
        ends = f'x1="{_n(start[0])}" y1="{_n(start[1])}" x2="{_n(end[0])}" y2="{_n(end[1])}"'
        self.parts.append(f"<line {ends}{_attributes(more)}/>")

    def path(self, points: Iterable[tuple[float, float]], *, close: bool = False, **more: object) -> None:
        d = "M" + "L".join(f"{_n(x)},{_n(y)}" for x, y in points) + ("Z" if close else "")
        self.parts.append(f'<path d="{d}"{_attributes(more)}/>')

    def dot(self, at: tuple[float, float], radius: float, fill: str, **more: object) -> None:
        self.parts.append(
            f'<circle cx="{_n(at[0])}" cy="{_n(at[1])}" r="{_n(radius)}" fill="{fill}"{_attributes(more)}/>'
        )

    def hatch(self) -> str:
        """Return a fill of grey stripes: nothing was sent."""
        key = f"{self.name}-h"
        pattern = (
            f'<pattern id="{key}" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
            f'<rect width="6" height="6" fill="{colour("soft")}"/>'
            f'<rect width="2.5" height="6" fill="{colour("none")}"/></pattern>'
        )
        if pattern not in self.parts:
            self.parts.insert(0, pattern)
        return f"url(#{key})"

    def render(self, height: float) -> str:
        """Return the finished picture, as high as it came out."""
        ids = f"{self.name}-t {self.name}-d"
        return (
            f'<svg class="f" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_n(self.width)} {_n(height)}" '
            f'role="img" aria-labelledby="{ids}"><title id="{self.name}-t">{escape(self.title)}</title>'
            f'<desc id="{self.name}-d">{escape(self.desc)}</desc>{"".join(self.parts)}</svg>'
        )


def _n(value: float) -> str:
    return f"{value:.1f}".rstrip("0").rstrip(".") if value % 1 else f"{value:.0f}"


def _attributes(more: dict[str, object]) -> str:
    named = ((key.rstrip("_").replace("_", "-"), value) for key, value in more.items() if value is not None)
    return "".join(f' {key}="{_n(value) if isinstance(value, float) else value}"' for key, value in named)


@dataclass(frozen=True, slots=True)
class Scale:
    """From values to places."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)

    def held(self, value: float) -> float:
        """Return the place of the value, or of the nearer end."""
        return self(min(max(value, self.low), self.high))


def ticks(low: float, high: float, limit: int = 5) -> list[float]:
    """Return at most `limit` round numbers within [low, high]."""
    raw = (high - low) / limit
    power = 10 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 5, 10, 20) if (high - low) / (m * power) < limit)
    first = math.ceil(low / step - 1e-9)
    return [k * step for k in range(first, math.floor(high / step + 1e-9) + 1)]


def width_of(words: str, size: float = 12) -> float:
    """Return about how wide the words are, rather too much than too little."""
    narrow = sum(c in "iljtfr.,:;|!'()[] ·" for c in words)
    return size * (0.62 * (len(words) - narrow) + 0.36 * narrow)


def shortened(words: str, room: float, size: float = 12) -> str:
    """Return the words, cut with an ellipsis when they would not fit."""
    if width_of(words, size) <= room:
        return words
    while words and width_of(words + "…", size) > room:
        words = words[:-1]
    return words.rstrip(" ·_") + "…"


def spread(places: Sequence[float], gap: float) -> list[float]:
    """Return the places moved apart so that neighbours keep the gap, in the given order of height."""
    order = sorted(range(len(places)), key=lambda i: places[i])
    moved = list(places)
    for before, here in pairwise(order):
        moved[here] = max(moved[here], moved[before] + gap)
    return moved
