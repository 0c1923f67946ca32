"""What was refused on its way in, and why: one row each, the newest of thirty days.

Rules
- Sending the same wrong thing again adds no row. No more than the first 2,000 characters of it are kept.
- What is kept is bounded: writing drops what is old, and beyond ten thousand the oldest.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any

import sqlalchemy as sa

from engine.store.profile_tables import problems
from engine.store.sets import insert_missing

KEPT = timedelta(days=30)
MOST = 10_000
LONGEST = 2_000


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that was refused. `item` is what it said, "" when it cannot be shown."""

    source: str
    message_id: str
    reason: str
    item: str = ""
    contact_id: str | None = None

    @property
    def key(self) -> str:
        said = f"{self.source}\x00{self.message_id}\x00{self.reason}\x00{self.item}"
        return blake2b(said.encode("utf-8", "replace"), digest_size=20).hexdigest()


def shown(item: Any) -> str:
    """Return what is kept of an item."""
    try:
        text = item if isinstance(item, str) else json.dumps(item, ensure_ascii=False, default=str)
    except (ValueError, RecursionError):
        text = ""
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()[:LONGEST]


def note_problems(conn: sa.Connection, troubles: Sequence[Trouble], now: datetime) -> None:
    """Keep what was refused, and drop what is old."""
    if not troubles:
        return
    rows = {
        one.key: {
            "id": one.key, "at": now, "source": one.source[:64], "message_id": shown(one.message_id)[:200],
            "contact_id": one.contact_id, "reason": shown(one.reason), "item": one.item,
        }
        for one in troubles[-MOST:]
    }  # fmt: skip
    insert_missing(conn, problems, [rows[key] for key in sorted(rows)])
    p = problems.c
    first = sa.select(p.at).order_by(p.at.desc()).limit(1).offset(MOST).scalar_subquery()
    conn.execute(problems.delete().where((p.at < now - KEPT) | (p.at <= first)))


def refused(
    conn: sa.Connection, since: datetime | None = None, source: str | None = None, most: int = 100
) -> list[Any]:
    """Return what was refused, newest first."""
    p = problems.c
    query = sa.select(problems).order_by(p.at.desc(), p.id).limit(most)
    if since is not None:
        query = query.where(p.at >= since)
    if source is not None:
        query = query.where(p.source == source)
    return list(conn.execute(query).all())


def reasons(conn: sa.Connection, since: datetime | None = None, source: str | None = None) -> list[Any]:
    """Return (source, reason, how many, first, last) of what was refused, most frequent first."""
    p = problems.c
    count = sa.func.count().label("count")
    query = sa.select(p.source, p.reason, count, sa.func.min(p.at).label("first"), sa.func.max(p.at).label("last"))
    query = query.group_by(p.source, p.reason).order_by(count.desc(), p.source, p.reason).limit(100)
    if since is not None:
        query = query.where(p.at >= since)
    if source is not None:
        query = query.where(p.source == source)
    return list(conn.execute(query).all())
