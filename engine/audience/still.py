"""Which parts of a condition time alone never changes."""

from __future__ import annotations

from journeys.bits import Bit
from journeys.happenings import Asked

NEVER: frozenset[str] = frozenset(
    ("const", "attribute", "traits", "top_interest", "bucket", "entry", "event", "journey", "listed")
)
"""What time does not change."""


def still(bit: Bit) -> bool:
    """Return whether time never changes this part's value."""
    if bit.const or bit.op in NEVER:
        return all(still(part) for part in bit.parts)
    if isinstance(bit.about, Asked):
        lasts = bit.op in ("any", "no", "count", "sum", "last", "first") and bit.about.within is None
        return lasts and (bit.about.test is None or still(bit.about.test))
    moving = ("now", "interest", "segment", "sequence", "days_since_date", "next")
    return bit.op not in moving and bool(bit.parts) and all(still(part) for part in bit.parts)


def plain(asked: Asked) -> bool:
    """Return whether which events are meant is changed by the window alone."""
    return not asked.since and (asked.test is None or still(asked.test))
