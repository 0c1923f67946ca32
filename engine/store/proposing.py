"""Which known people are proposed to be one."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from engine.store.profile_tables import proposals
from engine.store.tables import contacts


def proposed_merges(conn: sa.Connection, contact_id: str | None = None, most: int = 100) -> list[Any]:
    """Return the open proposals, newest first, of people who are both there."""
    p = proposals.c
    one, other = contacts.alias(), contacts.alias()
    query = sa.select(p.contact_id, p.other, p.why, p.source, p.at).where(p.settled.is_(None))
    query = query.join(one, one.c.id == p.contact_id).join(other, other.c.id == p.other)
    if contact_id is not None:
        query = query.where((p.contact_id == contact_id) | (p.other == contact_id))
    return list(conn.execute(query.order_by(p.at.desc(), p.contact_id, p.other).limit(most)).all())
