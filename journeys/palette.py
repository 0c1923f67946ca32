"""The colours and signs of a picture: one tone per kind of state, in light and in dark.

Rules
- Text on its ground has a contrast of at least 4.5 (WCAG 2.2, AA) in both; signs are drawn, never letters of a font.
- A sign fits a square of 16; it is stroked, and filled where FILLED says so.
"""

from __future__ import annotations

from collections.abc import Mapping

LIGHT: Mapping[str, str] = {
    "page": "#ffffff", "box": "#ffffff", "edge": "#d0d5dd", "plate": "#f2f4f7", "ink": "#1d2433", "quiet": "#596579",
    "line": "#8d99ad", "shade": "#101828", "sign": "#ffffff", "enter": "#067647", "wait": "#526079",
    "branch": "#b54708", "decision": "#6941c6", "split": "#0b6e83", "send": "#175cd3", "set": "#526079",
    "emit": "#9e1f63", "call": "#9e1f63", "end": "#3b4659", "goal": "#067647", "jump": "#b54708",
}  # fmt: skip
DARK: Mapping[str, str] = {
    "page": "#11161f", "box": "#1a212d", "edge": "#3a4557", "plate": "#252e3c", "ink": "#eceff4", "quiet": "#a4afc0",
    "line": "#66748a", "shade": "#000000", "sign": "#11161f", "enter": "#4ac58e", "wait": "#a4b1c6",
    "branch": "#f0a35b", "decision": "#b79cf5", "split": "#59c3d8", "send": "#7fb0ff", "set": "#a4b1c6",
    "emit": "#ef8fc0", "call": "#ef8fc0", "end": "#b9c3d2", "goal": "#4ac58e", "jump": "#f0a35b",
}  # fmt: skip
KINDS = (
    "enter", "wait", "branch", "decision", "split", "send", "set", "emit", "call", "end", "goal", "jump",
)  # fmt: skip

SIGNS: Mapping[str, str] = {
    "enter": "M5.5 3.5v9l7-4.5z",
    "wait": "M8 2.5a5.5 5.5 0 1 0 0 11a5.5 5.5 0 1 0 0-11M8 4.8V8l2.3 1.6",
    "branch": "M8 2.5L13.5 8L8 13.5L2.5 8z",
    "decision": "M8 1.8L9.7 6.3L14.2 8L9.7 9.7L8 14.2L6.3 9.7L1.8 8L6.3 6.3z",
    "split": "M8 13.8V9L3.6 4.6M8 9l4.4-4.4M3.4 8V4.4H7M9 4.4h3.6V8",
    "send": "M2.5 4.2h11v7.6h-11zM2.7 4.6L8 8.8l5.3-4.2",
    "email": "M2.5 4.2h11v7.6h-11zM2.7 4.6L8 8.8l5.3-4.2",
    "push": "M3.6 11.3h8.8l-1.2-1.9V7.2a3.2 3.2 0 0 0-6.4 0v2.2zM6.9 13.4h2.2",
    "sms": "M2.8 3.3h10.4v7.2H7.4l-3 2.6v-2.6H2.8z",
    "nothing": "M3 3l10 10M8 2.5a5.5 5.5 0 1 0 0 11a5.5 5.5 0 1 0 0-11",
    "set": "M3.2 12.8l.7-3l6.6-6.6l2.3 2.3l-6.6 6.6z",
    "emit": "M9.2 2L4 9h3.4L6.8 14L12 7H8.6z",
    "call": "M4.6 11.4l6.6-6.6M5.8 4.6h5.6v5.6",
    "end": "M4.8 4.8h6.4v6.4H4.8z",
    "goal": "M8 2.3l1.75 3.6l3.95.55l-2.87 2.77l.7 3.93L8 11.28l-3.53 1.87l.7-3.93L2.3 6.45l3.95-.55z",
    "jump": "M2.8 11.2c0-6.6 8.4-6.6 8.4-.4M8.6 8.6l2.6 2.6l2.6-2.6",
}
FILLED = frozenset({"enter", "decision", "end", "goal", "emit"})


def style(dark: bool | None = None) -> str:
    """Return the style sheet: light, dark, or (None) light with the dark one where the reader prefers it."""
    if dark is not None:
        return _rules(DARK if dark else LIGHT)
    return f"{_rules(LIGHT)}@media (prefers-color-scheme:dark){{{_rules(DARK)}}}"


def _rules(tone: Mapping[str, str]) -> str:
    shapes = {
        ".page": f"fill:{tone['page']}", ".box": f"fill:{tone['box']};stroke:{tone['edge']}",
        ".plate": f"fill:{tone['plate']};stroke:{tone['page']}", ".shade": f"fill:{tone['shade']}",
        ".rule": f"stroke:{tone['edge']}", ".ink": f"fill:{tone['ink']}", ".quiet": f"fill:{tone['quiet']}",
        ".line": f"stroke:{tone['line']}", ".tip": f"fill:{tone['line']}",
        ".stroke": f"stroke:{tone['sign']}", ".solid": f"fill:{tone['sign']};stroke:{tone['sign']}",
    }  # fmt: skip
    for kind in KINDS:
        shapes[f".f-{kind}"] = f"fill:{tone[kind]}"
        shapes[f".s-{kind}"] = f"stroke:{tone[kind]}"
    return "".join(f"{name}{{{rule}}}" for name, rule in shapes.items())
