"""When something happened, by the clock of whoever says so.

Rules
- A sender's clock may be wrong: `sentAt` shows by how much, and what it says is moved by that much (Segment's rule:
  timestamp = receivedAt - (sentAt - originalTimestamp)). Under five seconds it is the way, and nothing is moved.
- History keeps its age: the shift is the error of the clock, not the age of what is told.
- Nothing happens later than it was received.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

TRUSTED = timedelta(seconds=5)


def instant(value: Any) -> datetime | None:
    """Return the instant of an ISO-8601 text, or of milliseconds since 1970; without a zone it is UTC."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return datetime.fromtimestamp(value / 1000 if abs(value) > 1e11 else value, UTC)
        except (OverflowError, OSError, ValueError):
            return None
    if not isinstance(value, str):
        return None
    try:
        at = datetime.fromisoformat(value.strip())
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def happened(said: datetime | None, sent: datetime | None, received: datetime) -> datetime:
    """Return when it happened: what is `said`, moved by the error of the sender's clock, never after `received`."""
    if said is None:
        return received
    shift = timedelta(0) if sent is None else received - sent
    try:
        at = said + shift if abs(shift) > TRUSTED else said
    except OverflowError:
        at = said
    return min(at, received)
