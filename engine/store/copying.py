"""One contact carried into another store as it stood at an instant, with what was learned: for trying a journey."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from engine.store.policies import newest_numbers
from engine.store.tables import (
    addresses,
    consents,
    contacts,
    deliveries,
    enrollments,
    events,
    points,
    policies,
    stops,
)

ENDED = ("sent", "failed", "suppressed", "expired", "unknown")


def copy_contact(source: sa.Connection, target: sa.Connection, contact_id: str, before: datetime) -> None:
    """Copy the person, their addresses and consents, and what happened before `before`; runs are left behind."""
    _copy(source, target, contacts, contacts.c.id == contact_id)
    _copy(source, target, addresses, addresses.c.contact_id == contact_id)
    _copy(source, target, consents, consents.c.contact_id == contact_id)
    d = deliveries.c
    _copy(source, target, events, events.c.contact_id == contact_id, events.c.at < before, fresh=False)
    _copy(source, target, deliveries, d.contact_id == contact_id, d.queued_at < before, d.status.in_(ENDED))


def copy_policies(source: sa.Connection, target: sa.Connection) -> None:
    """Copy what was learned and settled: the newest policies of each decision point, what is pinned, what is out."""
    p, o = policies.c, points.c
    newest = newest_numbers()
    pinned = sa.select(o.point, o.pinned).where(o.pinned.is_not(None))
    kept = sa.union(sa.select(newest.c.point, newest.c.number), pinned).subquery()
    _copy(source, target, policies, sa.tuple_(p.point, p.number).in_(sa.select(kept)))
    _copy(source, target, points)
    _copy(source, target, stops)


def attributes_of(conn: sa.Connection, contact_id: str) -> Mapping[str, Any]:
    """Return a contact's attributes, nothing for one that is not there."""
    found = conn.execute(sa.select(contacts.c.attributes).where(contacts.c.id == contact_id)).scalar()
    return found if isinstance(found, Mapping) else {}


def was_in(conn: sa.Connection, contact_id: str, journey: str) -> bool:
    """Return whether a contact has ever been in a journey."""
    mine = (enrollments.c.contact_id == contact_id) & (enrollments.c.journey == journey)
    return conn.execute(sa.select(enrollments.c.id).where(mine).limit(1)).first() is not None


def _copy(
    source: sa.Connection, target: sa.Connection, table: sa.Table, *where: sa.ColumnElement[bool], **changes: Any
) -> None:
    rows = [{**row, **changes} for row in source.execute(sa.select(table).where(*where)).mappings()]
    if rows:
        target.execute(table.insert(), rows)
