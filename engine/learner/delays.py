"""How long outcomes take: F(age), the share of what a decision will earn in its window that is known at an age.

Rules
- A silence counts with the weight F(age): expected over all decisions of an age, hits with weight 1 and silences with
  weight F stand in the right proportion (Chapelle 2014 writes the same correction as a likelihood).
- The curve is what was measured on closed decisions, which have shown all their delays; open ones would show only
  short ones. A channel with few outcomes borrows from the point, a point with few from the usual shape.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

ANY = ""  # all channels together
STEPS = 24
BORROWED = 20.0  # outcomes that the wider curve counts for
STEEP = 3.0  # of the usual shape: two thirds of all outcomes come in the first third of the window

Shares = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Curves:
    """F at ages within * (k / STEPS)^2, k = 0..STEPS, by channel; `within` in seconds; `seen` outcomes by channel."""

    within: float
    shares: Mapping[str, Shares] = field(default_factory=dict)
    seen: Mapping[str, int] = field(default_factory=dict)

    def share(self, channel: str, age: float) -> float:
        """Return F(age) in [0, 1] for a decision of `age` seconds on this channel."""
        shares = self.shares.get(channel) or self.shares.get(ANY) or USUAL
        place = STEPS * math.sqrt(min(max(age / self.within, 0.0), 1.0)) if self.within > 0 else STEPS
        low = min(int(place), STEPS - 1)
        return shares[low] + (shares[low + 1] - shares[low]) * (place - low)

    def state(self) -> dict[str, object]:
        """Return plain values to store."""
        shares = {channel: [round(share, 6) for share in some] for channel, some in self.shares.items()}
        return {"within": self.within, "shares": shares, "seen": dict(self.seen)}

    def half(self, channel: str = ANY) -> float:
        """Return the age in seconds at which half of the outcomes are known."""
        ages = [self.within * (step / 1000) for step in range(1001)]
        return next((age for age in ages if self.share(channel, age) >= 0.5), self.within)


def curves_of(state: Mapping[str, object] | None, within: float) -> Curves:
    """Return stored curves; the usual shape when there are none, or they are of another window."""
    known = dict(state or {})
    if known.get("within") != within:
        return Curves(within)
    shares: Mapping[str, Sequence[float]] = known.get("shares") or {}  # type: ignore[assignment]
    seen: Mapping[str, int] = known.get("seen") or {}  # type: ignore[assignment]
    return Curves(within, {channel: tuple(some) for channel, some in shares.items()}, dict(seen))


def fitted(delays: Mapping[str, Sequence[float]], within: float) -> Curves:
    """Return the curves of these delays (seconds from the start of the window to the first outcome, by channel)."""
    everything = [delay for some in delays.values() for delay in some]
    wide = _smoothed(everything, within, USUAL)
    shares = {channel: _smoothed(some, within, wide) for channel, some in sorted(delays.items()) if some}
    seen = {channel: len(some) for channel, some in sorted(delays.items())}
    return Curves(within, {ANY: wide, **shares}, {ANY: len(everything), **seen})


def _smoothed(delays: Sequence[float], within: float, wider: Shares) -> Shares:
    """Return the empirical curve, mixed with the wider one as if that were BORROWED outcomes."""
    known = sorted(delays)
    ages = [within * (step / STEPS) ** 2 for step in range(STEPS + 1)]
    counts = [bisect.bisect_right(known, age) for age in ages[:-1]] + [len(known)]
    return tuple(
        (count + BORROWED * share) / (len(known) + BORROWED) for count, share in zip(counts, wider, strict=True)
    )


USUAL: Shares = tuple(
    (1.0 - math.exp(-STEEP * (step / STEPS) ** 2)) / (1.0 - math.exp(-STEEP)) for step in range(STEPS + 1)
)
"""The shape before there are data: exponential, cut at the window."""
