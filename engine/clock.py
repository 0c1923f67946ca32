"""What time it is: the one clock that the shell reads and hands to everything else as a value."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Says an aware UTC instant, never an earlier one than before."""

    def now(self) -> datetime: ...


class SystemClock:
    """The machine's clock; set back, it stands still until the time is reached again."""

    def __init__(self) -> None:
        self._last = datetime.now(UTC)
        self._turn = threading.Lock()

    def now(self) -> datetime:
        with self._turn:
            self._last = max(self._last, datetime.now(UTC))
            return self._last


class SimulatedClock:
    """A clock that stands still until it is told to jump."""

    def __init__(self, start: datetime) -> None:
        self._now = _utc(start)

    def now(self) -> datetime:
        return self._now

    def jump(self, at: datetime) -> None:
        """Go to `at`; a clock does not go back, so an earlier instant changes nothing."""
        self._now = max(self._now, _utc(at))


def _utc(at: datetime) -> datetime:
    if at.tzinfo is None:
        raise ValueError(f"{at} has no time zone")
    return at.astimezone(UTC)
