"""How money becomes a label in [-1, 1]: reward / scale, clipped; 0 stays 0.

Where the author gave no scale it is the 95th percentile of the positive rewards seen, frozen after SETTLED of them:
one huge order must not make all others look like nothing, and labels must not drift for ever.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Mapping
from typing import Any

SETTLED = 50
SHARE = 0.95


class Scaling:
    """A scale that is given, or settles on the first positive rewards."""

    def __init__(self, scale: float | None = None, seen: list[float] | None = None) -> None:
        self._given = scale if scale and math.isfinite(scale) else None
        self._seen = sorted(seen or [])

    @property
    def scale(self) -> float:
        if self._given:
            return self._given
        if not self._seen:
            return 1.0
        return self._seen[math.ceil(SHARE * len(self._seen)) - 1]

    def note(self, reward: float) -> None:
        """Remember a positive reward while the scale is open."""
        if not self._given and reward > 0.0 and len(self._seen) < SETTLED:
            bisect.insort(self._seen, reward)

    def label(self, reward: float) -> float:
        return max(-1.0, min(1.0, reward / self.scale))

    def state(self) -> list[float]:
        return list(self._seen)


def scaling_of(settings: Mapping[str, Any], state: Mapping[str, Any] | None = None) -> Scaling:
    return Scaling(settings.get("scale"), (state or {}).get("seen"))
