"""Who is in a segment: reading standings, and asking for people to be looked at again.

Rules
- A segment that data.yaml does not have, or that was never filled, has no members.
- Whoever changes what a segment looks at without an event (attributes, a merge, values) says so by `look_again`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from engine.store.alarms import ring
from engine.store.segment_tables import WIDTH, segment_numbers, standings
from engine.store.sets import any_of
from engine.store.tables import EPOCH

_n, _s = segment_numbers.c, standings.c
AT_ONCE = EPOCH
"""`due_at` of somebody whose profile changed: no segment's own instant."""

_AGAIN = standings.update().where(any_of(_s.contact_id, "ids"), _s.block == 0).values(due_at=AT_ONCE)


def members(conn: sa.Connection, name: str) -> sa.Select[Any]:
    """Return the statement that selects the contact ids of a segment; it can be joined, counted or used with IN."""
    number = conn.execute(sa.select(_n.number).where(_n.name == name, _n.version != "")).scalar()
    return sa.select(_s.contact_id).where(sa.false() if number is None else inside(number))


def count(conn: sa.Connection, name: str) -> int:
    """Return how many people are in a segment."""
    return int(conn.execute(sa.select(sa.func.count()).select_from(members(conn, name).subquery())).scalar_one())


def sizes(conn: sa.Connection) -> dict[str, int]:
    """Return how many people are in each segment."""
    return sizes_of(conn, numbers(conn))


def sizes_of(conn: sa.Connection, known: Mapping[str, int]) -> dict[str, int]:
    """Return how many people are in segments, by name from name -> number: one statement for each block of WIDTH."""
    found: dict[str, int] = {}
    for block, names in _blocks(known).items():
        sums = [sa.func.coalesce(sa.func.sum(sa.case((inside(n), 1), else_=0)), 0) for _, n in names]
        row = conn.execute(sa.select(*sums).where(_s.block == block)).one()
        found |= {name: int(size) for (name, _), size in zip(names, row, strict=True)}
    return found


def numbers(conn: sa.Connection) -> dict[str, int]:
    """Return the numbers of the segments that there are."""
    return {row.name: row.number for row in conn.execute(sa.select(_n.name, _n.number).where(_n.version != ""))}


def standing_in(conn: sa.Connection, contact_id: str) -> frozenset[str]:
    """Return the segments that a contact is in."""
    query = sa.select(_s.block, _s.bits).where(_s.contact_id == contact_id)
    bits = {row.block: row.bits for row in conn.execute(query)}
    return frozenset(name for name, n in numbers(conn).items() if bits.get(n // WIDTH, 0) >> n % WIDTH & 1)


def look_again(conn: sa.Connection, contact_ids: Iterable[str], at: datetime) -> None:
    """Have all segments of these contacts looked at by the next tick: something changed that was no event."""
    ids = sorted(set(contact_ids))
    if ids and _used(conn):
        ring(conn, ids, at)
        conn.execute(_AGAIN, {"ids": ids})


def inside(number: int) -> sa.ColumnElement[bool]:
    """Return the condition on a row of `standings` that says: in the segment of this number."""
    bit = sa.literal_column(str(1 << number % WIDTH), sa.BigInteger)
    return (_s.block == number // WIDTH) & (_s.bits.op("&")(bit) != 0)


def _used(conn: sa.Connection) -> bool:
    return conn.execute(sa.select(_n.number).where(_n.version != "").limit(1)).first() is not None


def _blocks(known: Mapping[str, int]) -> dict[int, list[tuple[str, int]]]:
    found: dict[int, list[tuple[str, int]]] = {}
    for name, number in sorted(known.items(), key=lambda pair: pair[1]):
        found.setdefault(number // WIDTH, []).append((name, number))
    return found
