"""The audit: who did what when, each row chained to the one before it.

Rules
- Rows are added and never changed. A row's digest covers the row and the digest before it, so that one that was
  altered, taken out or put in between breaks the chain from there on. Rows cut off at the end leave no gap: whoever
  wants to see that notes the last digest elsewhere (`sojourn audit --verify --head DIGEST`).
- The audit outlives everybody, so it names nobody who can be erased: runs, places, counts and traces, no contact.
- Writers take turns until their transaction ends; on SQLite they do anyway.
- `hours` are counts that a replay needs, not deeds: they wait for nobody and stand outside the chain.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

import sqlalchemy as sa

from engine.store.columns import to_micros
from engine.store.tables import audit
from engine.store.values import from_json, to_json

HOURS = "hours"
actor: ContextVar[str] = ContextVar("actor", default="")
"""Who asks for what is done now: a user of the machine ("ana@host"), a user of the web ("web:ana"), "" = the engine."""

_TURN = sa.text("SELECT pg_advisory_xact_lock(7305127)")  # a number of our own, like those of connect.py
_LAST = sa.select(audit.c.digest).where(audit.c.digest.is_not(None)).order_by(audit.c.id.desc()).limit(1)
a = audit.c


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found: `rows` in the chain, those `before` it began, the ids that do not fit, and the last digest."""

    rows: int
    before: int
    broken: tuple[int, ...]
    head: str | None
    known: bool = True  # the digest that was asked for stands in the chain


def note(conn: sa.Connection, what: str, detail: Mapping[str, Any], now: datetime) -> None:
    """Add a row; the last thing that a transaction does where it can be."""
    if what == HOURS:
        conn.execute(audit.insert().values(at=now, what=what, detail=dict(detail)))
        return
    if conn.dialect.name == "postgresql":
        conn.execute(_TURN)
    kept, who = from_json(to_json(dict(detail))), actor.get()[:200]
    digest = _digest(conn.execute(_LAST).scalar(), (to_micros(now), what, who, kept))
    conn.execute(audit.insert().values(at=now, what=what, detail=kept, who=who, digest=digest))


def _digest(before: str | None, row: tuple[int, str, str, Any]) -> str:
    said = json.dumps(row, sort_keys=True, separators=(",", ":"))
    return sha256(f"{before or ''}\n{said}".encode()).hexdigest()


def trace(contact_id: str, now: datetime) -> str:
    """Return what stands for a contact in a row of this instant: their id gives it, it does not give their id."""
    return sha256(f"{to_micros(now)} {contact_id}".encode("utf-8", "replace")).hexdigest()[:16]


def verify(conn: sa.Connection, head: str | None = None) -> Verdict:
    """Go through the chain; `head`: a digest that was noted before and must stand in it."""
    last: str | None = None
    rows, before, broken, known = 0, 0, list[int](), head is None
    for row in _rows(conn):
        if row.digest is None:
            before += not rows
            broken += [row.id] if rows else []
            continue
        right = _digest(last, (to_micros(row.at), row.what, row.who, row.detail))
        broken += [row.id] if right != row.digest else []
        last, rows, known = row.digest, rows + 1, known or row.digest == head
    return Verdict(rows, before, tuple(broken), last, known)


def _rows(conn: sa.Connection) -> Iterator[sa.Row[Any]]:
    query: sa.Select[Any] = sa.select(a.id, a.at, a.what, a.who, a.detail, a.digest).where(a.what != HOURS)
    yield from conn.execution_options(yield_per=2000).execute(query.order_by(a.id))
