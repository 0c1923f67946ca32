"""The map of groups as a picture: who is near whom, and what left-right and up-down mean. SVG, no script."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np

from engine.audience.clusters import Flat, Ints
from engine.audience.discover import Feature, Found

COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8a7a00", "#5b6270")
"""Told apart by the colour-blind (Okabe and Ito 2008)."""
SIDE, LEFT, TOP, WIDE = 620.0, 40.0, 92.0, 330.0
STYLE = """
svg{font-family:system-ui,sans-serif;background:#fff}text{fill:#16181d;font-size:13px}
.q{fill:#5b6270;font-size:12px}.h{font-size:18px;font-weight:600}.b{font-weight:600}
.d{fill:none;stroke-width:6;stroke-linecap:round;stroke-opacity:.62}.frame{fill:#f7f8fa;stroke:#e3e6eb}
""".strip()


def picture(found: Found, flat: Flat, features: Sequence[Feature], title: str) -> str:
    """Return the map as SVG: a point a person, the groups listed beside it."""
    labels = _labels(found)[flat.rows]
    height = max(TOP + SIDE + 44, TOP + 40 + 78 * len(found.groups))
    width = LEFT + SIDE + 30 + WIDE
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" role="img"',
        f'width="{width:.0f}" height="{height:.0f}" aria-label="{escape(title)}">',
        f"<title>{escape(title)}</title><style>{STYLE}</style>",
        _text(LEFT, 34, title, "h"),
        _text(LEFT, 56, _subtitle(found, flat), "q"),
        f'<rect class="frame" x="{LEFT}" y="{TOP}" width="{SIDE}" height="{SIDE}" rx="6"/>',
        *_points(flat, labels),
        *_axes(flat, features),
        *_legend(found, features),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _labels(found: Found) -> Ints:
    """Return the place of each person's group in the list, -1 for whoever is in none."""
    labels = np.full(found.people, -1, dtype=np.int64)
    for place, rows in enumerate(found.members):
        labels[rows] = place
    return labels


def _subtitle(found: Found, flat: Flat) -> str:
    shown = (
        f"{len(flat.rows):,} of {found.people:,} people"
        if len(flat.rows) < found.people
        else f"{found.people:,} people"
    )
    if not flat.axes:
        return f"{shown}. Near means alike; distances between groups say nothing (t-SNE)."
    return f"{shown}. The two axes show {100 * flat.spread:.0f} % of all differences (PCA)."


def _points(flat: Flat, labels: Ints) -> list[str]:
    low, high = np.quantile(flat.at, (0.005, 0.995), axis=0)
    span = np.where(high > low, high - low, 1.0)
    at = np.clip((flat.at - low) / span, -0.02, 1.02)
    x, y = LEFT + 18 + at[:, 0] * (SIDE - 36), TOP + SIDE - 18 - at[:, 1] * (SIDE - 36)
    found = []
    for place in range(-1, int(labels.max()) + 1):
        rows = np.flatnonzero(labels == place)
        dots = "".join(f"M{x[n]:.1f} {y[n]:.1f}h0" for n in rows)
        colour = COLOURS[place % len(COLOURS)] if place >= 0 else "#b6bcc6"
        found.append(f'<path class="d" d="{dots}" stroke="{colour}"/>')
    return found


def _axes(flat: Flat, features: Sequence[Feature]) -> list[str]:
    """Say at both ends of an axis what grows there."""
    if not flat.axes:
        return []
    right, left = (_ends(flat.axes[0], features, up) for up in (True, False))
    parts = [
        _text(LEFT, TOP + SIDE + 22, f"← {left}", "q"),
        f'<text class="q" x="{LEFT + SIDE:.0f}" y="{TOP + SIDE + 22:.0f}" text-anchor="end">{escape(right)} →</text>',
    ]
    if len(flat.axes) > 1:
        above, below = (_ends(flat.axes[1], features, up) for up in (True, False))
        parts += [_upward(TOP + SIDE, f"← {below}", "start"), _upward(TOP, f"{above} →", "end")]
    return parts


def _upward(y: float, words: str, anchor: str) -> str:
    x = LEFT - 14
    place = f'transform="rotate(-90 {x:.0f} {y:.0f})" x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}"'
    return f'<text class="q" {place}>{escape(words)}</text>'


def _ends(axis: Sequence[tuple[int, float]], features: Sequence[Feature], up: bool) -> str:
    return ", ".join(features[n].much if (weight > 0) == up else features[n].little for n, weight in axis)


def _legend(found: Found, features: Sequence[Feature]) -> list[str]:
    x, parts = LEFT + SIDE + 30, []
    for place, group in enumerate(found.groups):
        y = TOP + 16 + 78 * place
        parts.append(f'<circle cx="{x + 6:.0f}" cy="{y - 4:.0f}" r="6" fill="{COLOURS[place % len(COLOURS)]}"/>')
        parts.append(_text(x + 20, y, f"{group.number}  {group.title}", "b"))
        parts.append(_text(x + 20, y + 19, f"{group.people:,} people, {100 * group.share:.0f} %", "q"))
        shown = [f"{f.label} {m:,.4g}" for f, m in zip(features, group.medians, strict=True)][:2]
        parts.append(_text(x + 20, y + 37, "median " + ", ".join(shown), "q"))
    return parts


def _text(x: float, y: float, words: str, look: str) -> str:
    return f'<text class="{look}" x="{x:.0f}" y="{y:.0f}">{escape(words)}</text>'
