"""What nobody holds any more: leases that ran out, messages past their time, messages in doubt.

Rules
- `claimed` is safe to give to another: nothing was said to the world yet. `sending` is in doubt: it may have arrived.
- What is in doubt is held and listed, unless it is transactional or its channel says resend: then it goes out once
  more under the same key, so under the same Message-ID.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from engine.store.leases import judged, lease_clock
from engine.store.receipts import RESENT, again, void
from engine.store.sets import one_of
from engine.store.tables import decisions, deliveries

d = deliveries.c
c = decisions.c

_now = sa.bindparam("moment", type_=d.next_at.type)  # the statements of every delivery run are made once
_OVER = (
    sa.select(deliveries)
    .where(d.lease_until <= lease_clock("judge"), d.status.in_(("claimed", "sending")))
    .order_by(d.lease_until, d.key)
    .with_for_update(skip_locked=True)
)
_LATE = (
    sa.select(d.key)
    .where(d.next_at <= _now, d.expires_at <= _now, d.status.in_(("queued", "deferred")))
    .with_for_update(skip_locked=True)
)


@dataclass(frozen=True, slots=True)
class Recovered:
    """Keys of messages by what became of them when their lease ran out."""

    requeued: tuple[str, ...] = ()  # never begun, waiting again
    resent: tuple[str, ...] = ()  # in doubt, waiting to go out once more
    unknown: tuple[str, ...] = ()  # in doubt, held and listed


def recover(conn: sa.Connection, now: datetime, resend: frozenset[str] = frozenset()) -> Recovered:
    """Take back every message whose lease is over; `resend` are the channels whose messages in doubt go out again."""
    rows = conn.execute(_OVER, {"judge": judged(conn, now)}).all()
    if not rows:
        return Recovered()
    found = Recovered(
        tuple(r.key for r in rows if r.status == "claimed"),
        tuple(r.key for r in rows if r.status == "sending" and again(r, resend)),
        tuple(r.key for r in rows if r.status == "sending" and not again(r, resend)),
    )
    back: dict[str, Any] = {"status": "queued", "owner": None, "lease_until": None, "next_at": now}
    _set(conn, found.requeued, back)
    _set(conn, found.resent, back | {"attempt": d.attempt + 1, "kind": RESENT})
    doubt = {"status": "unknown", "lease_until": None, "detail": "lease ran out while sending", "ended_at": now}
    _set(conn, found.unknown, doubt)
    return found


def _set(conn: sa.Connection, keys: Sequence[str], values: dict[str, Any]) -> None:
    if keys:
        conn.execute(sa.update(deliveries).where(one_of(d.key, keys)).values(values))


def expire(conn: sa.Connection, now: datetime) -> int:
    """End what is due but past its time; return how many."""
    keys = list(conn.scalars(_LATE, {"moment": now}))
    if not keys:
        return 0
    _set(conn, keys, {"status": "expired", "next_at": None, "ended_at": now})
    void(conn, keys)
    return len(keys)


def resolve_unknown(conn: sa.Connection, keys: Sequence[str]) -> int:
    """Settle messages in doubt as sent, because the person has answered them; return how many were in doubt."""
    doubt = sa.select(d.key).where(one_of(d.key, keys), d.status == "unknown").with_for_update()
    arrived = list(conn.scalars(doubt))
    if arrived:
        _set(conn, arrived, {"status": "sent", "detail": "settled by an answer"})
        open_where_handed_over(conn, arrived)
    return len(arrived)


def open_where_handed_over(conn: sa.Connection, keys: Sequence[str]) -> None:
    """Open reward windows at each message's own instant."""
    handed_over = sa.select(sa.type_coerce(d.sent_at, sa.BigInteger)).where(d.key == c.key).scalar_subquery()
    span = sa.type_coerce(c.closes_at, sa.BigInteger) - sa.type_coerce(c.starts_at, sa.BigInteger)
    conn.execute(
        sa.update(decisions)
        .where(one_of(c.key, keys), c.status == "pending")
        .values(status="open", touched=True, starts_at=handed_over, closes_at=handed_over + span)
    )


def pending(conn: sa.Connection) -> dict[str, int]:
    """Return how many messages wait, are held or are in doubt, by status."""
    unended = ("queued", "deferred", "claimed", "sending", "unknown")
    query = sa.select(d.status, sa.func.count().label("n")).where(d.status.in_(unended)).group_by(d.status)
    return {row.status: row.n for row in conn.execute(query)}


def next_due(conn: sa.Connection) -> datetime | None:
    """Return when a message is due or a lease runs out, whichever comes first."""
    waits = sa.select(sa.func.min(d.next_at)).where(d.next_at.is_not(None)).scalar_subquery()
    leased = sa.select(sa.func.min(d.lease_until)).where(d.lease_until.is_not(None)).scalar_subquery()
    row = conn.execute(sa.select(waits, leased)).one()
    return min((at for at in row if at is not None), default=None)
