"""Lengths of time as people write them: "45m", "2d", "1d 12h" <-> timedelta."""

from __future__ import annotations

import re
from datetime import timedelta

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_PART = re.compile(r"(\d+(?:\.\d+)?)([smhdw])")
SPAN = r"[0-9]+(?:\.[0-9]+)?[smhdw](?: [0-9]+(?:\.[0-9]+)?[smhdw])*"
"""A length of time as a pattern that other languages read, too."""
_WHOLE = re.compile(f"^{SPAN}$")


def parse_span(text: str) -> timedelta | None:
    """Return the length of time that `text` says, or None if it says none."""
    if not _WHOLE.match(text):
        return None
    seconds = sum(float(number) * UNITS[unit] for number, unit in _PART.findall(text))
    return timedelta(seconds=seconds) if seconds < 100 * 366 * 86400 else None


def show_span(span: timedelta) -> str:
    """Return the shortest way to write `span`: 36h -> "1d 12h", 7 days -> "7d"."""
    left = round(span.total_seconds())
    if left == 0:
        return "0m"
    parts = []
    for unit in "dhms":
        count, left = divmod(left, UNITS[unit])
        if count:
            parts.append(f"{count}{unit}")
    return " ".join(parts)
