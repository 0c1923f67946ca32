"""Letting go of what is old: which rows, and only those that nothing needs any more.

Rules
- An event stays while somebody may ask for it: as long as some condition looks back, while a run of its person is
  under way that began before it, while a decision's window is open over it, and while no walk has seen it.
- Of a message stays that it was sent, when, and what it was; what it said, and to which address, goes (`renders`).
- Traces of walks (`log`) go as a whole. Consents, suppressions, decisions, runs and the audit stay: they are proof,
  or figures without a name.
- A batch is one transaction of at most BATCH rows, so that a night with much to do keeps nobody waiting.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

from engine.store.answer_tables import shown
from engine.store.law_tables import confirmations
from engine.store.tables import changes, contacts, decisions, deliveries, enrollments, events, placed, refusals, waits

BATCH: Final = 5000
ASKED: Final = timedelta(days=30)  # how long a wish that nobody confirmed is kept
OVER = ("sent", "failed", "suppressed", "expired", "shadow", "capped")
NOBODY = ("machine_click", "bounced", "delivered")  # events that say nothing of a person's life

e, d, n, c = events.c, deliveries.c, enrollments.c, decisions.c


@dataclass(frozen=True, slots=True)
class Spans:
    """How long each kind is kept; `asked`: event -> how far back some condition looks (None: for ever)."""

    events: timedelta
    renders: timedelta
    log: timedelta
    asked: Mapping[str, timedelta | None] = field(default_factory=dict)


Doomed = Mapping[str, tuple[sa.Table, sa.ColumnElement[bool], Mapping[str, Any] | None]]
"""Name -> table, which of its rows, and what is written over them (None: they are deleted)."""


def doomed(spans: Spans, now: datetime) -> Doomed:
    """Return what is to go now, by name."""
    old = now - spans.log
    emptied: dict[str, Any] = {"request": {}, "links": None, "address": None, "provider_id": None, "detail": ""}
    full = sa.or_(d.address.is_not(None), d.links.is_not(None), sa.cast(d.request, sa.Text) != "{}")
    return {
        "events": (events, _old_events(spans, now), None),
        "renders": (deliveries, sa.and_(d.status.in_(OVER), d.ended_at < now - spans.renders, full), emptied),
        "shown": (shown, shown.c.at < now - spans.renders, None),
        "refusals": (refusals, refusals.c.at < old, None),
        "changes": (changes, changes.c.at < old, None),
        "waits": (waits, waits.c.walked_at < old, None),
        "placed": (placed, placed.c.at < old, None),
        "confirmations": (confirmations, confirmations.c.expires_at < now - ASKED, None),
    }


def _old_events(spans: Spans, now: datetime) -> sa.ColumnElement[bool]:
    forever = sorted(name for name, span in spans.asked.items() if span is None)
    longer = {name: span for name, span in spans.asked.items() if span is not None and span > spans.events}
    cut: sa.ColumnElement[Any] | datetime = now - spans.events
    if longer:
        cut = sa.case(
            *((e.name == name, sa.literal(now - span, e.at.type)) for name, span in sorted(longer.items())),
            else_=sa.literal(cut, e.at.type),
        )
    inside = sa.exists().where(n.contact_id == e.contact_id, n.status != "left", n.entered_at <= e.at)
    began = sa.exists().where(n.contact_id == e.contact_id, n.status != "left", n.trigger == e.id)
    counted = sa.exists().where(c.contact_id == e.contact_id, c.status.in_(("pending", "open")), c.starts_at <= e.at)
    return sa.and_(e.at < cut, e.fresh.is_(sa.false()), e.name.not_in(forever), ~inside, ~began, ~counted)


def counts(conn: sa.Connection, what: Doomed) -> dict[str, int]:
    """Return how many rows would go, by name."""
    return {
        name: conn.execute(sa.select(sa.func.count()).select_from(table).where(rows)).scalar_one()
        for name, (table, rows, _) in what.items()
    }


def sweep(conn: sa.Connection, what: Doomed, name: str) -> int:
    """Let one batch of this name go; return how many rows it was."""
    table, rows, written = what[name]
    keys = tuple(table.primary_key.columns)
    chosen = sa.select(*keys).where(rows).limit(BATCH)
    mine = (keys[0] if len(keys) == 1 else sa.tuple_(*keys)).in_(chosen)
    if written is None:
        return conn.execute(sa.delete(table).where(mine)).rowcount
    return conn.execute(sa.update(table).where(mine).values(dict(written))).rowcount


def inactive(conn: sa.Connection, since: datetime, limit: int) -> tuple[int, list[str]]:
    """Return how many people have shown no sign of life since, and the ids of the first of them.

    Whoever came later, is in a journey, or has agreed to something since is none of them.
    """
    p = contacts.c
    alive = sa.exists().where(e.contact_id == p.id, e.at >= since, e.name.not_in(NOBODY))
    under_way = sa.exists().where(n.contact_id == p.id, n.status != "left")
    quiet = (p.created_at < since, p.updated_at < since, ~alive, ~under_way)
    count = conn.execute(sa.select(sa.func.count()).select_from(contacts).where(*quiet)).scalar_one()
    return count, list(conn.execute(sa.select(p.id).where(*quiet).order_by(p.id).limit(limit)).scalars())
