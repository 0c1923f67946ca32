"""How much people hear, and what became of the messages that the gate objected to: counts for reports.

Rules
- A message that met a rule counts once per rule: it was skipped, or another arm went instead, or it waited.
- An arm whose own condition is false met no rule of the gate.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from engine.store.counting import Period
from engine.store.tables import contacts, decisions, deliveries, deployments, enrollments, events, refusals

LEAVING = ("unsubscribed", "complained")

n = enrollments.c
d = deliveries.c
r = refusals.c
c = decisions.c
e = events.c


@dataclass(frozen=True, slots=True)
class HandedRow:
    """A message that was handed over."""

    key: str
    contact_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of the messages that met a rule."""

    rule: str
    waited: int
    switched: int
    skipped: int


def handed(conn: sa.Connection, journey: str, period: Period) -> list[HandedRow]:
    """Return all messages of the period, of any journey, to the people who entered `journey` in it."""
    entered = sa.select(n.contact_id).where(n.journey == journey, *period.holds(n.entered_at))
    where = [d.status == "sent", d.contact_id.in_(entered), *period.holds(d.sent_at)]
    query = sa.select(d.key, d.contact_id, d.sent_at).where(*where).order_by(d.sent_at, d.key)
    return [HandedRow(*row) for row in conn.execute(query)]


def drove_away(conn: sa.Connection, journey: str, period: Period) -> frozenset[str]:
    """Return the keys of the messages by which people who entered `journey` unsubscribed or complained."""
    entered = sa.select(n.contact_id).where(n.journey == journey, *period.holds(n.entered_at))
    where = [e.name.in_(LEAVING), e.contact_id.in_(entered), *period.holds(e.at)]
    keys = conn.execute(sa.select(e.data["key"].as_string()).where(*where)).scalars()
    return frozenset(key for key in keys if key)


def fates(conn: sa.Connection, journey: str, period: Period) -> list[Fate]:
    """Return by rule what became of the messages that met it, in one statement."""
    never = sa.func.max(sa.case((r.until.is_(None), 1), else_=0))
    instead = sa.func.max(sa.case((r.at == c.at, 1), else_=0))
    drawn = sa.func.max(sa.case((c.key.is_not(None), 1), else_=0))
    met = (
        sa.select(r.rule, r.key, never.label("never"), instead.label("instead"), drawn.label("drawn"))
        .join_from(refusals, decisions, c.key == r.key, isouter=True)
        .where(r.journey == journey, r.rule != "condition", *period.holds(r.at))
        .group_by(r.rule, r.key)
        .subquery()
    )
    m = met.c
    skipped, switched = (m.never == 1) & (m.drawn == 0), m.instead == 1
    waited = ~skipped & ~switched
    counts = [sa.func.sum(sa.case((way, 1), else_=0)) for way in (waited, switched, skipped)]
    return [Fate(*row) for row in conn.execute(sa.select(m.rule, *counts).group_by(m.rule).order_by(m.rule))]


def entrants(
    conn: sa.Connection, journey: str, period: Period
) -> dict[str, tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Return by run the attributes as they are now and what it entered with: a goal's guard asks for them."""
    query = sa.select(n.id, contacts.c.attributes, n.entry).join_from(
        enrollments, contacts, contacts.c.id == n.contact_id
    )
    rows = conn.execute(query.where(n.journey == journey, *period.holds(n.entered_at)))
    return {id_: (attributes, entry) for id_, attributes, entry in rows}


def versions(conn: sa.Connection, journey: str) -> dict[str, int]:
    """Return the numbers of the versions of a journey, 1 for the one that was deployed first."""
    v = deployments.c
    query = sa.select(v.version, v.number).where(v.journey == journey).order_by(v.number)
    return {row.version: row.number for row in conn.execute(query)}


def first_entry(conn: sa.Connection, journey: str) -> datetime | None:
    """Return when somebody first entered `journey`."""
    at: datetime | None = conn.execute(sa.select(sa.func.min(n.entered_at)).where(n.journey == journey)).scalar()
    return at


def sent_since(conn: sa.Connection, after: datetime) -> list[tuple[str, str, str, str, datetime, str, str]]:
    """Return (key, contact, message, channel, instant, journey, state) of what was handed over after an instant."""
    query = sa.select(d.key, d.contact_id, d.message, d.channel, d.sent_at, d.journey, d.state)
    rows = conn.execute(query.where(d.status == "sent", d.sent_at > after).order_by(d.sent_at, d.key))
    return [(key, who, message, channel, at, journey, state) for key, who, message, channel, at, journey, state in rows]
