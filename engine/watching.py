"""`stop_arm_if`: an arm that drives people away is taken out for everyone, said aloud and written down.

Rules
- The lower end of a one-sided 90 % Wilson interval must lie above the limit: a bad day of a small arm stops nothing.
- Harm only counts up, so an arm is looked at again when it has been answered with one more no: with more messages
  and no more harm the bound only falls.
- `nothing` harms nobody. An arm that somebody allowed again begins anew.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from statistics import NormalDist

import sqlalchemy as sa

from engine.store import stopping
from engine.store.stopping import Arm
from journeys import NOTHING, Choose

LOG = logging.getLogger("sojourn")

ONE_SIDED = NormalDist().inv_cdf(0.90)


def lower_bound(harmed: int, sent: int) -> float:
    """Return the lower end of the one-sided 90 % interval of a rate (Wilson 1927)."""
    if sent <= 0:
        return 0.0
    rate, z2 = harmed / sent, ONE_SIDED**2
    middle = rate + z2 / (2 * sent)
    spread = ONE_SIDED * math.sqrt(rate * (1 - rate) / sent + z2 / (4 * sent * sent))
    return max(0.0, (middle - spread) / (1 + z2 / sent))


@dataclass(slots=True)
class Watch:
    """What every arm has been answered with so far, by the last look."""

    points: Mapping[str, Choose]
    _seen: dict[Arm, dict[str, int]] = field(default_factory=dict)

    def look(self, conn: sa.Connection, now: datetime) -> tuple[str, ...]:
        """Take out the arms that are above a limit; return them as "journey.state arm"."""
        harm = stopping.harm(conn)
        asked = [arm for arm, counts in harm.items() if self._seen.get(arm) != counts and self._may(arm, counts)]
        self._seen = harm
        if not asked:
            return ()
        out = stopping.stopped(conn)
        sends = stopping.sends(conn, [arm for arm in asked if arm not in out])
        found = {arm: why for arm in sorted(sends) if (why := self._against(arm, harm[arm], sends[arm])) is not None}
        for arm, why in found.items():
            LOG.warning("%s: the arm %s is taken out for everyone: %s", arm[0], arm[1], why)
        stopping.stop(conn, found, now)
        return tuple(f"{point} {arm}" for point, arm in found)

    def _may(self, arm: Arm, counts: Mapping[str, int]) -> bool:
        """Return whether so much harm can be above a limit at all: after the fewest messages that count."""
        choose = self.points.get(arm[0])
        if choose is None or arm[1] == NOTHING or arm[1] not in {one.id for one in choose.arms}:
            return False
        limits = choose.stop_arm_if
        return any(lower_bound(min(n, choose.stop_after), choose.stop_after) > limits.get(name, 1.0)
                   for name, n in counts.items())  # fmt: skip

    def _against(self, arm: Arm, counts: Mapping[str, int], sent: int) -> str | None:
        """Return why this arm must go, None when it may stay."""
        choose = self.points[arm[0]]
        for name, limit in choose.stop_arm_if.items():
            harmed = counts.get(name, 0)
            messages = sent + (harmed if name == "bounced" else 0)  # a bounce made its decision void
            bound = lower_bound(min(harmed, messages), messages)
            if messages >= choose.stop_after and bound > limit:
                return (
                    f"{name} {harmed} of {messages:,} messages ({100 * harmed / messages:.2f} %, "
                    f"at least {100 * bound:.2f} %), more than {100 * limit:g} %"
                )
        return None
