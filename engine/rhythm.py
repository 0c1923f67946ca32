"""At which hours people are there: everyone's shares, counted once a day for `at: best`, and written down.

A count is a row of `audit`, so that a walk can be taken again as it was.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from engine.store import auditing, signs

AFRESH = timedelta(days=1)


@dataclass(slots=True)
class Rhythm:
    """Everyone's hours; `names` are the events that are signs of life (none: nobody asks, nothing is counted)."""

    names: Collection[str]
    zone: ZoneInfo
    _hours: tuple[float, ...] = ()
    _since: datetime | None = field(default=None)

    def hours(self, conn: sa.Connection, now: datetime) -> tuple[float, ...]:
        """Return the shares of signs by local hour; empty when there are too few to say."""
        if self.names and (self._since is None or now - self._since >= AFRESH):
            self._hours, self._since = signs.everyone(conn, now, self.names, self.zone), now
            auditing.note(conn, auditing.HOURS, {"hours": list(self._hours)}, now)
        return self._hours
