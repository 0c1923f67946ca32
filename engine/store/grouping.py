"""What lint asks about segments: how large they are, who came lately, how much they overlap, what they were once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import permutations

import sqlalchemy as sa

from engine.store import membership, segment_log, standings
from engine.store.segment_tables import segment_fills, segment_numbers
from engine.store.tables import contacts
from journeys.facts import Group

MONTH, DAY = timedelta(days=30), timedelta(days=1)
n, f = segment_numbers.c, segment_fills.c


def groups(conn: sa.Connection, now: datetime) -> dict[str, Group]:
    """Return the segments that there are."""
    sizes = membership.sizes(conn)
    if not sizes:
        return {}
    moved, shares = segment_log.lately(conn, now - MONTH), _shares(conn)
    made = {row.name: row.made_at for row in conn.execute(sa.select(n.name, n.made_at))}
    return {
        name: Group(people, moved.get(name, (0, 0))[0], (now - made[name]) / DAY, shares.get(name))
        for name, people in sizes.items()
    }


def _shares(conn: sa.Connection) -> dict[str, float]:
    """Return the share of the contacts of that time that each segment had when it was filled last."""
    last = sa.select(sa.func.max(f.id)).group_by(f.segment)
    there = sa.select(sa.func.count()).select_from(contacts).where(contacts.c.created_at <= f.at).scalar_subquery()
    rows = conn.execute(sa.select(f.segment, f.members, there).where(f.id.in_(last)))
    return {name: members / everybody for name, members, everybody in rows if everybody >= 100}


def overlaps(conn: sa.Connection, ids: Sequence[str]) -> dict[tuple[str, str], float]:
    """Return (one, other) -> the share of the one that is in the other too, among a sample of people."""
    inside: dict[str, int] = {}
    known = membership.numbers(conn)
    stood = standings.read(conn, ids) if known else {}
    for name, number in known.items():
        inside[name] = sum(1 << place for place, one in enumerate(stood.values()) if standings.bit(one, number))
    return {
        (one, other): (inside[one] & inside[other]).bit_count() / inside[one].bit_count()
        for one, other in permutations(inside, 2)
        if inside[one].bit_count() >= 30
    }
