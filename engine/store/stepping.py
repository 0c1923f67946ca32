"""Stepping people: claim who is due, commit where their walks led, park whom a walk failed.

One tick is one transaction: `with writing(engine) as conn: commit(conn, walk(claim(conn, ...)), now)`.
"""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from engine.store.alarms import next_alarm
from engine.store.snapshots import Needs, claim
from engine.store.tables import alarms, audit, enrollments
from engine.store.walked import Acting, Committed, Walked, commit

__all__ = ["Acting", "Committed", "Needs", "Walked", "claim", "commit", "next_alarm", "park"]


def park(conn: sa.Connection, contact_id: str, reason: str, now: datetime) -> int:
    """Stop this contact's runs where they are, with the reason; return how many. Nobody else is concerned.

    Its fresh events stay fresh: once it is unparked they are seen.
    """
    running = (enrollments.c.contact_id == contact_id) & enrollments.c.status.in_(("active", "queued"))
    parked = conn.execute(enrollments.update().where(running).values(status="parked", reason=reason)).rowcount
    conn.execute(alarms.delete().where(alarms.c.contact_id == contact_id))
    note = {"contact": contact_id, "reason": reason, "runs": parked}
    conn.execute(audit.insert().values(at=now, what="parked", detail=note))
    return parked
