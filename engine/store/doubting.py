"""Messages in doubt: went out of our hands, and nobody knows whether they arrived. A person may say what to do.

Rules
- Nothing here guesses. A message stays in doubt until somebody settles it, or its reader answers.
- Sent once more means under the same key, so under the same Message-ID; its reward window opens when it is accepted.
- Settled as sent counts as sent at the instant it left; settled as failed makes its decision void, never a zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from engine.store.auditing import note
from engine.store.receipts import RESENT, void
from engine.store.recovering import resolve_unknown
from engine.store.sets import one_of
from engine.store.tables import deliveries

d = deliveries.c


@dataclass(frozen=True, slots=True)
class Doubt:
    """One message in doubt; `since` is when it left, `why` what was seen."""

    key: str
    contact_id: str
    journey: str
    state: str
    message: str
    channel: str
    transactional: bool
    attempt: int
    since: datetime | None
    why: str


@dataclass(frozen=True, slots=True)
class Which:
    """What to look at: these keys, or everything of a journey, or everything."""

    keys: Sequence[str] = ()
    journey: str | None = None

    def of(self) -> sa.ColumnElement[bool]:
        found = d.status == "unknown"
        if self.keys:
            found &= one_of(d.key, self.keys)
        return found & (d.journey == self.journey) if self.journey else found


def doubts(conn: sa.Connection, which: Which, limit: int | None = None) -> list[Doubt]:
    """Return messages in doubt, the oldest first."""
    query = (
        sa.select(
            d.key, d.contact_id, d.journey, d.state, d.message, d.channel, d.transactional, d.attempt, d.sent_at,
            d.detail,
        )
        .where(which.of())
        .order_by(d.sent_at, d.key)
        .limit(limit)
    )  # fmt: skip
    rows: list[list[Any]] = [list(row) for row in conn.execute(query)]
    return [Doubt(*row) for row in rows]


def resend(conn: sa.Connection, keys: Sequence[str], now: datetime) -> int:
    """Send these once more under their own keys; return how many were still in doubt."""
    back = {
        "status": "queued", "kind": RESENT, "detail": "sent once more by hand", "owner": None, "lease_until": None,
        "next_at": now, "ended_at": None, "expires_at": None, "attempt": d.attempt + 1,
    }  # fmt: skip
    found = conn.execute(sa.update(deliveries).where(Which(keys).of()).values(back)).rowcount if keys else 0
    return _noted(conn, "resent", keys, found, now)


def settle_sent(conn: sa.Connection, keys: Sequence[str], now: datetime) -> int:
    """Count these as sent when they left; return how many were still in doubt."""
    return _noted(conn, "settled as sent", keys, resolve_unknown(conn, keys), now)


def settle_failed(conn: sa.Connection, keys: Sequence[str], now: datetime) -> int:
    """Count these as never sent; return how many were still in doubt."""
    lost = {"status": "failed", "kind": "soft", "detail": "settled by hand: it did not arrive", "ended_at": now}
    mine = sa.select(d.key).where(Which(keys).of()).with_for_update()
    still = list(conn.scalars(mine)) if keys else []
    if still:
        conn.execute(sa.update(deliveries).where(one_of(d.key, still)).values(lost))
        void(conn, still)
    return _noted(conn, "settled as failed", keys, len(still), now)


def _noted(conn: sa.Connection, what: str, keys: Sequence[str], found: int, now: datetime) -> int:
    if found:
        note(conn, "unknown", {"done": what, "messages": found, "keys": list(keys[:20])}, now)
    return found
