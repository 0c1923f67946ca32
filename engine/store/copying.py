"""One contact carried into another store as it stood at an instant, with what was learned: for trying a journey."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from engine.store.learning import PolicyRow
from engine.store.tables import addresses, consents, contacts, deliveries, enrollments, events, policies

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
    """Copy what was learned: the newest policy of each decision point."""
    p = policies.c
    newest = sa.select(p.point, sa.func.max(p.number).label("number")).group_by(p.point).subquery()
    _copy(source, target, policies, sa.tuple_(p.point, p.number).in_(sa.select(newest.c.point, newest.c.number)))


def policy_of(conn: sa.Connection, point: str, number: int) -> PolicyRow | None:
    """Return one version of the policy of a decision point."""
    same = (policies.c.point == point) & (policies.c.number == number)
    row = conn.execute(sa.select(policies).where(same)).one_or_none()
    return None if row is None else PolicyRow(*row)


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
