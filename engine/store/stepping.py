"""Stepping people: claim who is due, commit where their walks led, park whom a walk failed.

One tick is one transaction: `with writing(engine) as conn: commit(conn, walk(claim(conn, ...)), now)`.
"""

from __future__ import annotations

import re
from datetime import datetime

import sqlalchemy as sa

from engine.store import auditing
from engine.store.alarms import next_alarm
from engine.store.snapshots import Needs, claim, due, load
from engine.store.tables import alarms, enrollments
from engine.store.walked import Acting, Committed, Walked, commit

QUEUED = "while it was queued: "
"""How the reason of a parked run begins that waited at the door: unparked, it waits there again."""

__all__ = ["Acting", "Committed", "Needs", "Walked", "claim", "commit", "due", "load", "next_alarm", "park"]


def park(conn: sa.Connection, contact_id: str, reason: str, now: datetime) -> int:
    """Stop this contact's runs where they are, with the reason; return how many. Nobody else is concerned.

    Its fresh events stay fresh: once it is unparked they are seen.
    """
    running = (enrollments.c.contact_id == contact_id) & enrollments.c.status.in_(("active", "queued"))
    why = sa.case((enrollments.c.status == "queued", QUEUED + reason), else_=reason)
    stopped = enrollments.update().where(running).values(status="parked", reason=why).returning(enrollments.c.id)
    runs = sorted(conn.execute(stopped).scalars())
    conn.execute(alarms.delete().where(alarms.c.contact_id == contact_id))
    # the audit outlives the person, and what a mistake says may hold their values: it names runs and the kind alone
    kind = re.split(r"[^\w.]", reason.strip().rpartition("\n")[2], maxsplit=1)[0][:80]
    auditing.note(conn, "parked", {"contact": auditing.trace(contact_id, now), "runs": runs, "mistake": kind}, now)
    return len(runs)
